/** A field as a reader sees it: its label, and its value in words. */

import { isList, isObject, type Json, STEERING } from '../../json/json.ts'
import { isNumber, type Numeric } from '../../json/number.ts'
import { isDay, isoTime, likelyTime } from '../../text/iso-time.ts'
import { withoutMarkup } from '../markup.ts'

const LONGEST_LABEL = 30
const LONGEST_VALUE = 200
// A longer word is cut within.
const LONGEST_CUT_WORD = 20
const LONGEST_ID = 16
// A short id keeps both ends: ids that begin with a time differ at the end, and commands accept the beginning.
const ID_START = 8
const ID_END = 4
// A character may be several code points; longer text is cut before characters are counted.
const UNITS_PER_CHARACTER = 8

const STEERING_CHARACTERS = new RegExp(`[${STEERING}]`, 'g')
// Made when a text is first cut: what Intl needs takes milliseconds and megabytes to load.
let characters: Intl.Segmenter | undefined

/** On one line, and cut to `longest` characters with an ellipsis, between words where there are any. */
export function shortened(text: string, longest: number): string {
  const start = text.slice(0, longest * UNITS_PER_CHARACTER)
  const line = start
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .replaceAll(STEERING_CHARACTERS, '')
    .trim()
  if (line.length <= longest && start.length === text.length) return line
  characters ??= new Intl.Segmenter('en', { granularity: 'grapheme' })
  const parts = [...characters.segment(line)].map(({ segment }) => segment)
  if (parts.length <= longest && start.length === text.length) return line
  const kept = parts.slice(0, longest - 1)
  const space = kept.lastIndexOf(' ')
  const words = space > longest - LONGEST_CUT_WORD ? kept.slice(0, space) : kept
  return `${words.join('').replace(/[\s,;.:]+$/, '')}…`
}

/** The whole id where it is short, else its beginning and its end. */
export function shortId(id: string): string {
  const parts = [...id]
  if (parts.length <= LONGEST_ID) return id
  return `${parts.slice(0, ID_START).join('')}…${parts.slice(-ID_END).join('')}`
}

/** The words of a key in snake_case, kebab-case or camelCase. */
export function wordsOf(key: string): readonly string[] {
  return key
    .slice(0, LONGEST_LABEL * UNITS_PER_CHARACTER)
    .replaceAll(/(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/gu, ' ')
    .split(/[\s_.-]+/)
    .filter((word) => word !== '')
}

/** `funding_stage` is "Funding stage", `completed_at` is "Completed"; words in capitals stay. */
export function labelOf(key: string): string {
  const words = wordsOf(key).map((word) => (/^\p{Lu}{2,}\d*$/u.test(word) ? word : word.toLowerCase()))
  const last = words.at(-1)
  const shown = last === 'at' && words.length > 1 ? words.slice(0, -1) : words
  const label = shown.join(' ')
  return shortened(label.charAt(0).toUpperCase() + label.slice(1), LONGEST_LABEL)
}

// What a field is called whose number may be a time: `expires_at`, `eventTime`, `period_end`, `created`.
const TIME_KEY = /(?:^|_)(?:at|on|time|date|timestamp|created|updated|start|end|expires|expiry|since|until)$/

/**
 * Null for what cannot be shown in a line: an empty value, a mapping, a list of mappings. `key`: of the field, in
 * snake_case.
 */
export function factValue(value: Json, key = ''): string | null {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (isNumber(value)) {
    const at = TIME_KEY.test(key) ? likelyTime(Number(value)) : null
    return at === null ? numberText(value) : timeText(at)
  }
  if (typeof value === 'string') return textValue(value)
  if (!isList(value)) return null
  const items = value.slice(0, LONGEST_VALUE)
  if (items.some((item) => isList(item) || isObject(item))) return null
  const words = items.map((item) => factValue(item)).filter((item) => item !== null)
  return words.length === 0 ? null : shortened(words.join(', '), LONGEST_VALUE)
}

const FEWEST_GROUPED = 5
const MOST_DECIMALS = 2
const MOST_DIGITS_BELOW_1 = 3

/** With commas from 10,000 on, so that a year has none, and with two decimals; below 1 with three digits. */
function numberText(value: Numeric): string {
  const text = String(value)
  const [, minus = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? []
  const zeros = whole === '0' ? (/^0*/.exec(fraction)?.[0].length ?? 0) : 0
  if (whole === '' || whole.length + zeros > LONGEST_VALUE) return shortened(text, LONGEST_VALUE)
  if (fraction.length <= MOST_DECIMALS) return minus + grouped(whole) + (fraction && `.${fraction}`)
  const most = whole === '0' ? zeros + MOST_DIGITS_BELOW_1 : MOST_DECIMALS
  const rounded = round(whole, fraction, most)
  const decimals = rounded.fraction.replace(/0+$/, '')
  const sign = rounded.whole === '0' && decimals === '' ? '' : minus
  return sign + grouped(rounded.whole) + (decimals && `.${decimals}`)
}

/** To so many decimals; a half is rounded up. As text, since JavaScript's numbers have about 16 digits. */
function round(whole: string, fraction: string, decimals: number) {
  const kept = BigInt(whole + fraction.slice(0, decimals).padEnd(decimals, '0'))
  const digits = String(fraction.charAt(decimals) >= '5' ? kept + 1n : kept).padStart(decimals + 1, '0')
  return { whole: digits.slice(0, -decimals), fraction: digits.slice(-decimals) }
}

/** With commas from 10,000 on. */
export function grouped(whole: string): string {
  return whole.length < FEWEST_GROUPED ? whole : whole.replaceAll(/\B(?=(?:\d{3})+$)/g, ',')
}

const DAY = /^\d{4}-\d{2}-\d{2}$/
// With more digits, or a sign, it is no year to a reader.
const LAST_YEAR = 9_999

// What Go, .NET and MySQL write for a date that is not set.
const NOT_SET = /^000[01]-0[01]-0[01](?:[T ]00:00:00(?:\.0+)?(?:Z|[+-]00:00)?)?$/
const VISIBLE = /[^\s\p{Cf}]/u

/** A date as a person writes it; any other text as it is, cut where it is long. Null where a reader sees nothing. */
function textValue(text: string): string | null {
  if (NOT_SET.test(text) || !VISIBLE.test(text)) return null
  const isDate = DAY.test(text)
  const at = isDate ? (isDay(text) ? Date.parse(text) : null) : isoTime(text)
  const year = new Date(at ?? Number.NaN).getUTCFullYear()
  if (at === null || !(year >= 0 && year <= LAST_YEAR))
    return shortened(withoutMarkup(text), LONGEST_VALUE) || null
  return isDate ? dayText(at) : timeText(at)
}

/** `at`: milliseconds since the epoch. */
function dayText(at: number): string {
  const date = new Date(at)
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`
}

function timeText(at: number): string {
  return `${dayText(at)}, ${new Date(at).toISOString().slice(11, 16)} UTC`
}

// As British English shortens them.
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec'.split(' ')
