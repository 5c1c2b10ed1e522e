import type { ReloadAnswer } from '../../http/admin.ts'
import type { Observe } from '../../pipeline/fact.ts'

/** How long after a failure of the store /readyz and the service's status show it. */
export const STORE_FAILURE_SHOWN_MS = 10_000

/** Reports the state of the service to the service manager. Methods return at once. */
export interface Supervisor {
  readonly observe: Observe
  /** A new configuration is being loaded; `reloaded` follows. */
  reloading(): void
  reloaded(answer: ReloadAnswer): void
}
