/** The filters for dates, which give the same on every machine. */
import type { Liquid } from 'liquidjs'
import { isNumber } from '../../json/number.ts'
import { epochTime } from '../../text/iso-time.ts'
import { offsetAt } from '../../time-intervals/zone.ts'
import { type Shown, strftime } from './strftime.ts'
import { readDate } from './wall-time.ts'

const MINUTE_MS = 60_000
const UTC = { offset: 0, name: '' }
const DEFAULT_FORMAT = '%A, %B %-e, %Y at %-l:%M %P %z'

/** Replaces LiquidJS's own. What is no date stays as it is. */
export function registerDates(liquid: Liquid): void {
  const builtIn = liquid.filters.date
  if (builtIn === undefined) throw new Error('LiquidJS has no filter date')
  const theirs = typeof builtIn === 'function' ? builtIn : builtIn.handler
  const register = (name: string, formatFor: (wall: Date, ...args: unknown[]) => string) =>
    liquid.registerFilter(name, function (value: unknown, ...args: unknown[]) {
      const isNow = value === 'now' || value === 'today'
      // LiquidJS has the clock.
      const given = isNow ? Number(theirs.call(this, value, '%s')) : value
      const shown = read(given, name === 'date' ? args[1] : undefined)
      if (shown === null) return value
      const { memoryLimit } = this.context
      return strftime(shown, formatFor(shown.wall, ...args), (characters) => memoryLimit.use(characters))
    })
  register('date', (_wall, format) =>
    format === undefined || format === null ? DEFAULT_FORMAT : String(format),
  )
  register('date_to_xmlschema', () => '%Y-%m-%dT%H:%M:%S%:z')
  register('date_to_rfc822', () => '%a, %d %b %Y %H:%M:%S %z')
  register('date_to_string', (wall, type, style) => dayFormat(wall, '%b', type, style))
  register('date_to_long_string', (wall, type, style) => dayFormat(wall, '%B', type, style))
}

function dayFormat(wall: Date, month: string, type: unknown, style: unknown): string {
  if (type !== 'ordinal') return `%d ${month} %Y`
  const day = `${wall.getUTCDate()}%q`
  return style === 'US' ? `${month} ${day}, %Y` : `${day} ${month} %Y`
}

/** `zone`: minutes behind UTC, or a name; UTC by default. A time without a zone of its own is shown in none. */
function read(value: unknown, zone: unknown): Shown | null {
  const date = typeof value === 'string' ? readDate(value) : null
  const at = isNumber(value) ? epochTime(Number(value)) : (date?.at ?? Number.NaN)
  if (Number.isNaN(new Date(at).getTime())) return null
  const { offset, name } = date?.isWall ? UTC : zoneAt(zone, at)
  const wall = new Date(at - offset * MINUTE_MS)
  return Number.isNaN(wall.getTime()) ? null : { at, wall, offset, zone: name }
}

function zoneAt(zone: unknown, at: number): { readonly offset: number; readonly name: string } {
  if (typeof zone === 'string') return { offset: -offsetAt(zone, at), name: zone }
  return typeof zone === 'number' ? { offset: zone, name: '' } : UTC
}
