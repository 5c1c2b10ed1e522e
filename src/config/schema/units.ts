/** Durations and sizes as people write them, and as numbers. */

const DURATION_UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const
const SIZE_UNITS = [
  ['mb', 1_048_576],
  ['kb', 1_024],
  ['b', 1],
] as const

type Units = readonly (readonly [name: string, worth: number])[]

/** `1h30m`: at least one part, each unit at most once, the larger before the smaller. */
export const durationPattern = /^(?=\d)(?:\d{1,9}d)?(?:\d{1,9}h)?(?:\d{1,9}m)?(?:\d{1,9}s)?(?:\d{1,9}ms)?$/
export const sizePattern = /^\d{1,9}(?:b|kb|mb)$/

/** Milliseconds; null if the text is not a duration. */
export function parseDuration(text: string): number | null {
  return durationPattern.test(text) ? parse(text, DURATION_UNITS) : null
}

/** Bytes; null if the text is not a size. A kilobyte has 1,024 bytes. */
export function parseSize(text: string): number | null {
  return sizePattern.test(text) ? parse(text, SIZE_UNITS) : null
}

/** `5400000` as `1h30m`, which parseDuration reads back as the same number. For whole milliseconds. */
export function formatDuration(ms: number): string {
  let rest = ms
  let text = ''
  for (const [name, worth] of DURATION_UNITS) {
    const count = Math.floor(rest / worth)
    rest -= count * worth
    if (count > 0) text += `${count}${name}`
  }
  return text === '' ? '0s' : text
}

/** `262144` as `256kb`: with the largest unit that gives a whole number. */
export function formatSize(bytes: number): string {
  const [name, worth] = SIZE_UNITS.find(([, size]) => bytes > 0 && bytes % size === 0) ?? ['b', 1]
  return `${bytes / worth}${name}`
}

function parse(text: string, units: Units): number {
  let sum = 0
  for (const [, count, unit] of text.matchAll(/(\d+)([a-z]+)/g)) {
    sum += Number(count) * (units.find(([name]) => name === unit)?.[1] ?? 0)
  }
  return sum
}

// Units as people write them elsewhere, in milliseconds or bytes.
const OTHER_DURATIONS: readonly (readonly [RegExp, number])[] = [
  [/^(?:ms|msecs?|millis|milliseconds?)$/, 1],
  [/^(?:s|secs?|seconds?)$/, 1_000],
  [/^(?:m|mins?|minutes?)$/, 60_000],
  [/^(?:h|hrs?|hours?)$/, 3_600_000],
  [/^(?:d|days?)$/, 86_400_000],
  [/^(?:w|weeks?)$/, 7 * 86_400_000],
]
const OTHER_SIZES: readonly (readonly [RegExp, number])[] = [
  [/^(?:b|bytes?)$/, 1],
  [/^(?:k|kb|kib|kilobytes?)$/, 1_024],
  [/^(?:m|mb|mib|megabytes?)$/, 1_048_576],
  [/^(?:g|gb|gib|gigabytes?)$/, 1_073_741_824],
]

/** The duration that is probably meant, as it should be written: `1d` for "1 day"; empty if unclear. */
export function likelyDuration(written: unknown): string {
  const bare = bareNumber(written)
  if (bare !== null) return `${bare}s, ${bare}m, ${bare}h or ${bare}d`
  const ms = sumOf(written, OTHER_DURATIONS) ?? isoDuration(written)
  return ms === null || ms < 1 ? '' : formatDuration(Math.round(ms))
}

/** The same for a size: `256kb` for "256 KB". */
export function likelySize(written: unknown): string {
  const bare = bareNumber(written)
  if (bare !== null) return `${bare}kb, or ${bare}b for bytes`
  const bytes = sumOf(written, OTHER_SIZES)
  return bytes === null || bytes < 1 ? '' : formatSize(Math.round(bytes))
}

function bareNumber(written: unknown): string | null {
  const text = typeof written === 'number' ? String(written) : written
  return typeof text === 'string' && /^\s*[1-9]\d{0,8}\s*$/.test(text) ? text.trim() : null
}

function sumOf(written: unknown, units: readonly (readonly [RegExp, number])[]): number | null {
  if (typeof written !== 'string' || !/^\s*(?:\d{1,9}(?:\.\d{1,3})?\s*[a-z]+[\s,]*)+$/i.test(written))
    return null
  let sum = 0
  for (const [, count, unit = ''] of written.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/gi)) {
    const worth = units.find(([pattern]) => pattern.test(unit.toLowerCase()))?.[1]
    if (worth === undefined) return null
    sum += Number(count) * worth
  }
  return sum
}

/** ISO 8601, as in `PT5M`. */
function isoDuration(written: unknown): number | null {
  const [found, ...counts] =
    /^P(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?$/.exec(String(written)) ?? []
  if (found === undefined) return null
  return counts.reduce((sum, count, at) => sum + Number(count ?? 0) * (DURATION_UNITS[at]?.[1] ?? 0), 0)
}
