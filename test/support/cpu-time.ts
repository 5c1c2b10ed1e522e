/** Starts to measure; the function says how many milliseconds of CPU time this process has used since. */
export function cpuTime(): () => number {
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000
  }
}

/** The CPU time in milliseconds of the fastest of several runs, which other work on the machine disturbs least. */
export function fastest(action: () => void, rounds = 3): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const elapsed = cpuTime()
    action()
    best = Math.min(best, elapsed())
  }
  return best
}
