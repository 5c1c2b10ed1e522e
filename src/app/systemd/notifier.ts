/** Speaks to the service manager, as sd_notify(3) does. Node has no datagram sockets of that family: a program sends. */
import { spawn } from 'node:child_process'
import type { Logger } from 'pino'

export interface NotifierDeps {
  /** $NOTIFY_SOCKET. */
  readonly socket: string
  /** $PATH, where `systemd-notify` is looked for. */
  readonly path: string
  readonly log: Pick<Logger, 'warn'>
}

/** What is told at once, such as READY=1 and STATUS=…; values have no line breaks. */
export type Variables = Readonly<Record<string, string>>

const PROGRAM = 'systemd-notify'
// It waits up to five seconds until the manager has read the message: a sender that is gone by then is not believed.
const LONGEST_CALL = 10_000
const LONGEST_QUEUE = 8
// Each of these means something by itself, and in its order.
const STATES = ['READY', 'RELOADING', 'STOPPING']

/** One call at a time; what comes meanwhile goes together. Never throws, and is quiet after its first complaint. */
export class Notifier {
  readonly #deps: NotifierDeps
  #queue: Map<string, string>[] = []
  #sending = false
  #missing = false
  #complained = false

  constructor(deps: NotifierDeps) {
    this.#deps = deps
  }

  send(variables: Variables): void {
    if (this.#missing) return
    const entries = Object.entries(variables)
    const last = this.#queue.at(-1)
    const mayJoin = last !== undefined && !(hasState(last.keys()) && hasState(Object.keys(variables)))
    if (last !== undefined && (mayJoin || this.#queue.length >= LONGEST_QUEUE)) {
      for (const [name, value] of entries) last.set(name, value)
    } else this.#queue.push(new Map(entries))
    if (!this.#sending) void this.#drain()
  }

  async #drain(): Promise<void> {
    this.#sending = true
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const failure = await this.#call(next)
      if (failure !== null) this.#complain(failure)
    }
    this.#sending = false
  }

  #complain({ reason, missing }: Failure): void {
    this.#missing = missing
    if (missing) this.#queue = []
    if (this.#complained) return
    this.#complained = true
    const meaning = 'the service manager does not hear of this service, and may end it'
    this.#deps.log.warn({ meaning }, `${PROGRAM} ${reason}`)
  }

  /** Resolves with why it did not work, or null. */
  #call(variables: ReadonlyMap<string, string>): Promise<Failure | null> {
    const { socket, path } = this.#deps
    const { promise, resolve } = Promise.withResolvers<Failure | null>()
    const args = [...variables].map(([name, value]) => `${name}=${oneLine(value)}`)
    try {
      const child = spawn(PROGRAM, args, {
        // Nothing else of the environment, which may hold secrets.
        env: { NOTIFY_SOCKET: socket, PATH: path },
        stdio: ['ignore', 'ignore', 'pipe'],
        timeout: LONGEST_CALL,
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
  /** It will not work later either. */
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
