import { describeThrown } from '../core/text/thrown.ts'
import { StoreUnavailable } from '../store/store.ts'
import type { Observe } from './fact.ts'

interface Report {
  readonly observe: Observe
  readonly onBug: (error: unknown) => void
}

/** For what runs until the service stops: it goes on after any error of the store, also a bug, or nothing more would be done. */
export function reportStoreFailure({ observe, onBug }: Report, during: string, error: unknown): void {
  const isExpected = error instanceof StoreUnavailable
  if (!isExpected) onBug(error)
  observe({ kind: 'store_failed', during, message: isExpected ? error.message : describeThrown(error) })
}
