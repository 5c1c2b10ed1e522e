/** What a process that systemd started is given by its environment, where there is something. */
import type { Logger } from 'pino'
import { Notifier } from './notifier.ts'
import { Supervision } from './supervision.ts'
import { feedEvery } from './watchdog.ts'

export interface Systemd {
  /** Undefined where nobody wants to be told. */
  readonly supervision: Supervision | undefined
}

export function takeFromSystemd(env: NodeJS.ProcessEnv, pid: number, log: Logger): Systemd {
  const { NOTIFY_SOCKET, PATH } = env
  if (!NOTIFY_SOCKET) return { supervision: undefined }
  const notifier = new Notifier({ socket: NOTIFY_SOCKET, path: PATH || '/usr/bin:/bin', log })
  const now = () => performance.now()
  return { supervision: new Supervision({ notifier, feedEvery: feedEvery(env, pid), log, now }) }
}
