import { type Store, StoreUnavailable } from '../store/store.ts'
import type { Observe } from './fact.ts'

export interface PurgeParts {
  readonly store: Pick<Store, 'purge'>
  /** Milliseconds for which a finished event is kept. */
  readonly retain: () => number
  readonly now: () => number
  readonly observe: Observe
}

const STEP = 200
const BETWEEN_STEPS = 50
const BETWEEN_ROUNDS = 60_000

/** Removes what is older than the retention, in steps small enough that no request notices. Returns how to stop it. */
export function startPurge(parts: PurgeParts): () => void {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  schedule(BETWEEN_STEPS)
  return () => {
    stopped = true
    clearTimeout(timer)
  }

  function schedule(ms: number): void {
    if (stopped) return
    timer = setTimeout(() => void step(), ms)
    timer.unref()
  }

  async function step(): Promise<void> {
    let purged = 0
    try {
      purged = await parts.store.purge(parts.now() - parts.retain(), STEP)
      if (purged > 0) parts.observe({ kind: 'purged', events: purged })
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      parts.observe({ kind: 'store_failed', during: 'purge', message: error.message })
    }
    schedule(purged === STEP ? BETWEEN_STEPS : BETWEEN_ROUNDS)
  }
}
