import type { Outcome } from '../core/delivery/outcome.ts'
import { type Leased, type Queue, StoreUnavailable } from '../store/store.ts'
import { type AttemptInFlight, capacitiesOf, type LoopSettings } from './capacities.ts'
import type { Deliver } from './deliver.ts'
import type { Observe } from './fact.ts'
import { ProbePaces } from './probe-pace.ts'
import { StopSignal } from './stop-signal.ts'
import { reportStoreFailure } from './store-failure.ts'

export interface LoopDeps {
  readonly store: Pick<Queue, 'claim' | 'idleUntil' | 'renew' | 'reconfigure' | 'onDue' | 'isSequential'>
  /** Names this process in its leases. */
  readonly holder: string
  readonly settings: () => LoopSettings
  readonly deliver: Deliver
  /** Called with an unexpected error. A delivery that ends with one is claimed again when its lease ends. */
  readonly onBug: (error: unknown) => void
  readonly now: () => number
  /** Milliseconds with fractions since any moment, for measuring. */
  readonly clock: () => number
  readonly observe: Observe
}

/** What the loop does, and since when by its clock. A claim ends when the store answers, also with an error. */
export interface LoopActivity {
  readonly doing: 'claiming' | 'resting' | 'nothing'
  readonly since: number
}

interface InFlight extends AttemptInFlight {
  /** How many were made before it. */
  readonly attempts: number
  readonly ended: Promise<void>
  isRecording: boolean
  leaseUntil: number
}

// A lease that ran out means that its holder is gone: an attempt that takes longer has its lease renewed.
const LEASE_MS = 120_000
const RENEW_BEFORE_MS = 60_000
// Commands make deliveries due without this process: in a SQLite file nothing says so.
const LOOK_AT_LEAST_EVERY_MS = 1_000
const CLAIM_AGAIN_AFTER_MS = 500
// While claims follow each other closely, a short wait lets one claim, and one commit, serve many attempts.
const BUSY_MS = 5
const GATHER_MS = 2

/**
 * The delivery loop: claims what is due, as much as each destination can take, and attempts it.
 * It has no state that matters: everything is in the store.
 */
export class DeliveryLoop {
  readonly #deps: LoopDeps
  /** By delivery id. */
  readonly #inFlight = new Map<string, InFlight>()
  readonly #stopped = new StopSignal()
  #running: Promise<void> | undefined
  readonly #probes = new ProbePaces()
  #wake = Promise.withResolvers<void>()
  #claimedAt = Number.NEGATIVE_INFINITY
  #activity: LoopActivity

