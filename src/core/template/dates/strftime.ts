/**
 * Formats times as LiquidJS does. Its own code asks JavaScript for the fields of a time in the zone of the machine, and is an hour off
 * around the change to and from summer time there; it also makes an Intl.DateTimeFormat for each name of a month or day.
 */

/** A time as it is to be shown. */
export interface Shown {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Its fields in UTC are what is shown. */
  readonly wall: Date
  /** How far the zone is behind UTC, in minutes. */
  readonly offset: number
  /** Empty where the zone has no name. */
  readonly zone: string
}

interface Options {
  readonly flags: string
  /** 0 where none is given. */
  readonly width: number
}

type Convert = (shown: Shown, options: Options) => string | number

const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
)
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')
const SHORT = 3
const DAY_MS = 86_400_000
const HOUR_MIN = 60
const NANOSECOND_DIGITS = 9

const month = ({ wall }: Shown) => MONTHS[wall.getUTCMonth()] ?? ''
const weekday = ({ wall }: Shown) => DAYS[wall.getUTCDay()] ?? ''
const day: Convert = ({ wall }) => wall.getUTCDate()
const hour: Convert = ({ wall }) => wall.getUTCHours()
const hourOf12: Convert = ({ wall }) => wall.getUTCHours() % 12 || 12
const half = ({ wall }: Shown) => (wall.getUTCHours() < 12 ? 'AM' : 'PM')
const inWords = (wall: Date, parts: Intl.DateTimeFormatOptions) =>
  wall.toLocaleString('en-US', { ...parts, timeZone: 'UTC' })
const dayParts = { year: 'numeric', month: 'numeric', day: 'numeric' } as const
const timeParts = { hour: 'numeric', minute: '2-digit', second: '2-digit' } as const

const conversions: ReadonlyMap<string, Convert> = new Map<string, Convert>([
  ['a', (shown) => weekday(shown).slice(0, SHORT)],
  ['A', weekday],
  ['b', (shown) => month(shown).slice(0, SHORT)],
  ['B', month],
  ['c', ({ wall }) => inWords(wall, { ...dayParts, ...timeParts })],
  ['C', ({ wall }) => Math.floor(wall.getUTCFullYear() / 100)],
  ['d', day],
  ['e', day],
  ['h', (shown) => month(shown).slice(0, SHORT)],
  ['H', hour],
  ['I', hourOf12],
  ['j', dayOfYear],
  ['k', hour],
  ['l', hourOf12],
  ['L', ({ wall }) => wall.getUTCMilliseconds()],
  ['m', ({ wall }) => wall.getUTCMonth() + 1],
  ['M', ({ wall }) => wall.getUTCMinutes()],
  ['n', () => '\n'],
  ['N', ({ wall }, { width }) => fraction(wall, width || NANOSECOND_DIGITS)],
  ['p', half],
  ['P', (shown) => half(shown).toLowerCase()],
  ['q', ({ wall }) => ordinal(wall.getUTCDate())],
  ['s', ({ at }) => Math.floor(at / 1000)],
  ['S', ({ wall }) => wall.getUTCSeconds()],
  ['t', () => '\t'],
  ['u', ({ wall }) => wall.getUTCDay() || DAYS.length],
  ['U', (shown) => weekOfYear(shown, 0)],
  ['w', ({ wall }) => wall.getUTCDay()],
  ['W', (shown) => weekOfYear(shown, 1)],
  ['x', ({ wall }) => inWords(wall, dayParts)],
  ['X', ({ wall }) => inWords(wall, timeParts)],
  ['y', ({ wall }) => ((wall.getUTCFullYear() % 100) + 100) % 100],
  ['Y', ({ wall }) => wall.getUTCFullYear()],
  ['z', offset],
  ['Z', (shown, options) => shown.zone || offset(shown, options)],
  ['%', () => '%'],
])

const widths: Readonly<Record<string, number>> = {
  ...Object.fromEntries([...'CdeHIklmMSUWy'].map((letter) => [letter, 2])),
  j: 3,
  L: 3,
  Y: 4,
}
const PADDED_WITH_BLANKS = 'aAbBceklpP'

// Flags, a width, a modifier, and the letter.
const CONVERSION = /%([-_0^#:]*)(\d*)[EO]?(.)/gs

/** `use`: hears how many characters a width adds, before they are made. */
export function strftime(shown: Shown, format: string, use: (characters: number) => void): string {
  return format.replaceAll(CONVERSION, (text, flags: string, width: string, letter: string) => {
    const convert = conversions.get(letter)
    if (convert === undefined) return text
    use(Number(width))
    return padded(String(convert(shown, { flags, width: Number(width) })), letter, flags, Number(width))
  })
}

function padded(text: string, letter: string, flags: string, given: number): string {
  const cased = flags.includes('^') ? text.toUpperCase() : flags.includes('#') ? otherCase(text) : text
  const width = flags.includes('-') ? 0 : given || (widths[letter] ?? 0)
  const withBlanks = flags.includes('_') || (!flags.includes('0') && PADDED_WITH_BLANKS.includes(letter))
  if (withBlanks) return cased.padStart(width, ' ')
  return cased.startsWith('-') ? `-${cased.slice(1).padStart(width - 1, '0')}` : cased.padStart(width, '0')
}

function otherCase(text: string): string {
  return /[a-z]/.test(text) ? text.toUpperCase() : text.toLowerCase()
}

function dayOfYear({ wall }: Shown): number {
  const start = new Date(wall)
  start.setUTCMonth(0, 1)
  return Math.round((wall.getTime() - start.getTime()) / DAY_MS) + 1
}

/** Days before the first `startDay` of the year are in week 0. */
function weekOfYear(shown: Shown, startDay: number): number {
  const sinceStart = (shown.wall.getUTCDay() - startDay + DAYS.length) % DAYS.length
  return Math.floor((dayOfYear(shown) - 1 - sinceStart + DAYS.length) / DAYS.length)
}

/** Of a second, in so many digits. */
function fraction(wall: Date, width: number): string {
  return String(wall.getUTCMilliseconds()).padStart(3, '0').slice(0, width).padEnd(width, '0')
}

function ordinal(day: number): string {
  const ending = Math.floor(day / 10) === 1 ? undefined : ['th', 'st', 'nd', 'rd'][day % 10]
  return ending ?? 'th'
}

function offset({ offset }: Shown, { flags }: Options): string {
  const minutes = Math.abs(offset)
  const [hours, rest] = [Math.floor(minutes / HOUR_MIN), minutes % HOUR_MIN]
  const colon = flags.includes(':') ? ':' : ''
  return `${offset > 0 ? '-' : '+'}${String(hours).padStart(2, '0')}${colon}${String(rest).padStart(2, '0')}`
}
