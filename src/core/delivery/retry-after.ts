/** Reads Retry-After: seconds, or a date in any of the three forms of RFC 9110, section 5.6.7. */

/** A longer Retry-After is cut to this: a broken value from a proxy must not silence a channel for days. */
export const LONGEST_RETRY_AFTER_MS = 60 * 60_000

/** The pause that an answer asks for, in milliseconds, cut to the longest; null where it asks for none. */
export function askedPause(headers: Headers, now: number): number | null {
  const asked = readRetryAfter(headers.get('retry-after') ?? '', headers.get('date'), now)
  return asked === null ? null : Math.min(asked, LONGEST_RETRY_AFTER_MS)
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const MONTH = `(${MONTHS.join('|')})`
const TIME = '(\\d{2}):(\\d{2}):(\\d{2})'
const SHORT_DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
const LONG_DAY = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day'

const IMF_FIXDATE = new RegExp(`^${SHORT_DAY}, (\\d{2}) ${MONTH} (\\d{4}) ${TIME} GMT$`)
const RFC_850 = new RegExp(`^${LONG_DAY}, (\\d{2})-${MONTH}-(\\d{2}) ${TIME} GMT$`)
const ASCTIME = new RegExp(`^${SHORT_DAY} ${MONTH} ([ \\d]\\d) ${TIME} (\\d{4})$`)

/**
 * Milliseconds to wait, however long; null if it cannot be read. `date` is the Date header of the same answer: a date is
 * compared with the clock of the server that sent it, or else with `now` (milliseconds since the epoch).
 */
export function readRetryAfter(text: string, date: string | null, now: number): number | null {
  const value = text.trim()
  if (/^\d+(?:\.\d+)?$/.test(value)) return Math.ceil(Number(value) * 1000)
  const until = readHttpDate(value, now)
  if (until === null) return null
  const from = date === null ? null : readHttpDate(date.trim(), now)
  return Math.max(0, until - (from ?? now))
}

/** Milliseconds since the epoch. `now` decides the century of a year of two digits. */
function readHttpDate(text: string, now: number): number | null {
  const imf = IMF_FIXDATE.exec(text)
  if (imf !== null) {
    const [, day, month, year, ...time] = imf
    return dateOf(Number(year), month, day, time)
  }
  const rfc850 = RFC_850.exec(text)
  if (rfc850 !== null) {
    const [, day, month, year, ...time] = rfc850
    return dateOf(fullYear(Number(year), now), month, day, time)
  }
  const asctime = ASCTIME.exec(text)
  if (asctime === null) return null
  const [, month, day, hours, minutes, seconds, year] = asctime
  return dateOf(Number(year), month, day, [hours, minutes, seconds])
}

/** A year more than 50 years ahead is in the past. */
function fullYear(twoDigits: number, now: number): number {
  const thisYear = new Date(now).getUTCFullYear()
  const year = thisYear - (thisYear % 100) + twoDigits
  return year > thisYear + 50 ? year - 100 : year
}

function dateOf(
  year: number,
  month: string | undefined,
  day: string | undefined,
  time: readonly (string | undefined)[],
): number | null {
  const [hours, minutes, seconds] = time.map(Number)
  const at = Date.UTC(year, MONTHS.indexOf(month ?? ''), Number(day), hours, minutes, seconds)
  return Number.isNaN(at) ? null : at
}
