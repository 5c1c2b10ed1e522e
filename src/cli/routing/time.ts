/** Times that commands take and print for routes. */
import { type CompiledConfig, zoneOf } from '../../config/compiled.ts'
import { isoTime } from '../../core/text/iso-time.ts'
import { timeOf, wallAt } from '../../core/time-intervals/zone.ts'
import { CommandError } from '../terminal/terminal.ts'

const DAY = /^\d{4}-\d{2}-\d{2}$/
const WALL = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?$/

/** A time in ISO 8601, in the zone of the configuration where it names none; a day is its beginning. Left out, it is now. */
export function readTime({ config }: CompiledConfig, option: string, text: string | undefined): number {
  if (text === undefined) return Date.now()
  const time = isoTime(text)
  if (time !== null) return time
  const wall = DAY.test(text) ? isoTime(`${text}T00:00Z`) : WALL.test(text) ? isoTime(`${text}Z`) : null
  if (wall === null)
    throw new CommandError(
      `${option}: ${JSON.stringify(text)} is not a time; write 2026-12-24T18:00, or 2026-12-24T17:00Z for UTC`,
      2,
    )
  return timeOf(zoneOf(config), wall)
}

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/** `Mon 2026-11-30 09:00`, as the clocks of a zone show it. */
export function wallText(zone: string, time: number): string {
  const wall = new Date(wallAt(zone, time))
  return `${WEEKDAYS[wall.getUTCDay()]} ${wall.toISOString().slice(0, 16).replace('T', ' ')}`
}
