/**
 * Time intervals, with the meaning that they have in Alertmanager: a time lies in an interval where each part that the interval
 * has contains it. Wall times are milliseconds as if the clock on the wall were in UTC.
 */
import type { Range } from './ranges.ts'

/** A part that is null contains every time. */
export interface TimeInterval {
  /** Minutes since midnight; the last one does not belong to it. */
  readonly times: readonly Range[] | null
  /** From 0, a Sunday. */
  readonly weekdays: readonly Range[] | null
  /** Negative ones are counted from the end of the month. */
  readonly daysOfMonth: readonly Range[] | null
  /** From 1. */
  readonly months: readonly Range[] | null
  readonly years: readonly Range[] | null
  /** The time zone, by its IANA name. */
  readonly location: string
}

const MINUTE_MS = 60_000
const DAY_MIN = 24 * 60

export function contains(interval: TimeInterval, wall: number): boolean {
  const minute = minuteOfDay(wall)
  const { times } = interval
  return (
    containsDay(interval, wall) &&
    (times === null || times.some(({ from, to }) => from <= minute && minute < to))
  )
}

/** The minutes from the one of a wall time until the first in which it may be otherwise: until midnight at most. */
export function untilChange(interval: TimeInterval, wall: number): number {
  const minute = minuteOfDay(wall)
  if (interval.times === null || !containsDay(interval, wall)) return DAY_MIN - minute
  const ends = interval.times.flatMap(({ from, to }) => [from, to]).filter((end) => end > minute)
  return Math.min(DAY_MIN, ...ends) - minute
}

function containsDay({ weekdays, daysOfMonth, months, years }: TimeInterval, wall: number): boolean {
  const date = new Date(wall)
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]
  return (
    isIn(years, year) &&
    isIn(months, month) &&
    isIn(weekdays, date.getUTCDay()) &&
    (daysOfMonth === null || daysOfMonth.some((range) => containsDate(range, day, daysIn(year, month))))
  )
}

function isIn(ranges: readonly Range[] | null, value: number): boolean {
  return ranges === null || ranges.some(({ from, to }) => from <= value && value <= to)
}

/** Days that the month does not have are left out of the range. */
function containsDate({ from, to }: Range, day: number, days: number): boolean {
  const forward = (one: number) => (one < 0 ? days + 1 + one : one)
  return forward(from) <= day && day <= forward(to)
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate()
}

function minuteOfDay(wall: number): number {
  const minutes = Math.floor(wall / MINUTE_MS)
  return minutes - Math.floor(minutes / DAY_MIN) * DAY_MIN
}
