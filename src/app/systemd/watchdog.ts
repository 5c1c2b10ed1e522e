/** Whether the service works, and the service manager's watchdog gets its heartbeat. */
import type { Heartbeat } from '../../pipeline/loop.ts'

// The loop turns at least once a second, and a store that cannot work fails within seconds.
const MIN_STALL_MS = 5_000
// Node fires a longer timer at once.
const MAX_TIMER_MS = 2 ** 31 - 1

/** Half of the watchdog's timeout, as sd_watchdog_enabled(3) recommends; undefined where this process has no watchdog. */
export function heartbeatIntervalMs(env: NodeJS.ProcessEnv, pid: number): number | undefined {
  const { WATCHDOG_USEC: timeout, WATCHDOG_PID: watched } = env
  if (timeout === undefined || (watched !== undefined && watched !== String(pid))) return undefined
  const ms = Number(timeout) / 2_000
  return /^\d+$/.test(timeout) && ms >= 1 ? Math.min(Math.floor(ms), MAX_TIMER_MS) : undefined
}

/**
 * Why a restart would help, or null. The event loop turns, or this would not be called from a timer. A store that fails
 * has answered: a restart would not fix its disk.
 */
export function stall({ doing, since }: Heartbeat, now: number, intervalMs: number): string | null {
  if (doing === 'nothing') return 'the delivery loop has ended'
  const stalledMs = now - since
  if (stalledMs <= Math.max(intervalMs, MIN_STALL_MS)) return null
  const seconds = Math.round(stalledMs / 1000)
  return doing === 'claiming'
    ? `the store has not answered the delivery loop for ${seconds} s`
    : `the delivery loop has been stuck for ${seconds} s`
}