  constructor(deps: LoopDeps) {
    this.#deps = deps
    this.#activity = { doing: 'nothing', since: deps.clock() }
    deps.store.onDue(() => this.#wake.resolve())
  }

  start(): void {
    this.#running ??= this.#run()
  }

  get activity(): LoopActivity {
    return this.#activity
  }

  /** Applies the limits of a new configuration, and tries failing destinations at once. */
  async reconfigure(): Promise<void> {
    try {
      await this.#deps.store.reconfigure()
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      this.#deps.observe({ kind: 'store_failed', during: 'reconfigure', message: error.message })
    }
    this.#wake.resolve()
  }

  /**
   * Claims nothing more, waits for attempts in flight up to `graceMs`, and gives up the rest, which are recorded as ambiguous.
   * What a claim that is under way leases is not attempted. Idempotent. Takes longer where the store does not answer.
   */
  async stop(graceMs: number): Promise<void> {
    this.#stopped.announce()
    this.#wake.resolve()
    const timer = setTimeout(() => this.#stopped.give(), graceMs)
    await this.#running
    await Promise.all([...this.#inFlight.values()].map(({ ended }) => ended))
    clearTimeout(timer)
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopped.isAnnounced) {
        this.#wake = Promise.withResolvers<void>()
        this.#enter('claiming')
        const wait = await this.#turn()
        if (this.#stopped.isAnnounced) return
        this.#enter('resting')
        await this.#rest(wait)
      }
    } finally {
      this.#enter('nothing')
    }
  }

  #enter(doing: LoopActivity['doing']): void {
    this.#activity = { doing, since: this.#deps.clock() }
  }

  /** One claim. Returns how long nothing more can happen unless something wakes the loop, in milliseconds. */
  async #turn(): Promise<number> {
    const { store, now, holder } = this.#deps
    const asked = now()
    const leaseUntil = asked + LEASE_MS
    try {
      const renewed = this.#renew(asked, leaseUntil)
      const idleUntil = store.idleUntil(asked)
      const claiming =
        idleUntil === null
          ? store.claim({ holder, now: asked, leaseUntil, ...this.#capacities() })
          : { leased: [], nextDueAt: idleUntil }
      const [claimed] = await Promise.all([claiming, renewed])
      for (const leased of claimed.leased) this.#begin(leased, leaseUntil)
      if (claimed.leased.length > 0) {
        this.#claimedAt = this.#deps.clock()
        return GATHER_MS
      }
      const wait = (claimed.nextDueAt ?? Number.POSITIVE_INFINITY) - now()
      const untilProbes = this.#probes.waitMs(this.#deps.clock())
      return Math.min(Math.max(Math.min(wait, untilProbes), GATHER_MS), LOOK_AT_LEAST_EVERY_MS)
    } catch (error) {
      reportStoreFailure(this.#deps, 'claim', error)
      return CLAIM_AGAIN_AFTER_MS
    }
  }

  #capacities() {
    const { settings, clock } = this.#deps
    const now = clock()
    return capacitiesOf(settings(), this.#inFlight.values(), now, (channel) =>
      this.#probes.room(channel, now),
    )
  }

  /** Renews the leases of attempts that take long. A failure is ignored: the next turn tries again, well before they expire. */
  async #renew(now: number, leaseUntil: number): Promise<void> {
    const ending = [...this.#inFlight].filter(([, { leaseUntil }]) => leaseUntil - now < RENEW_BEFORE_MS)
    if (ending.length === 0) return
    const ids = ending.map(([id]) => id)
    try {
      await this.#deps.store.renew(this.#deps.holder, ids, leaseUntil)
    } catch (error) {
      // The claim beside it fails for the same reason, and reports that.
      if (!(error instanceof StoreUnavailable)) this.#deps.onBug(error)
      return
    }
    for (const [, attempt] of ending) attempt.leaseUntil = leaseUntil
  }

  #begin(leased: Leased, leaseUntil: number): void {
    const { id, attempts, destination } = leased.delivery
    // This process was suspended until the lease of its own attempt ran out; the claim has given it a new one.
    // With one attempt more: it was recorded in the commit of this claim, and its promise has not resolved yet.
    const before = this.#inFlight.get(id)
    if (before?.attempts === attempts) {
      before.leaseUntil = leaseUntil
      return
    }
    const { deliver, onBug, clock, store } = this.#deps
    // A claim need not see that a message was sent; a sequential store shows it all else too, in the same commit.
    const recording = (isAsked: boolean, outcome: Outcome | null) => {
      const attempt = this.#inFlight.get(id)
      const mayGoOn = store.isSequential || outcome?.kind === 'sent'
      if (attempt?.attempts !== attempts || !mayGoOn) return
      attempt.isRecording = isAsked
      if (isAsked) this.#wake.resolve()
    }
    const { channel, rateKey } = destination
    // An interrupted attempt is only recorded.
    const isProbe = leased.atFailing && leased.interruptedAt === null
    if (isProbe) this.#probes.take(channel, clock())
    const ended = deliver(leased, this.#stopped, recording)
      .then((outcome) => {
        if (isProbe && (outcome === null || foundWorking(outcome))) this.#probes.giveBack(channel, clock())
      }, onBug)
      .finally(() => {
        if (this.#inFlight.get(id)?.ended === ended) this.#inFlight.delete(id)
        this.#wake.resolve()
      })
    this.#inFlight.set(id, {
      channel,
      rateKey,
      attempts,
      since: clock(),
      ended,
      isRecording: false,
      leaseUntil,
    })
  }

  /** Ends after the time, or when something wakes the loop; then soon, where claims follow each other closely. */
  async #rest(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms)
    await Promise.race([promise, this.#wake.promise])
    clearTimeout(timer)
    if (this.#stopped.isAnnounced || this.#deps.clock() - this.#claimedAt > BUSY_MS) return
    await new Promise((done) => setTimeout(done, GATHER_MS))
  }
}

/** A destination that refuses one message would take another one. */
function foundWorking({ kind }: Outcome): boolean {
  return kind === 'sent' || kind === 'refuse'
}
