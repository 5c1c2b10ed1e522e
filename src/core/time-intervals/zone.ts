/** Time zones, by their IANA names. */

const MINUTE_MS = 60_000
const HOUR_MIN = 60
const DAY_MS = 86_400_000

interface Zone {
  readonly format: Intl.DateTimeFormat
  /** By the minute: a format takes a hundred times longer than a look-up. */
  readonly offsets: Map<number, number>
}

/** Enough for each midnight of a year, at which time intervals begin and end. */
const OFFSETS = 2_000

// A format takes ten times longer to make than to use.
const zones = new Map<string, Zone>()

/** How far the clocks of a zone are ahead of UTC at a time, in minutes. Throws a RangeError where there is no such zone. */
export function offsetAt(timeZone: string, at: number): number {
  const { format, offsets } = zoneOf(timeZone)
  const minute = Math.floor(at / MINUTE_MS)
  const known = offsets.get(minute)
  if (known !== undefined) return known
  if (offsets.size >= OFFSETS) offsets.clear()
  const offset = offsetIn(format, at)
  offsets.set(minute, offset)
  return offset
}

function zoneOf(timeZone: string): Zone {
  const known = zones.get(timeZone)
  if (known !== undefined) return known
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
  const zone = { format, offsets: new Map<number, number>() }
  zones.set(timeZone, zone)
  return zone
}

function offsetIn(format: Intl.DateTimeFormat, at: number): number {
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

/** The zone of this machine: by its offset where it has no name that can be used, as with an empty TZ, or TZ=UTC-2. */
export function localZone(): string {
  const name: string | undefined = new Intl.DateTimeFormat().resolvedOptions().timeZone
  return name !== undefined && isZone(name) ? name : offsetName(-new Date(0).getTimezoneOffset())
}

/** `+02:00` */
function offsetName(ahead: number): string {
  if (ahead === 0) return 'UTC'
  const [hours, minutes] = [Math.floor(Math.abs(ahead) / HOUR_MIN), Math.abs(ahead) % HOUR_MIN]
  const twoDigits = (value: number) => String(value).padStart(2, '0')
  return `${ahead < 0 ? '-' : '+'}${twoDigits(hours)}:${twoDigits(minutes)}`
}

/** Those that this Node.js knows. */
export function zoneNames(): readonly string[] {
  return ['UTC', ...Intl.supportedValuesOf('timeZone')]
}
