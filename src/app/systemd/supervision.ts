/** Reports the service's state to the service manager: ready, reloading, stopping, alive, and a line for people. */
import type { Logger } from 'pino'
import type { ReloadAnswer } from '../../http/admin.ts'
import type { Fact } from '../../pipeline/fact.ts'
import type { LoopActivity } from '../../pipeline/loop.ts'
import { STORE_FAILURE_SHOWN_MS, type Supervisor } from '../health/supervisor.ts'
import type { Notifier } from './notifier.ts'
import { type Status, statusLine } from './status.ts'
import { stall } from './watchdog.ts'

export interface SupervisionDeps {
  readonly notifier: Pick<Notifier, 'send'>
  /** Undefined if there is no watchdog. */
  readonly watchdogIntervalMs: number | undefined
  readonly log: Pick<Logger, 'error' | 'info'>
  /** A clock like performance.now(). */
  readonly now: () => number
}

/** The running service. */
export interface Supervised {
  readonly where: string
  readonly activity: () => LoopActivity
  /** How long a claim of the delivery loop may take before a restart could help. */
  readonly claimLimitMs: number
  /** Why the store accepts nothing until a restart; null while it works. */
  readonly storeLoss: () => string | null
}

const STATUS_INTERVAL_MS = 10_000

export class Supervision implements Supervisor {
  readonly #deps: SupervisionDeps
  readonly #status: Status = { received: 0, delivered: 0, failed: 0, reload: [], store: null }
  #supervised: Supervised | undefined
  #storeFailedAt = -Infinity
  #lastStatus = ''
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
      status.failed += 1
    if (fact.kind === 'store_failed') {
      this.#storeFailedAt = this.#deps.now()
      const before = status.store
      status.store = fact.message
      if (before === null) this.#sendStatus()
    }
  }

  reloading(): void {
    // By this time a manager with Type=notify-reload can match the message to its own request.
    const now = process.hrtime.bigint() / 1_000n
    this.#send({ RELOADING: '1', MONOTONIC_USEC: String(now) })
  }

  reloaded(answer: ReloadAnswer): void {
    this.#status.reload = answer.ok ? [] : answer.problems
    this.#send({ READY: '1', ...this.#changedStatus() })
  }

  /** The service listens, and handles the signals to reload and to stop. Idempotent. */
  ready(supervised: Supervised): void {
    if (this.#supervised !== undefined) return
    this.#supervised = supervised
    this.#send({ READY: '1', ...this.#changedStatus() })
    this.#timer = setInterval(
      () => this.#check(),
      this.#deps.watchdogIntervalMs ?? STATUS_INTERVAL_MS,
    ).unref()
  }

  /** Idempotent; nothing is sent after it. */
  stopping(): void {
    if (this.#stopping) return
    clearInterval(this.#timer)
    this.#send({ STOPPING: '1', STATUS: 'stopping: finishing requests and attempts in flight' })
    this.#stopping = true
  }

  #check(): void {
    if (this.#deps.now() - this.#storeFailedAt > STORE_FAILURE_SHOWN_MS) {
      this.#status.store = this.#supervised?.storeLoss() ?? null
    }
    if (this.#deps.watchdogIntervalMs !== undefined && this.#isAlive(this.#deps.watchdogIntervalMs)) {
      this.#send({ WATCHDOG: '1', ...this.#changedStatus() })
    } else this.#sendStatus()
  }

  #isAlive(intervalMs: number): boolean {
    if (this.#supervised === undefined) return false
    const { activity, claimLimitMs } = this.#supervised
    const reason = stall(activity(), this.#deps.now(), intervalMs, claimLimitMs)
    const stalled = reason !== null
    if (stalled !== this.#stalled) {
      this.#stalled = stalled
      const { log } = this.#deps
      if (stalled)
        log.error(`${reason}: the watchdog is not notified any more, and systemd will restart the service`)
      else log.info('the delivery loop works again, and the watchdog is notified')
    }
    return !stalled
  }

  #sendStatus(): void {
    const status = this.#changedStatus()
    if (status.STATUS !== undefined) this.#send(status)
  }

  #changedStatus(): { STATUS?: string } {
    if (this.#supervised === undefined) return {}
    const line = statusLine(this.#supervised.where, this.#status)
    if (line === this.#lastStatus) return {}
    this.#lastStatus = line
    return { STATUS: line }
  }

  #send(variables: Readonly<Record<string, string>>): void {
    if (!this.#stopping) this.#deps.notifier.send(variables)
  }
}
