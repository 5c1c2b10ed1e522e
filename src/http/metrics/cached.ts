const MIN_INTERVAL_MS = 1_000
/** Counting blocks the event loop, so it may take at most a hundredth of the time. */
const PAUSE_FACTOR = 100
/** If the machine stalls during a read, the read seems to have taken seconds; its result must still not be reused for minutes. */
const MAX_PAUSE_MS = 30_000

/**
 * Reads again only when the last result is old, however often it is called; null if the store cannot be read.
 * `clock`: monotonic milliseconds.
 */
export function cached<Answer>(
  read: () => Promise<Answer>,
  clock: () => number,
  onFailure: (error: unknown) => void,
): () => Promise<Answer | null> {
  let last: Promise<Answer | null> | undefined
  let validUntil = 0
  return () => {
    if (last !== undefined && clock() < validUntil) return last
    const began = clock()
    const answer = read()
    const ended = clock()
    validUntil = ended + Math.min(MAX_PAUSE_MS, Math.max(MIN_INTERVAL_MS, (ended - began) * PAUSE_FACTOR))
    last = answer.catch((error: unknown) => {
      onFailure(error)
      return null
    })
    return last
  }
}
