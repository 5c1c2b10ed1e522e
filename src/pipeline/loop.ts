import type { OpenChannel, Pace } from '../channels/channel.ts'
import type { Outcome } from '../core/delivery.ts'
import { type Leased, type Store, StoreUnavailable } from '../store/store.ts'
import type { Deliver } from './deliver.ts'
import type { Observe } from './fact.ts'
import { Lane } from './lane.ts'

export interface LoopDeps {
  readonly store: Pick<Store, 'claim'>
  readonly channels: () => ReadonlyMap<string, Limits>
  readonly deliver: Deliver
  /** Called with what a bug threw; the delivery comes back when its lease ends. */
  readonly onBug: (error: unknown) => void
  readonly now: () => number
  readonly observe: Observe
}

/** What the loop does, and since when by performance.now(). A claim ends when the store answers, if only to refuse. */
export interface Heartbeat {
  readonly doing: 'claiming' | 'resting' | 'nothing'
  readonly since: number
}

interface InFlight {
  /** How many were made before it. */
  readonly attempts: number
  readonly ended: Promise<void>
}

type Limits = Pick<OpenChannel<unknown>, 'pace' | 'concurrency'>

// A lease that ran out means that its holder is gone, unless it is ours: see #begin.
const LEASE = 120_000
// The command line makes deliveries due in the same file without telling us.
const LOOK_AT_LEAST_EVERY = 1_000
const CLAIM_AGAIN_AFTER = 500
// While attempts end one by one, a short wait lets one claim, and one commit, serve many of them.
const GATHER = 2
// What is owed over a channel that left the configuration is parked, one by one.
const NO_CHANNEL: Pace = { rate: Infinity, burst: 1, concurrency: 1 }

/**
 * The delivery loop: claims what is due, as much as each destination can take, and attempts it.
 * It keeps no work of its own: everything it forgets is in the store.
 */
export class DeliveryLoop {
  readonly #deps: LoopDeps
  readonly #lanes = new Map<string, Lane>()
  /** By delivery id. */
  readonly #inFlight = new Map<string, InFlight>()
  readonly #stopped = Promise.withResolvers<void>()
  #running: Promise<void> | undefined
  #wake = Promise.withResolvers<void>()
  #stopping = false
  /** Counts the configurations. */
  #era = 0
  #heartbeat: Heartbeat = { doing: 'nothing', since: performance.now() }

  constructor(deps: LoopDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#running ??= this.#run()
  }

  get heartbeat(): Heartbeat {
    return this.#heartbeat
  }

  /** Tells that deliveries may have fallen due. */
  wake(): void {
    this.#wake.resolve()
  }

  /** Takes the pace of the channels there are now, and tries at once what did not work. */
  reconfigure(): void {
    this.#era += 1
    for (const lane of this.#lanes.values()) lane.reconfigure(this.#paceOf(lane.channel), this.#deps.now())
    this.wake()
  }

  /**
   * Claims nothing more, waits for attempts in flight up to `grace` ms, and gives up the rest, which are
   * recorded as ambiguous. Idempotent.
   */
  async stop(grace: number): Promise<void> {
    this.#stopping = true
    this.wake()
    await this.#running
    const timer = setTimeout(() => this.#stopped.resolve(), grace)
    await Promise.all([...this.#inFlight.values()].map(({ ended }) => ended))
    clearTimeout(timer)
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopping) {
        this.#wake = Promise.withResolvers<void>()
        this.#enter('claiming')
        const wait = await this.#turn()
        if (this.#stopping) return
        this.#enter('resting')
        await this.#sleep(wait)
      }
    } finally {
      this.#enter('nothing')
    }
  }

  #enter(doing: Heartbeat['doing']): void {
    this.#heartbeat = { doing, since: performance.now() }
  }

  /** One claim. Returns how long nothing more can happen unless somebody wakes the loop, in milliseconds. */
  async #turn(): Promise<number> {
    const { store, now } = this.#deps
    const asked = now()
    const { limits, budgets, readyAt } = this.#capacities(asked)
    try {
      const claimed = await store.claim({ now: asked, leaseUntil: asked + LEASE, limit: 1, limits, budgets })
      for (const leased of claimed.leased) this.#begin(leased)
      if (claimed.leased.length > 0) return GATHER
      const next = Math.min(claimed.nextDueAt ?? Infinity, readyAt)
      return Math.min(Math.max(next - now(), GATHER), LOOK_AT_LEAST_EVERY)
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      this.#deps.observe({ kind: 'store_failed', during: 'claim', message: error.message })
      return CLAIM_AGAIN_AFTER
    }
  }

  #capacities(now: number) {
    const limits = new Map<string, number>()
    const busy = new Map<string, number>()
    let readyAt = Infinity
    for (const [name, lane] of this.#lanes) {
      if (lane.idle(now)) {
        this.#lanes.delete(name)
        continue
      }
      busy.set(lane.channel, (busy.get(lane.channel) ?? 0) + lane.inFlight)
      readyAt = Math.min(readyAt, lane.readyAt(now) ?? Infinity)
    }
    const budgets = new Map<string, number>()
    for (const [name, channel] of this.#deps.channels()) {
      budgets.set(name, Math.max(0, channel.concurrency - (busy.get(name) ?? 0)))
    }
    for (const [name, lane] of this.#lanes) {
      // No destination may take more than half of what is free: a few slow ones leave room for the others.
      const share = Math.ceil((budgets.get(lane.channel) ?? 1) / 2)
      limits.set(name, Math.min(lane.capacity(now), share))
    }
    return { limits, budgets, readyAt }
  }

  #begin(leased: Leased): void {
    const { id, attempts } = leased.delivery
    // An attempt of ours that outlived its lease, waiting for a slow destination or a full disk: it has a new lease now.
    // With one attempt more, it is one that was recorded in the commit of this claim, and has only not heard of it yet.
    if (this.#inFlight.get(id)?.attempts === attempts) return
    const { deliver, now, onBug } = this.#deps
    const lane = this.#laneOf(leased)
    lane.begin(now())
    const era = this.#era
    let outcome: Outcome | null = null
    const ended = deliver(leased, this.#stopped.promise)
      .then((how) => {
        // What an earlier process or configuration left behind says nothing about the destination now.
        if (leased.interruptedAt === null && era === this.#era) outcome = how
      })
      .catch(onBug)
      .finally(() => {
        lane.end(outcome, now())
        if (this.#inFlight.get(id)?.ended === ended) this.#inFlight.delete(id)
        this.wake()
      })
    this.#inFlight.set(id, { attempts, ended })
  }

  #laneOf({ delivery }: Leased): Lane {
    const { channel, rateKey } = delivery.destination
    let lane = this.#lanes.get(rateKey)
    if (lane === undefined) {
      lane = new Lane(channel, this.#paceOf(channel), this.#deps.now())
      this.#lanes.set(rateKey, lane)
    }
    return lane
  }

  #paceOf(channel: string): Pace {
    return this.#deps.channels().get(channel)?.pace ?? NO_CHANNEL
  }

  /** Ends after the time, or GATHER after somebody woke the loop. */
  async #sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms)
    await Promise.race([promise, this.#wake.promise])
    clearTimeout(timer)
    if (!this.#stopping) await new Promise((done) => setTimeout(done, GATHER))
  }
}
