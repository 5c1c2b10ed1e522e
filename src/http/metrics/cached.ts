const MIN_INTERVAL_MS = 1_000
/** Counting blocks the event loop, so it may take at most a hundredth of the time. */
const PAUSE_FACTOR = 100

/**
 * Reads again only when the last answer is old, however often it is asked; null where the store cannot be read.
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
    const began = performance.now()
    const answer = read()
    const blockedMs = performance.now() - began
    validUntil = clock() + Math.max(MIN_INTERVAL_MS, blockedMs * PAUSE_FACTOR)
    last = answer.catch((error: unknown) => {
      onFailure(error)
      return null
    })
    return last
  }
}
