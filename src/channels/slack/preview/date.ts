/** What Slack shows for `<!date^…>`, in English: it depends on the reader's time and time zone. */

export interface ReaderClock {
  readonly now: number
  /** An IANA time zone. */
  readonly timeZone: string
}

const DAY = 86_400_000
const UNITS = [
  ['day', DAY],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const
const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
)

/** Fills in the tokens of a format such as `{date_short_pretty} {time}`; others stay as they are. */
export function dateWords(time: number, format: string, clock: ReaderClock): string {
  const then = partsOf(time, clock.timeZone)
  const near = nearDay(time, clock)
  const long = `${then.weekday}, ${then.month} ${ordinal(then.day)}, ${then.year}`
  const whole = `${then.month} ${ordinal(then.day)}, ${then.year}`
  const short = `${then.month.slice(0, 3)} ${then.day}, ${then.year}`
  const numbers = { month: pad(then.monthNumber), day: pad(then.day) }
  const words: Readonly<Record<string, string>> = {
    date_num: `${then.year}-${numbers.month}-${numbers.day}`,
    date_slash: `${numbers.month}/${numbers.day}/${then.year}`,
    date: whole,
    date_long: long,
    date_long_full: whole,
    date_short: short,
    date_pretty: near ?? whole,
    date_long_pretty: near ?? long,
    date_short_pretty: near ?? short,
    day_divider_pretty: near ?? long,
    time: `${then.hour}:${then.minute} ${then.half}`,
    time_secs: `${then.hour}:${then.minute}:${then.second} ${then.half}`,
    ago: ago(clock.now - time),
  }
  return format.replace(/\{(\w+)\}/g, (token, name: string, at: number) => {
    const word = Object.hasOwn(words, name) ? (words[name] ?? token) : token
    return at === 0 ? word.charAt(0).toUpperCase() + word.slice(1) : word
  })
}

/** `1:45 AM` */
export function timeWords(time: number, clock: ReaderClock): string {
  return dateWords(time, '{time}', clock)
}

// Creating an Intl.DateTimeFormat takes ten times as long as using it.
const formats = new Map<string, Intl.DateTimeFormat>()
const relative = new Intl.RelativeTimeFormat('en-US')
const ordinals = new Intl.PluralRules('en-US', { type: 'ordinal' })

function formatIn(timeZone: string): Intl.DateTimeFormat {
  const made = formats.get(timeZone)
  if (made !== undefined) return made
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    weekday: 'long',
    year: 'numeric',
    month: 'long',
    day: 'numeric',
    hour: 'numeric',
    minute: '2-digit',
    second: '2-digit',
    hour12: true,
  })
  formats.set(timeZone, format)
  return format
}

function partsOf(time: number, timeZone: string) {
  const format = formatIn(timeZone)
  const found = new Map(format.formatToParts(time).map(({ type, value }) => [type, value]))
  const part = (type: Intl.DateTimeFormatPartTypes) => found.get(type) ?? ''
  return {
    weekday: part('weekday'),
    year: part('year'),
    month: part('month'),
    monthNumber: MONTHS.indexOf(part('month')) + 1,
    day: Number(part('day')),
    hour: part('hour'),
    minute: part('minute'),
    second: part('second'),
    half: part('dayPeriod'),
  }
}

function nearDay(time: number, { now, timeZone }: ReaderClock): string | null {
  const day = (at: number) => {
    const { year, monthNumber, day } = partsOf(at, timeZone)
    return Date.UTC(Number(year), monthNumber - 1, day) / DAY
  }
  switch (day(time) - day(now)) {
    case -1:
      return 'yesterday'
    case 0:
      return 'today'
    case 1:
      return 'tomorrow'
    default:
      return null
  }
}

function ago(passed: number): string {
  const [unit, ms] = UNITS.find(([, ms]) => Math.abs(passed) >= ms) ?? (['second', 1_000] as const)
  return relative.format(-Math.trunc(passed / ms), unit)
}

function ordinal(day: number): string {
  const suffix = ordinals.select(day)
  return `${day}${{ one: 'st', two: 'nd', few: 'rd' }[String(suffix)] ?? 'th'}`
}

function pad(number: number): string {
  return String(number).padStart(2, '0')
}
