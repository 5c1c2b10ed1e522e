// The message of an exception may quote data that it was about.
const MAX_LENGTH = 300

/** What was thrown, on one line. */
export function describeThrown(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text.replaceAll(/\s+/g, ' ').slice(0, MAX_LENGTH).toWellFormed()
}
