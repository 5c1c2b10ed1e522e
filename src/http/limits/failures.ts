/** The limit on requests that fail verification, by client address: `server.unverified`. */
import { createFailureLimiter, type FailureLimit } from '../../core/receiving/failure-limiter.ts'

export interface FailuresDeps {
  /** Null if nothing is limited. */
  readonly failureLimit: () => FailureLimit | null
  /** Monotonic milliseconds. */
  readonly clock: () => number
}

export interface Failures {
  /** Milliseconds until a request from this address may fail again; 0 if it may now. */
  wait(address: string): number
  failed(address: string): void
  verified(address: string): void
  /** Whether a verified request came from this address since the start. */
  hasVerified(address: string): boolean
}

// A few megabytes at most.
const MAX_NETWORKS = { failing: 10_000, verified: 10_000 }

export function createFailures({ failureLimit, clock }: FailuresDeps): Failures {
  const limiter = createFailureLimiter(MAX_NETWORKS)
  return {
    wait(address) {
      const limit = failureLimit()
      return limit === null ? 0 : limiter.wait(address, limit, clock())
    },
    failed(address) {
      const limit = failureLimit()
      if (limit !== null) limiter.failed(address, limit, clock())
    },
    verified: limiter.verified,
    hasVerified: limiter.hasVerified,
  }
}
