/** Starts to measure; the function says how many milliseconds of CPU time this process has used since. */
export function cpuTime(): () => number {
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000
  }
}

/** The CPU time in milliseconds of the fastest of several runs, which other work on the machine disturbs least. */
function fastest(action: () => void, rounds = 3): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const elapsed = cpuTime()
    action()
    best = Math.min(best, elapsed())
  }
  return best
}

/**
 * How many times as much CPU time `large` takes as `small`, in the first comparison that is below `limit`, or else in the last of
 * five: a collection of garbage disturbs one comparison or another, and what grows too fast exceeds the limit in each. Times below
 * `leastMs` count as that, because they say little.
 */
export function growth(
  [small, large]: readonly [small: () => void, large: () => void],
  limit: number,
  leastMs: number,
): number {
  let times = Number.POSITIVE_INFINITY
  for (let tried = 0; tried < 5 && times >= limit; tried++) {
    const least = Math.max(fastest(small), leastMs)
    const elapsed = cpuTime()
    large()
    times = elapsed() / least
  }
  return times
}
