import { type Store, StoreUnavailable } from '../store/store.ts'
import type { Observe } from './fact.ts'

export interface PurgeDeps {
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
export function startPurge(deps: PurgeDeps): () => void {
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
      purged = await deps.store.purge(deps.now() - deps.retain(), STEP)
      if (purged > 0) deps.observe({ kind: 'purged', events: purged })
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      deps.observe({ kind: 'store_failed', during: 'purge', message: error.message })
    }
    schedule(purged === STEP ? BETWEEN_STEPS : BETWEEN_ROUNDS)
  }
}
