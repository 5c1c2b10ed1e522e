/** The reasons why the service should get no requests now. */
import type { Fact } from '../../pipeline/fact.ts'
import { STORE_FAILURE_SHOWN_MS } from './supervisor.ts'

interface ReadinessDeps {
  /** Why the store accepts nothing until a restart; null while it works. */
  readonly storeLoss: () => string | null
  readonly isStopping: () => boolean
  readonly now: () => number
}

export interface Readiness {
  readonly observe: (fact: Fact) => void
  /** Empty while it is ready. */
  readonly problems: () => readonly string[]
}

export function createReadiness({ storeLoss, isStopping, now }: ReadinessDeps): Readiness {
  let storeFailedAt = -Infinity

  function storeProblems(): readonly string[] {
    const loss = storeLoss()
    if (loss !== null) return [loss]
    const isRecent = now() - storeFailedAt < STORE_FAILURE_SHOWN_MS
    return isRecent ? ['the store could not take a change in the last seconds; see the log'] : []
  }

  return {
    observe(fact) {
      if (fact.kind === 'store_failed') storeFailedAt = now()
    },
    problems: () => [...storeProblems(), ...(isStopping() ? ['the service is stopping'] : [])],
  }
}
