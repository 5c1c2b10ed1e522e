/** A field as a reader sees it: its label, and its value in words. */
import { type Json, STEERING } from '../json.ts'
import { isNumber, type Numeric } from '../number.ts'

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

/** Null for what cannot be shown in a line: an empty value, a mapping, a list of mappings. */
export function factValue(value: Json): string | null {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (isNumber(value)) return numberText(value)
  if (typeof value === 'string') return textValue(value)
  if (!Array.isArray(value)) return null
  const items = value
    .slice(0, LONGEST_VALUE)
    .map((item: Json) => (Array.isArray(item) ? null : factValue(item)))
  const words = items.filter((item) => item !== null)
  return words.length === 0 || words.length < items.length ? null : shortened(words.join(', '), LONGEST_VALUE)
}

const FEWEST_GROUPED = 5
const MOST_DECIMALS = 2

/** With commas from 10,000 on, so that a year has none, and with two decimals; below 1 with three digits. */
function numberText(value: Numeric): string {
  const text = String(value)
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? []
  if (whole === '' || whole.length > LONGEST_VALUE) return shortened(text, LONGEST_VALUE)
  if (fraction.length > MOST_DECIMALS) {
    const number = Number(value)
    if (whole === '0') return String(Number(number.toPrecision(MOST_DECIMALS + 1)))
    return numberText(Number(number.toFixed(MOST_DECIMALS)))
  }
  const grouped = whole.length < FEWEST_GROUPED ? whole : whole.replaceAll(/\B(?=(?:\d{3})+$)/g, ',')
  return `${sign}${grouped}${fraction === '' ? '' : `.${fraction}`}`
}

const DAY = /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}:\d{2})(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2}))?$/

/** A date as a person writes it; any other text as it is, cut where it is long. */
function textValue(text: string): string | null {
  const [, , , , time] = DAY.exec(text) ?? []
  const at = DAY.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at)) return shortened(text, LONGEST_VALUE) || null
  const date = new Date(at)
  const day = `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`
  return time === undefined ? day : `${day}, ${date.toISOString().slice(11, 16)} UTC`
}

// As British English shortens them.
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec'.split(' ')
