const ISO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})$/

const DAY_LENGTH = '2026-10-25'.length

/** Milliseconds since the epoch of a time in ISO 8601 with its zone; null for anything else, and for a day that there is not. */
export function isoTime(value: unknown): number | null {
  if (typeof value !== 'string' || !ISO_TIME.test(value)) return null
  const at = Date.parse(value)
  return Number.isNaN(at) || !isDay(value.slice(0, DAY_LENGTH)) ? null : at
}

/** Whether there is such a day; JavaScript takes 2026-02-30 for 2 March. `text`: in ISO 8601. */
export function isDay(text: string): boolean {
  const at = Date.parse(text)
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text)
}
