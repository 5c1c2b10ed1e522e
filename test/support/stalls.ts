/** How long this process could not run, as where the machine stalls: what it measures of others meanwhile is no fault of theirs. */
const EVERY_MS = 20

export interface Stalls {
  /** Milliseconds so far. */
  total(): number
  stop(): void
}

export function watchStalls(): Stalls {
  let stalled = 0
  let last = performance.now()
  const late = () => Math.max(0, performance.now() - last - EVERY_MS)
  const timer = setInterval(() => {
    stalled += late()
    last = performance.now()
  }, EVERY_MS)
  return { total: () => stalled + late(), stop: () => clearInterval(timer) }
}
