/** When a route is muted, by its `mute_time_intervals` and `active_time_intervals`. */
import { contains, type TimeInterval, untilChange } from './time-interval.ts'
import { offsetAt } from './zone.ts'

/** What happens to a message of a muted route. */
export type WhenMuted = 'defer' | 'drop'

/** A time interval by its name, as routes name it: a time lies in it where it lies in one of its parts. */
export interface NamedInterval {
  readonly name: string
  readonly parts: readonly TimeInterval[]
}

export interface Muting {
  readonly whenMuted: WhenMuted
  isAt(time: number): boolean
  /** Null where the route is not muted at that time. */
  at(time: number): Muted | null
  /** The first time after `time` at which the reason may be another one, or end. */
  changeAfter(time: number): number
}

export interface Muted {
  /** Why, in words. */
  readonly reason: string
  /** The first time from then on at which the route is not muted; null where there is none within `HORIZON_MS`. */
  readonly until: number | null
}

const MINUTE_MS = 60_000
/** How far ahead is looked for a time at which a route is not muted: a year, and a day for those that are longer. */
export const HORIZON_MS = 367 * 86_400_000

/** Null where no interval is named: such a route is never muted. */
export function createMuting(
  mute: readonly NamedInterval[],
  active: readonly NamedInterval[],
  whenMuted: WhenMuted,
): Muting | null {
  if (mute.length + active.length === 0) return null
  const parts = [...mute, ...active].flatMap((interval) => interval.parts)
  // The events of a busy minute, and of a whole night, need the answer once.
  let last: { readonly from: number; readonly to: number; readonly muted: Muted | null } | null = null
  const changeAfter = (time: number) => Math.min(...parts.map((part) => changeOf(part, time)))
  return {
    whenMuted,
    changeAfter,
    isAt: (time) => reasonAt(time) !== null,
    at(time) {
      if (last !== null && last.from <= time && time < last.to) return last.muted
      const to = changeAfter(time)
      const reason = reasonAt(time)
      const muted = reason === null ? null : { reason, until: endAfter(to, time + HORIZON_MS) }
      last = { from: time, to, muted }
      return muted
    },
  }

  function reasonAt(time: number): string | null {
    const by = mute.find((interval) => isIn(interval, time))
    if (by !== undefined) return `muted by the time interval ${by.name}`
    if (active.length === 0 || active.some((interval) => isIn(interval, time))) return null
    const names = active.map(({ name }) => name).join(', ')
    return `muted outside the time ${active.length === 1 ? 'interval' : 'intervals'} ${names}`
  }

  function endAfter(time: number, horizon: number): number | null {
    for (let at = time; at <= horizon; at = changeAfter(at)) {
      if (reasonAt(at) === null) return at
    }
    return null
  }
}

function isIn({ parts }: NamedInterval, time: number): boolean {
  return parts.some((part) => contains(part, time + offsetAt(part.location, time) * MINUTE_MS))
}

/** The first time after `time` at which the interval may begin or end: at the start of a minute, within a day. */
function changeOf(interval: TimeInterval, time: number): number {
  const { location } = interval
  const minute = Math.floor(time / MINUTE_MS) * MINUTE_MS
  const offset = offsetAt(location, minute)
  const change = minute + untilChange(interval, minute + offset * MINUTE_MS) * MINUTE_MS
  return offsetAt(location, change) === offset ? change : transition(location, minute, change)
}

/** The minute within which the clocks of a zone are set: after `from`, and at `to` at the latest. */
function transition(zone: string, from: number, to: number): number {
  const before = offsetAt(zone, from)
  let [earlier, later] = [from, to]
  while (later - earlier > MINUTE_MS) {
    const middle = earlier + Math.floor((later - earlier) / 2 / MINUTE_MS) * MINUTE_MS
    if (offsetAt(zone, middle) === before) earlier = middle
    else later = middle
  }
  return later
}
