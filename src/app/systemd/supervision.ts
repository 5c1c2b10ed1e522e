/** Tells the service manager how the service is: ready, reloading, stopping, alive, and a line for people. */
import type { Logger } from 'pino'
import type { ReloadAnswer } from '../../http/admin.ts'
import type { Fact } from '../../pipeline/fact.ts'
import type { Heartbeat } from '../../pipeline/loop.ts'
import { STORE_FAILED_FOR, type Supervisor } from '../supervisor.ts'
import type { Notifier } from './notifier.ts'
import { type Status, statusLine } from './status.ts'
import { stall } from './watchdog.ts'

export interface SupervisionDeps {
  readonly notifier: Pick<Notifier, 'send'>
  /** Milliseconds between two feeds of the watchdog; undefined where there is none. */
  readonly feedEvery: number | undefined
  readonly log: Pick<Logger, 'error' | 'info'>
  /** As performance.now(). */
  readonly now: () => number
}

/** What there is to know of the running service. */
export interface Supervised {
  readonly where: string
  readonly heartbeat: () => Heartbeat
}

const STATUS_EVERY = 10_000

export class Supervision implements Supervisor {
  readonly #deps: SupervisionDeps
  readonly #status: Status = { received: 0, delivered: 0, givenUp: 0, reload: [], store: null }
  #supervised: Supervised | undefined
  #storeFailedAt = -Infinity
  #told = ''
  #stalled = false
  #stopping = false
  #timer: NodeJS.Timeout | undefined

  constructor(deps: SupervisionDeps) {
    this.#deps = deps
  }

  observe(fact: Fact): void {
    const status = this.#status
    if (fact.kind === 'received' && fact.result !== 'duplicate') status.received += 1
    if (fact.kind === 'attempted' && fact.next.state === 'delivered') status.delivered += 1
    if (fact.kind === 'attempted' && (fact.next.state === 'parked' || fact.next.state === 'dead'))
      status.givenUp += 1
    if (fact.kind === 'store_failed') {
      this.#storeFailedAt = this.#deps.now()
      const before = status.store
      status.store = fact.message
      if (before === null) this.#tellStatus()
    }
  }

  reloading(): void {
    // Type=notify-reload, in newer managers, wants to know that this is about the reload it asked for.
    const now = process.hrtime.bigint() / 1_000n
    this.#send({ RELOADING: '1', MONOTONIC_USEC: String(now) })
  }

  reloaded(answer: ReloadAnswer): void {
    this.#status.reload = answer.ok ? [] : answer.problems
    this.#send({ READY: '1', ...this.#changedStatus() })
  }

  /** The service listens, and knows how to reload and to stop. Idempotent. */
  ready(supervised: Supervised): void {
    if (this.#supervised !== undefined) return
    this.#supervised = supervised
    this.#send({ READY: '1', ...this.#changedStatus() })
    this.#timer = setInterval(() => this.#look(), this.#deps.feedEvery ?? STATUS_EVERY).unref()
  }

  /** Idempotent; nothing is told after it. */
  stopping(): void {
    if (this.#stopping) return
    clearInterval(this.#timer)
    this.#send({ STOPPING: '1', STATUS: 'stopping: finishing what is in flight' })
    this.#stopping = true
  }

  #look(): void {
    if (this.#deps.now() - this.#storeFailedAt > STORE_FAILED_FOR) this.#status.store = null
    if (this.#deps.feedEvery !== undefined && this.#isAlive(this.#deps.feedEvery)) {
      this.#send({ WATCHDOG: '1', ...this.#changedStatus() })
    } else this.#tellStatus()
  }

  #isAlive(every: number): boolean {
    if (this.#supervised === undefined) return false
    const reason = stall(this.#supervised.heartbeat(), this.#deps.now(), every)
    const stalled = reason !== null
    if (stalled !== this.#stalled) {
      this.#stalled = stalled
      const { log } = this.#deps
      if (stalled)
        log.error(`${reason}: the watchdog is not fed any more, and systemd will start the service anew`)
      else log.info('the delivery loop goes on, and the watchdog is fed again')
    }
    return !stalled
  }

  #tellStatus(): void {
    const status = this.#changedStatus()
    if (status.STATUS !== undefined) this.#send(status)
  }

  #changedStatus(): { STATUS?: string } {
    if (this.#supervised === undefined) return {}
    const line = statusLine(this.#supervised.where, this.#status)
    if (line === this.#told) return {}
    this.#told = line
    return { STATUS: line }
  }

  #send(variables: Readonly<Record<string, string>>): void {
    if (!this.#stopping) this.#deps.notifier.send(variables)
  }
}
