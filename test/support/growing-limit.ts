const GROWTH = 5
const LONGEST_MS = 60_000

/**
 * Runs with a limit that a silent peer exceeds; again with a longer one where the machine was too busy even to get that far
 * within it: `reached` says whether it did.
 */
export async function withGrowingLimit<Found>(
  firstMs: number,
  run: (limitMs: number) => Promise<Found>,
  reached: (found: Found) => boolean,
): Promise<{ readonly found: Found; readonly limitMs: number }> {
  for (let limitMs = firstMs; ; limitMs *= GROWTH) {
    const found = await run(limitMs)
    if (reached(found) || limitMs * GROWTH > LONGEST_MS) return { found, limitMs }
  }
}
