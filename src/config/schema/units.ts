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

/** Milliseconds; null where the text is no duration. */
export function parseDuration(text: string): number | null {
  return durationPattern.test(text) ? parse(text, DURATION_UNITS) : null
}

/** Bytes; null where the text is no size. A kilobyte has 1,024 bytes. */
export function parseSize(text: string): number | null {
  return sizePattern.test(text) ? parse(text, SIZE_UNITS) : null
}

/** `5400000` as `1h30m`: what parseDuration reads back as the same number. Takes whole milliseconds. */
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

/** `262144` as `256kb`: the largest unit that takes the number whole. */
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
