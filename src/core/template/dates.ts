import type { Liquid } from 'liquidjs'

const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
)
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')
const SHORT = 3

// As LiquidJS reads a format: flags, a width, a modifier, and the letter.
const CONVERSION = /%[-_0^#:]*\d*[EO]?./gs
const NAME = /%[aAbBh]/

/**
 * Names months and days for the filter `date`. LiquidJS makes an Intl.DateTimeFormat for each name, which would be a twentieth of
 * what it takes to deliver a message.
 */
export function nameDates(liquid: Liquid): void {
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
