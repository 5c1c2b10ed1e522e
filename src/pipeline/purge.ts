import type { Store } from '../store/store.ts'
import type { Observe } from './fact.ts'
import { reportStoreFailure } from './store-failure.ts'

export interface PurgeDeps {
  readonly store: Pick<Store, 'purge'>
  readonly retention: () => Retention
  readonly now: () => number
  readonly observe: Observe
  /** Called with an unexpected error; the purge goes on later. */
  readonly onBug: (error: unknown) => void
}

/** Milliseconds. */
export interface Retention {
  /** How long an event is kept that needs no one's attention. */
  readonly retain: number
  /** How long one is kept that still needs a person. */
  readonly retainUnresolved: number
}

const STEP = 200
const BETWEEN_STEPS_MS = 50
const BETWEEN_ROUNDS_MS = 60_000

/** Removes what is older than the retention, in steps so small that they do not delay requests. Returns how to stop it. */
export function startPurge(deps: PurgeDeps): () => void {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let after: string | null = null
  schedule(BETWEEN_STEPS_MS)
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
    const { retain, retainUnresolved } = deps.retention()
    const now = deps.now()
    try {
      const purged = await deps.store.purge({
        before: now - retain,
        unresolvedBefore: now - retainUnresolved,
        after,
        limit: STEP,
      })
      after = purged.next
      const { events, unresolved } = purged
      if (events > 0) deps.observe({ kind: 'purged', events, unresolved })
    } catch (error) {
      after = null
      reportStoreFailure(deps, 'purge', error)
    }
    schedule(after === null ? BETWEEN_ROUNDS_MS : BETWEEN_STEPS_MS)
  }
}
