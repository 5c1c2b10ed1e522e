/** The service manager's watchdog is notified while the service works: WATCHDOG=1 of sd_notify(3). */

import type { LoopActivity } from '../../pipeline/loop.ts'
import { isPostgres, parseUrl } from '../../postgres-url/url.ts'

// The loop turns at least once a second.
const MIN_STALL_MS = 5_000
// A claim waits for an append that is in progress, and makes a few requests itself; each of these ends after statement_timeout.
const REQUESTS_OF_CLAIM = 5
// Node fires a longer timer at once.
const MAX_TIMER_MS = 2 ** 31 - 1

/** Half of the watchdog's timeout, as sd_watchdog_enabled(3) recommends; undefined if this process has no watchdog. */
export function watchdogIntervalMs(env: NodeJS.ProcessEnv, pid: number): number | undefined {
  const { WATCHDOG_USEC: timeout, WATCHDOG_PID: watched } = env
  if (timeout === undefined || (watched !== undefined && watched !== String(pid))) return undefined
  const ms = Number(timeout) / 2_000
  return /^\d+$/.test(timeout) && ms >= 1 ? Math.min(Math.floor(ms), MAX_TIMER_MS) : undefined
}

/**
 * How long a claim may take before a restart could help. A file always answers soon, even if with an error. Each request to a database that
 * hangs ends with a timeout, and a restart would not make the database answer.
 */
export function claimLimitMs(storeUrl: string): number {
  const parsed = isPostgres(storeUrl) ? parseUrl(storeUrl) : null
  return parsed?.ok ? REQUESTS_OF_CLAIM * parsed.target.statementTimeoutMs : MIN_STALL_MS
}

/**
 * Why a restart would help, or null. The event loop turns, or this would not be called from a timer. A store that fails
 * has answered: a restart would not fix its disk.
 */
export function stall(
  { doing, since }: LoopActivity,
  now: number,
  intervalMs: number,
  claimLimitMs = MIN_STALL_MS,
): string | null {
  if (doing === 'nothing') return 'the delivery loop has ended'
  const stalledMs = now - since
  if (stalledMs <= Math.max(intervalMs, doing === 'claiming' ? claimLimitMs : MIN_STALL_MS)) return null
  const seconds = Math.round(stalledMs / 1000)
  return doing === 'claiming'
    ? `the store has not answered the delivery loop for ${seconds} s`
    : `the delivery loop has been stuck for ${seconds} s`
}
