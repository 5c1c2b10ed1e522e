/**
 * The health of a host that steps of enrich request: how many requests it gets at once, and when it gets none. Times are milliseconds of a
 * monotonic clock.
 */
import type { Verdict } from './answer.ts'

export interface HostHealth {
  /** Requests that it could not serve since the last one that it served. */
  readonly failures: number
  /** Why the last one failed; null while it works. */
  readonly reason: string | null
  /** No request is made until then. `from`: failures of requests that were sent before that count as the same failure. */
  readonly pause: { readonly from: number; readonly until: number } | null
}

export const healthyHost: HostHealth = { failures: 0, reason: null, pause: null }

/** After this many failures in a row it counts as failing. */
const FAILING_AFTER = 3
const FIRST_PROBE_MS = 1_000
const LONGEST_PROBE_MS = 30_000
// What common APIs accept from one client.
const REQUESTS_AT_ONCE = 8

export function isFailing({ failures }: HostHealth): boolean {
  return failures >= FAILING_AFTER
}

/** A host that fails gets one request at a time, to see whether it works again. */
export function requestsAtOnce(health: HostHealth): number {
  return isFailing(health) ? 1 : REQUESTS_AT_ONCE
}

/** Whole milliseconds until a request may be made; 0 for now. */
export function pausedFor({ pause }: HostHealth, now: number): number {
  return Math.max(0, Math.ceil((pause?.until ?? now) - now))
}

/**
 * The health after a request that began at `startedAt`. `within`: that of its step. Pauses that we choose are at most half of it, so
 * that an event still gets an answer if the host recovers in time.
 */
export function settleHost(
  health: HostHealth,
  verdict: Verdict,
  { startedAt, now, within }: { readonly startedAt: number; readonly now: number; readonly within: number },
): HostHealth {
  if (verdict.kind !== 'again' || !verdict.unavailable) return health.failures === 0 ? health : healthyHost
  const isSameBurst = health.pause !== null && startedAt <= health.pause.from
  const failures = health.failures + (isSameBurst ? 0 : 1)
  const next = { failures, reason: verdict.reason, pause: health.pause }
  const chosen = isFailing(next) && !isSameBurst ? probeAfter(failures, within) : 0
  const until = Math.max(health.pause?.until ?? 0, now + Math.max(verdict.after ?? 0, chosen))
  return until <= now
    ? next
    : { ...next, pause: { from: isSameBurst ? (health.pause?.from ?? now) : now, until } }
}

function probeAfter(failures: number, within: number): number {
  const doubled = FIRST_PROBE_MS * 2 ** Math.min(failures - FAILING_AFTER, 10)
  return Math.min(doubled, LONGEST_PROBE_MS, within / 2)
}
