/** Time zones, by their IANA names. */

const MINUTE_MS = 60_000
const HOUR_MIN = 60
const DAY_MS = 86_400_000

// A format takes ten times longer to make than to use.
const formats = new Map<string, Intl.DateTimeFormat>()

/** How far the clocks of a zone are ahead of UTC at a time, in minutes. Throws a RangeError where there is no such zone. */
export function offsetAt(timeZone: string, at: number): number {
  let format = formats.get(timeZone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
    formats.set(timeZone, format)
  }
  const text = format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? ''
  const [, sign, hours = '0', minutes = '0'] = /([+-])(\d\d):(\d\d)/.exec(text) ?? []
  const ahead = Number(hours) * HOUR_MIN + Number(minutes)
  return sign === '-' ? -ahead : ahead
}

/** What the clocks of a zone show, as if they were in UTC: in milliseconds since the epoch. */
export function wallAt(timeZone: string, at: number): number {
  return at + offsetAt(timeZone, at) * MINUTE_MS
}

/** The first time at which the clocks of a zone show what `wall` shows; where they skip it, as far behind as they skip. */
export function timeOf(timeZone: string, wall: number): number {
  const [earlier, later] = [-DAY_MS, DAY_MS].map((far) => wall - offsetAt(timeZone, wall + far) * MINUTE_MS)
  const times = [earlier ?? wall, later ?? wall].sort((one, other) => one - other)
  return times.find((time) => wallAt(timeZone, time) === wall) ?? times[1] ?? wall
}

export function isZone(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone })
    return true
  } catch {
    return false
  }
}

/** The zone of this machine. */
export function localZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone
}

/** Those that this Node.js knows. */
export function zoneNames(): readonly string[] {
  return ['UTC', ...Intl.supportedValuesOf('timeZone')]
}
