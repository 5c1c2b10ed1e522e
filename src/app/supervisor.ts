import type { ReloadAnswer } from '../http/admin.ts'
import type { Observe } from '../pipeline/fact.ts'

/** Milliseconds after the store last failed in which the service says that it does: to load balancers, and to people. */
export const STORE_FAILED_FOR = 10_000

/** Who wants to know what the service does, so as to tell whoever keeps it running. Methods return at once. */
export interface Supervisor {
  readonly observe: Observe
  /** A new configuration is being examined; `reloaded` follows. */
  reloading(): void
  reloaded(answer: ReloadAnswer): void
}
