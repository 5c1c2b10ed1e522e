/** Whether the service manager's watchdog may be fed: only while the service does its work. */
import type { Heartbeat } from '../../pipeline/loop.ts'

// The loop looks at least once a second, and a store that answers refuses within seconds.
const LEAST_PATIENCE = 5_000
// A timer for longer would fire at once, again and again.
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * Milliseconds between two feeds, half of what the manager waits as sd_watchdog_enabled(3) has it; undefined where
 * nobody waits for this process.
 */
export function feedEvery(env: NodeJS.ProcessEnv, pid: number): number | undefined {
  const { WATCHDOG_USEC: wait, WATCHDOG_PID: fed } = env
  if (wait === undefined || (fed !== undefined && fed !== String(pid))) return undefined
  const ms = Number(wait) / 2_000
  return /^\d+$/.test(wait) && ms >= 1 ? Math.min(Math.floor(ms), LONGEST_TIMER) : undefined
}

/**
 * Why a restart would help, or null. That the event loop turns, whoever calls this from a timer has shown. A store that
 * refuses has answered: a restart would not fix its disk. `every`: milliseconds between two feeds.
 */
export function stall({ doing, since }: Heartbeat, now: number, every: number): string | null {
  if (doing === 'nothing') return 'the delivery loop has ended'
  const stood = now - since
  if (stood <= Math.max(every, LEAST_PATIENCE)) return null
  const seconds = Math.round(stood / 1000)
  return doing === 'claiming'
    ? `the store has not answered the delivery loop for ${seconds} s`
    : `the delivery loop has stood still for ${seconds} s`
}
