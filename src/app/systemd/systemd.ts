/** What systemd passes to a process through its environment. */
import type { Logger } from 'pino'
import { Notifier } from './notifier.ts'
import { type Inherited, inheritSocket } from './socket.ts'
import { Supervision } from './supervision.ts'
import { watchdogIntervalMs } from './watchdog.ts'

export interface Systemd {
  readonly socket: Inherited
  /** Undefined if the service manager expects no notifications. */
  readonly supervision: Supervision | undefined
}

/** Removes the variables that concern only this process from `env`. */
export function takeFromSystemd(env: NodeJS.ProcessEnv, pid: number, log: Logger): Systemd {
  const socket = inheritSocket(env, pid)
  const { NOTIFY_SOCKET, PATH } = env
  if (!NOTIFY_SOCKET) return { socket, supervision: undefined }
  const notifier = new Notifier({ socket: NOTIFY_SOCKET, path: PATH || '/usr/bin:/bin', log })
  const now = () => performance.now()
  return {
    socket,
    supervision: new Supervision({ notifier, watchdogIntervalMs: watchdogIntervalMs(env, pid), log, now }),
  }
}
