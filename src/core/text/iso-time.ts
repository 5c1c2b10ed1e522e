const ISO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})$/

const DAY_LENGTH = '2026-10-25'.length

/** Milliseconds since the epoch of a time in ISO 8601 with its zone; null for anything else, and for a day that does not exist. */
export function isoTime(value: unknown): number | null {
  if (typeof value !== 'string' || !ISO_TIME.test(value)) return null
  const at = Date.parse(value)
  return Number.isNaN(at) || !isDay(value.slice(0, DAY_LENGTH)) ? null : at
}

// Seconds since the epoch reach it in the year 5138; milliseconds reached it in 1973.
const LEAST_MS = 1e11

/** Milliseconds since the epoch of a number of seconds since then, or of milliseconds: senders use both. */
export function epochTime(number: number): number {
  return number < LEAST_MS ? number * 1_000 : number
}

// What senders' clocks say, from 2001 to 2106: a smaller number is a duration or a count.
const FIRST_TIME_MS = 1e12
const LAST_TIME_MS = 2 ** 32 * 1_000

/** As `epochTime`; null for a number that is hardly a time. */
export function likelyTime(number: number): number | null {
  const at = epochTime(number)
  return at >= FIRST_TIME_MS && at < LAST_TIME_MS ? at : null
}

/** Whether the day exists; JavaScript reads 2026-02-30 as 2 March. `text`: in ISO 8601. */
export function isDay(text: string): boolean {
  const at = Date.parse(text)
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text)
}
