/** Words and colours of the history. */
import type { Delivery, State } from '../../core/delivery/delivery.ts'
import type { Destination } from '../../core/delivery/destination.ts'
import { printable, type Style } from '../terminal/terminal.ts'

export const stateStyles = {
  pending: 'cyan',
  held: 'cyan',
  sending: 'cyan',
  delivered: 'green',
  retrying: 'yellow',
  ambiguous: 'yellow',
  parked: 'red',
  dead: 'red',
  skipped: 'dim',
  merged: 'dim',
  cancelled: 'dim',
  dismissed: 'dim',
} as const satisfies Record<State, Style>

export function nameOf({ channel, target }: Pick<Destination, 'channel' | 'target'>): string {
  return `${channel} ${printable(target)}`
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}

export function deliveries(number: number): string {
  return count(number, 'delivery', 'deliveries')
}

/** `2026-11-23 12:00:01Z` */
export function when(time: number): string {
  return iso(time)
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z')
}

/** Why a delivery is in its state, in one line; of one that is held for a time, until when. Empty if there is nothing to say. */
export function reasonOf({ state, reason, dueAt }: Pick<Delivery, 'state' | 'reason' | 'dueAt'>): string {
  const until = state === 'held' && dueAt !== null ? `, until ${when(dueAt)}` : ''
  return reason === null ? '' : `${printable(reason)}${until}`
}

/** `11-23 12:00:01`, for lists: without the year, and with UTC in the title. */
export function shortly(time: number): string {
  return when(time).slice('2026-'.length, -1)
}

export function iso(time: number): string {
  return new Date(time).toISOString()
}

export function isoOrNull(time: number | null): string | null {
  return time === null ? null : iso(time)
}
