/** Reads the texts that `date` and its like take for dates, so that none of them is read in the zone of the machine. */
import { isDay, isoTime } from '../iso-time.ts'

// A longer text is no date, although JavaScript might find one in it.
const LONGEST = 100
const ISO_DAY = /^(?:\d{4}|[+-]\d{6})(?:-\d{2}){0,2}$/
const SECONDS = /^\d+$/
// What JavaScript takes for a zone behind the first number: a name, or an offset, which is no hyphen within a date.
const ZONE = /(?<![a-z])(?:z|ut|utc|gmt|[ecmp][sd]t)(?![a-z])|\+|(?:\s|:\d+(?:\.\d+)?|[ap]m|\))-/i

/**
 * The text of a date for JavaScript to read: one without a zone as if it were in UTC (`isWall`), so that it is shown as it was
 * written. Null where the text is no date.
 */
export function readableDate(text: string): { readonly text: string; readonly isWall: boolean } | null {
  if (SECONDS.test(text) || isoTime(text) !== null) return { text, isWall: false }
  if (text.length > LONGEST || Number.isNaN(Date.parse(text))) return null
  const [day] = /^\d{4}-\d{2}-\d{2}/.exec(text) ?? []
  if (day !== undefined && !isDay(day)) return null
  if (ISO_DAY.test(text)) return { text, isWall: false }
  // JavaScript skips what is in parentheses.
  const plain = text.replaceAll(/\([^()]*\)/g, ' ').trim()
  if (plain.includes('(')) return null
  if (ZONE.test(plain.slice(plain.search(/\d/)))) return { text, isWall: false }
  const inUtc = /^\d{4}-\d{2}-\d{2}T/.test(plain) ? `${plain}Z` : `${plain} UTC`
  return Number.isNaN(Date.parse(inUtc)) ? null : { text: inUtc, isWall: true }
}
