/**
 * Notifies the service manager, as sd_notify(3) does. Node has no Unix datagram sockets, so the program systemd-notify
 * sends.
 */
import { spawn } from 'node:child_process'
import type { Logger } from 'pino'

export interface NotifierDeps {
  /** $NOTIFY_SOCKET. */
  readonly socket: string
  /** $PATH, where `systemd-notify` is looked for. */
  readonly path: string
  readonly log: Pick<Logger, 'warn'>
}

/** Sent in one message, such as READY=1 and STATUS=…; line breaks in values are replaced. */
export type Assignments = Readonly<Record<string, string>>

const PROGRAM = 'systemd-notify'
// The program itself waits up to five seconds for the manager to read the message, since the manager ignores a message whose sender
// has ended.
const CALL_TIMEOUT_MS = 10_000
const MAX_QUEUE = 8
// Each of these must arrive, in this order.
const STATES = ['READY', 'RELOADING', 'STOPPING']

/** One call at a time; messages sent meanwhile are joined into the next. Never throws, and logs only its first failure. */
export class Notifier {
  readonly #deps: NotifierDeps
  #queue: Map<string, string>[] = []
  #sending = false
  #missing = false
  #warned = false

  constructor(deps: NotifierDeps) {
    this.#deps = deps
  }

  send(assignments: Assignments): void {
    if (this.#missing) return
    const entries = Object.entries(assignments)
    const last = this.#queue.at(-1)
    const mayJoin = last !== undefined && !(hasState(last.keys()) && hasState(Object.keys(assignments)))
    if (last !== undefined && (mayJoin || this.#queue.length >= MAX_QUEUE)) {
      for (const [name, value] of entries) last.set(name, value)
    } else this.#queue.push(new Map(entries))
    if (!this.#sending) void this.#drain()
  }

  async #drain(): Promise<void> {
    this.#sending = true
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const failure = await this.#call(next)
      if (failure !== null) this.#warn(failure)
    }
    this.#sending = false
  }

  #warn({ reason, missing }: Failure): void {
    this.#missing = missing
    if (missing) this.#queue = []
    if (this.#warned) return
    this.#warned = true
    const meaning = 'the service manager gets no notifications from this service, and may stop it'
    this.#deps.log.warn({ meaning }, `${PROGRAM} ${reason}`)
  }

  /** Resolves with the failure, or null. */
  #call(assignments: ReadonlyMap<string, string>): Promise<Failure | null> {
    const { socket, path } = this.#deps
    const { promise, resolve } = Promise.withResolvers<Failure | null>()
    const args = [...assignments].map(([name, value]) => `${name}=${oneLine(value)}`)
    try {
      const child = spawn(PROGRAM, args, {
        // No other variables: they may hold secrets.
        env: { NOTIFY_SOCKET: socket, PATH: path },
        stdio: ['ignore', 'ignore', 'pipe'],
        timeout: CALL_TIMEOUT_MS,
        killSignal: 'SIGKILL',
      })
      let said = ''
      child.stderr.on('data', (chunk) => {
        said = `${said}${chunk}`.slice(0, 500)
      })
      child.once('error', (error) => resolve(failureOf(error)))
      child.once('close', (code, signal) => {
        const reason = `ended with ${code ?? signal}: ${said.trim()}`
        resolve(code === 0 ? null : { reason, missing: false })
      })
    } catch (error) {
      resolve(failureOf(error))
    }
    return promise
  }
}

interface Failure {
  readonly reason: string
  /** The program is not installed. */
  readonly missing: boolean
}

function failureOf(error: unknown): Failure {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return { reason: 'is not installed', missing: true }
  return { reason: `cannot be started (${String(code ?? error)})`, missing: false }
}

function hasState(names: Iterable<string>): boolean {
  return [...names].some((name) => STATES.includes(name))
}

function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f]+/g, ' ')
}
