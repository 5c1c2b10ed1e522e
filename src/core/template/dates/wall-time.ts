/** Reads the texts that JavaScript takes for dates, but none of them in the zone of the machine. */
import { epochTime, isDay, isoTime } from '../../text/iso-time.ts'

// A longer text is no date, although JavaScript might find one in it.
const LONGEST = 100
const ISO_DAY = /^(?:\d{4}|[+-]\d{6})(?:-\d{2}){0,2}$/
const NUMBER = /^\d+$/
// At the end, the name of a zone that JavaScript knows, or an offset behind the only time; or one of them before the year.
const NAMED = /\d.*(?<=[\d\s])(?:z|ut|utc|gmt|[ecmp][sd]t)$/is
const OFFSET =
  /^[^:]*(?<!\d)\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?\s*(?:[ap]m)?\s*(?:ut|utc|gmt)?\s*[+-]\d\d(?::?\d\d)?$/i
const BEFORE_YEAR = /^[^:]*(?<!\d)\d{1,2}:\d\d:\d\d\s+(?:ut|utc|gmt|[ecmp][sd]t|[+-]\d{4})\s+\d{4}$/i
// What might be a zone elsewhere: none of the hyphens within a date.
const PERHAPS = /(?<![a-z])(?:z|ut|utc|gmt|[ecmp][sd]t)(?![a-z])|\+|(?:\s|:\d{1,2}(?:\.\d+)?|[ap]m|\))-/i

export interface ReadDate {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The text has no zone: `at` is as if it were in UTC. */
  readonly isWall: boolean
}

/** Null where the text is no date. */
export function readDate(text: string): ReadDate | null {
  const at = NUMBER.test(text) ? epochTime(Number(text)) : isoTime(text)
  if (at !== null) return { at, isWall: false }
  if (text.length > LONGEST || Number.isNaN(Date.parse(text))) return null
  const [day] = /^\d{4}-\d{2}-\d{2}/.exec(text) ?? []
  if (day !== undefined && !isDay(day)) return null
  if (ISO_DAY.test(text)) return { at: Date.parse(text), isWall: false }
  // JavaScript skips what is in parentheses.
  const plain = text.replaceAll(/\([^()]*\)/g, ' ').trim()
  if (plain.includes('(')) return null
  if ([NAMED, OFFSET, BEFORE_YEAR].some((zone) => zone.test(plain)))
    return { at: Date.parse(text), isWall: false }
  if (PERHAPS.test(plain)) return null
  const inUtc = Date.parse(/^\d{4}-\d{2}-\d{2}T/.test(plain) ? `${plain}Z` : `${plain} UTC`)
  return Number.isNaN(inUtc) ? null : { at: inUtc, isWall: true }
}
