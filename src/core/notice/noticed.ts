/** Whether a destination's state is worth a notice, given the last one about it. */
import { type DestinationState, isBroken } from '../delivery/destination.ts'
import type { JsonObject } from '../json/json.ts'

/** What a destination's notices are about. The counts are of messages that are not notices themselves. */
export interface Trouble {
  readonly channel: string
  /** Those that share the rate key. */
  readonly targets: readonly string[]
  readonly rateKey: string
  readonly state: DestinationState | null
  readonly waiting: number
  readonly parked: number
  readonly dead: number
}

export function placeOf({ channel, targets }: Pick<Trouble, 'channel' | 'targets'>): string {
  const [first = '', ...more] = targets
  return `${channel} ${first}${more.length === 0 ? '' : ` and ${more.length} more`}`
}

/** The part of a stored notice that decides whether there is another one. */
export interface RecordedNotice {
  readonly eventId: string
  readonly type: string
  readonly at: number
  readonly data: JsonObject
}

/** What was recorded last for a destination. */
export interface Noticed {
  /** The last of destination.failing and destination.recovered. */
  readonly health: RecordedNotice | null
  readonly dead: RecordedNotice | null
}

/** A destination that fails again and again, and messages that die one by one, make one notice in this time. */
const BETWEEN_NOTICES_MS = 10 * 60_000

export function isOpen(health: RecordedNotice | null): boolean {
  return health?.type === 'destination.failing'
}

/** Whether it is time for destination.failing. */
export function beginsToFail({ state, waiting, parked }: Trouble, { health }: Noticed, now: number): boolean {
  if (isOpen(health) || !hasPassed(health, now)) return false
  if (state !== null && isBroken(state) && waiting + parked > 0) return true
  return parked > ((state?.failures ?? 0) > 0 ? 0 : numberIn(health, 'parked'))
}

/** Whether it had a success since destination.failing. */
export function worksAgain({ state }: Trouble, { health }: Noticed): boolean {
  if (!isOpen(health) || state === null || state.failures > 0) return false
  return state.lastSuccessAt !== null && String(state.lastSuccessAt) !== String(health?.data.last_success_at)
}

/** How many dead messages no notice has counted yet. */
export function newlyDead({ dead: total }: Trouble, noticed: Noticed, now: number): number {
  return hasPassed(noticed.dead, now) ? Math.max(0, total - numberIn(noticed.dead, 'total')) : 0
}

function hasPassed(notice: RecordedNotice | null, now: number): boolean {
  return notice === null || Math.abs(now - notice.at) >= BETWEEN_NOTICES_MS
}

/** Numbers of stored events are exact values. */
function numberIn(notice: RecordedNotice | null, key: string): number {
  return Number(notice?.data[key] ?? 0)
}
