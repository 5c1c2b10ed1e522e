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
  /** Why the route is muted at that time, in words; null if it is not. */
  reasonAt(time: number): string | null
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
  const activeParts = active.flatMap(({ parts }) => parts)
  const muteParts = mute.flatMap(({ parts }) => parts)
  const parts = [...muteParts, ...activeParts]
  // The events of a busy minute, and of a whole night, need the answer once.
  let last: { readonly from: number; readonly to: number; readonly muted: Muted | null } | null = null
  // From one time to another it is muted without a gap. The second is its end, or how far was looked.
  let known = { from: 0, to: 0, isEnd: false }
  const changeAfter = (time: number) => Math.min(...parts.map((part) => changeOf(part, time)))
  return {
    whenMuted,
    changeAfter,
    reasonAt,
    at(time) {
      if (last !== null && last.from <= time && time < last.to) return last.muted
      const reason = reasonAt(time)
      const muted = reason === null ? null : { reason, until: endAfter(time) }
      last = { from: time, to: changeAfter(time), muted }
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

  function endAfter(time: number): number | null {
    const isKnown = known.from <= time && time < known.to
    const { from, to, isEnd } = isKnown ? known : { from: time, to: time, isEnd: false }
    known = isEnd ? known : { from, ...search(to, time + HORIZON_MS) }
    return known.isEnd ? known.to : null
  }

  function search(from: number, horizon: number): { readonly to: number; readonly isEnd: boolean } {
    let to = from
    while (to <= horizon) {
      const next = mutedUntil(to)
      if (next === null) return { to, isEnd: true }
      to = next
    }
    return { to, isEnd: false }
  }

  /** A time until which it is muted for certain; null where it is not. One entry is enough, whatever the others do meanwhile. */
  function mutedUntil(time: number): number | null {
    const covering = muteParts.filter((part) => isInPart(part, time)).map((part) => changeOf(part, time))
    const isOutside = activeParts.length > 0 && !activeParts.some((part) => isInPart(part, time))
    const outside = isOutside ? [Math.min(...activeParts.map((part) => changeOf(part, time)))] : []
    const ends = [...covering, ...outside]
    return ends.length === 0 ? null : Math.max(...ends)
  }
}

function isIn({ parts }: NamedInterval, time: number): boolean {
  return parts.some((part) => isInPart(part, time))
}

function isInPart(part: TimeInterval, time: number): boolean {
  return contains(part, time + offsetAt(part.location, time) * MINUTE_MS)
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
