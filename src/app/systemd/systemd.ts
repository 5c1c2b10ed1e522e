/** What a process that systemd started is given by its environment, where there is something. */
import type { Logger } from 'pino'
import { Notifier } from './notifier.ts'
import { type Inherited, inheritSocket } from './socket.ts'
import { Supervision } from './supervision.ts'
import { feedEvery } from './watchdog.ts'

export interface Systemd {
  readonly socket: Inherited
  /** Undefined where nobody wants to be told. */
  readonly supervision: Supervision | undefined
}

/** Takes the variables that concern this process alone out of `env`. */
export function takeFromSystemd(env: NodeJS.ProcessEnv, pid: number, log: Logger): Systemd {
  const socket = inheritSocket(env, pid)
  const { NOTIFY_SOCKET, PATH } = env
  if (!NOTIFY_SOCKET) return { socket, supervision: undefined }
  const notifier = new Notifier({ socket: NOTIFY_SOCKET, path: PATH || '/usr/bin:/bin', log })
  const now = () => performance.now()
  return { socket, supervision: new Supervision({ notifier, feedEvery: feedEvery(env, pid), log, now }) }
}
