import type { Liquid } from 'liquidjs'
import { readableDate } from './wall-time.ts'

const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
)
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')
const SHORT = 3

// As LiquidJS reads a format: flags, a width, a modifier, and the letter.
const CONVERSION = /%[-_0^#:]*\d*[EO]?./gs
const NAME = /%[aAbBh]/

const DATE_FILTERS = ['date', 'date_to_long_string', 'date_to_rfc822', 'date_to_string', 'date_to_xmlschema']

/** Makes the filters for dates independent of the machine's zone, and fast. */
export function prepareDates(liquid: Liquid): void {
  nameDates(liquid)
  for (const name of DATE_FILTERS) readDates(liquid, name)
}

/** A time without a zone is shown as it was written, and in no other zone. What is no date stays as it is. */
function readDates(liquid: Liquid, name: string): void {
  const builtIn = liquid.filters[name]
  if (builtIn === undefined) throw new Error(`LiquidJS has no filter ${name}`)
  const format = typeof builtIn === 'function' ? builtIn : builtIn.handler
  liquid.registerFilter(name, function (value: unknown, ...args: unknown[]) {
    if (typeof value !== 'string' || value === 'now' || value === 'today') {
      return format.call(this, value, ...args)
    }
    const date = readableDate(value)
    if (date === null) return value
    return format.call(this, date.text, ...(date.isWall && name === 'date' ? args.slice(0, 1) : args))
  })
}

/**
 * Names months and days for the filter `date`. LiquidJS makes an Intl.DateTimeFormat for each name, which would be a twentieth of
 * what it takes to deliver a message.
 */
function nameDates(liquid: Liquid): void {
  const builtIn = liquid.filters.date
  if (builtIn === undefined) throw new Error('LiquidJS has no filter date')
  const format = typeof builtIn === 'function' ? builtIn : builtIn.handler
  liquid.registerFilter('date', function (value: unknown, pattern: unknown, ...zone: unknown[]) {
    const isNow = value === 'now' || value === 'today'
    if (isNow || typeof pattern !== 'string' || !NAME.test(pattern)) {
      return format.call(this, value, pattern, ...zone)
    }
    const [, month, day] = /^(\d\d) (\d)$/.exec(String(format.call(this, value, '%m %w', ...zone))) ?? []
    // It is no date.
    if (month === undefined) return format.call(this, value, pattern, ...zone)
    const named = pattern.replace(CONVERSION, (text) => nameFor(text, Number(month) - 1, Number(day)) ?? text)
    return format.call(this, value, named, ...zone)
  })
}

function nameFor(conversion: string, month: number, day: number): string | undefined {
  switch (conversion) {
    case '%B':
      return MONTHS[month]
    case '%b':
    case '%h':
      return MONTHS[month]?.slice(0, SHORT)
    case '%A':
      return DAYS[day]
    case '%a':
      return DAYS[day]?.slice(0, SHORT)
    default:
      return undefined
  }
}
