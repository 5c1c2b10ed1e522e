/** The ranges of a time interval, as Alertmanager writes them: `monday:friday`, `1:15`, `-1`, `may:august`. */
import { nearest } from '../text/nearest.ts'

/** Both ends belong to it. */
export interface Range {
  readonly from: number
  readonly to: number
}

/** The range, or what is wrong with the text. */
export type Parsed = Range | string

const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']
const [FIRST_WEEKDAY, LAST_WEEKDAY] = ['sunday', 'saturday']
const months = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
]

const LONGEST_MONTH = 31
const DAY_MIN = 24 * 60
const HOUR_MIN = 60

/** From 0, a Sunday. */
export function parseWeekdays(text: string): Parsed {
  const parsed = parse(text, (part) => named(part, weekdays, 'a day such as monday'))
  if (typeof parsed === 'string' || parsed.from <= parsed.to) return parsed
  const [from = '', to = ''] = text.toLowerCase().split(':')
  const first = from === LAST_WEEKDAY ? from : `${from}:${LAST_WEEKDAY}`
  const second = to === FIRST_WEEKDAY ? to : `${FIRST_WEEKDAY}:${to}`
  return `runs past the end of the week, which is ${LAST_WEEKDAY}: write two entries, ${first} and ${second}`
}

/** 1 to 31, or -31 to -1, counted from the end of the month. */
export function parseDaysOfMonth(text: string): Parsed {
  const parsed = parse(text, (part) => {
    const day = wholeNumber(part)
    const isDay = day !== null && day !== 0 && Math.abs(day) <= LONGEST_MONTH
    return isDay
      ? day
      : `must be a day of the month: 1 to ${LONGEST_MONTH}, or -1 for the last one, and so on`
  })
  if (typeof parsed === 'string') return parsed
  const { from, to } = parsed
  if (from > 0 && to < 0 && LONGEST_MONTH + 1 + to < from) return 'ends before it begins, in every month'
  return from < 0 && to > 0
    ? `runs past the end of the month: write two entries, ${from === -1 ? from : `${from}:-1`} and ${to === 1 ? to : `1:${to}`}`
    : inOrder(parsed)
}

/** 1 to 12. */
export function parseMonths(text: string): Parsed {
  const parsed = parse(text, (part) => {
    const month = wholeNumber(part)
    if (month !== null)
      return month >= 1 && month <= months.length ? month : `must be a month: 1 to ${months.length}`
    const index = named(part, months, 'a month such as may, or 5')
    return typeof index === 'string' ? index : index + 1
  })
  if (typeof parsed === 'string' || parsed.from <= parsed.to) return parsed
  const [from, to] = text.split(':')
  return `runs past the end of the year: write two entries, ${from}:december and january:${to}`
}

export function parseYears(text: string): Parsed {
  const parsed = parse(text, (part) => {
    const year = wholeNumber(part)
    return year !== null && year >= 1_970 && year <= 9_999 ? year : 'must be a year such as 2027'
  })
  return typeof parsed === 'string' ? parsed : inOrder(parsed)
}

/** Minutes since midnight, up to 24:00; null where it is no time. */
export function parseTime(text: string): number | null {
  const [, hours, minutes] = /^(\d{1,2}):(\d\d)$/.exec(text.trim()) ?? []
  if (hours === undefined || Number(minutes) >= HOUR_MIN) return null
  const minute = Number(hours) * HOUR_MIN + Number(minutes)
  return minute <= DAY_MIN ? minute : null
}

const anyCase = (names: readonly string[]) =>
  names.map((name) => name.replaceAll(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`)).join('|')
const range = (one: string) => `^ *(?:${one}) *(?:: *(?:${one}) *)?$`

/** What ranges look like; the parsers know more. */
export const patterns = {
  time: '^ *(?:(?:[01]?[0-9]|2[0-3]):[0-5][0-9]|24:00) *$',
  weekdays: range(anyCase(weekdays)),
  daysOfMonth: range('-?(?:0?[1-9]|[12][0-9]|3[01])'),
  months: range(`${anyCase(months)}|0?[1-9]|1[0-2]`),
  years: range('[0-9]{4}'),
}

/** One value, or the first and the last with a colon between them. */
function parse(text: string, parseOne: (part: string) => number | string): Parsed {
  const [first = '', last = first, ...more] = text.split(':').map((part) => part.trim().toLowerCase())
  if (more.length > 0) return 'must be one value, or two with a colon between them'
  const from = parseOne(first)
  if (typeof from === 'string') return from
  const to = parseOne(last)
  return typeof to === 'string' ? to : { from, to }
}

function inOrder(range: Range): Parsed {
  return range.from > range.to && range.from > 0 === range.to > 0 ? 'ends before it begins' : range
}

function wholeNumber(text: string): number | null {
  return /^-?\d{1,4}$/.test(text) ? Number(text) : null
}

function named(text: string, names: readonly string[], wanted: string): number | string {
  const index = names.indexOf(text)
  if (index >= 0) return index
  const meant = names.find((name) => text.length >= 3 && name.startsWith(text)) ?? nearest(text, names)
  return meant === undefined ? `must be ${wanted}` : `must be ${wanted} (did you mean ${meant}?)`
}
