const ISO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})$/

/** Milliseconds since the epoch of a time in ISO 8601 with its zone; null for anything else. */
export function isoTime(value: unknown): number | null {
  if (typeof value !== 'string' || !ISO_TIME.test(value)) return null
  const at = Date.parse(value)
  return Number.isNaN(at) ? null : at
}
