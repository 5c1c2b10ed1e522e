import type { Enrichments, History, LeasedEnrichment, Queue } from '../../store/store.ts'
import { StopSignal } from '../stop-signal.ts'
import { reportStoreFailure } from '../store-failure.ts'
import { createEnrichEvent, type EnrichEvent, type EnrichEventDeps } from './enrich-event.ts'
import { createRefusals, type Refusals } from './refusals.ts'

export interface EnrichDeps
  extends Omit<EnrichEventDeps, 'store' | 'refusals' | 'workingSince' | 'stopped' | 'isStopping'> {
  readonly store: Enrichments & Pick<History, 'events' | 'event'> & Pick<Queue, 'isLeftToOthers'>
}

// Longer than the steps of an event take; a lease that ends sooner only means that its steps are asked twice.
const LEASE_MS = 5 * 60_000
const CLAIMED_AT_ONCE = 32
// Commands make events of quarantined requests without this process: in a SQLite file nothing says so.
const LOOK_AT_LEAST_EVERY_MS = 1_000
const STORE_AGAIN_AFTER_MS = 500

/**
 * Claims the events that wait for their enrichment. It has no state that matters: what was fetched is in the store, and a request
 * that a crash has cut off is made again. How many events are worked on at once is up to the hosts that are asked: one that cannot
 * wait in line for its host is put back, so that no host keeps the events of another waiting.
 */
export class EnrichLoop {
  readonly #deps: EnrichDeps
  readonly #refusals: Refusals
  readonly #enrich: EnrichEvent
  /** By event id. */
  readonly #running = new Map<string, Promise<void>>()
  readonly #stopped = new StopSignal()
  #loop: Promise<void> | undefined
  #wake = Promise.withResolvers<void>()
  #stopping = false

  constructor(deps: EnrichDeps) {
    this.#deps = deps
    this.#refusals = createRefusals(deps.observe, deps.now)
    this.#enrich = createEnrichEvent({
      ...deps,
      refusals: this.#refusals,
      workingSince: deps.now(),
      stopped: this.#stopped,
      isStopping: () => this.#stopping,
    })
    deps.store.onEnrichmentDue(() => this.#wake.resolve())
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  /**
   * For a new configuration: a key that was refused may be another one now, and what waits for a later try may be asked otherwise,
   * or no more.
   */
  async reconfigure(): Promise<void> {
    const { store, now } = this.#deps
    this.#refusals.forget()
    try {
      await store.expediteEnrichments(now())
    } catch (error) {
      reportStoreFailure(this.#deps, 'reconfigure', error)
    }
    this.#wake.resolve()
  }

  /** Drops the tries under way: the next start makes them again. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#stopped.give()
    this.#wake.resolve()
    await this.#loop
    await Promise.all(this.#running.values())
  }

  async #run(): Promise<void> {
    await this.#recall()
    while (!this.#stopping) {
      this.#wake = Promise.withResolvers<void>()
      const wait = await this.#claim()
      if (this.#stopping) return
      await this.#rest(wait)
    }
  }

  async #recall(): Promise<void> {
    const { store, settings } = this.#deps
    const { steps, fingerprint } = settings()
    try {
      await this.#refusals.recall(store, steps, fingerprint)
    } catch (error) {
      reportStoreFailure(this.#deps, 'enrich', error)
    }
  }

  /** Returns how long nothing more can happen unless something wakes the loop, in milliseconds. */
  async #claim(): Promise<number> {
    const { store, holder, now, onBug } = this.#deps
    try {
      const asked = now()
      const { leased, nextDueAt } = await store.claimEnrichments({
        holder,
        now: asked,
        leaseUntil: asked + LEASE_MS,
        limit: CLAIMED_AT_ONCE,
      })
      for (const one of leased) this.#begin(one, onBug)
      const wait = nextDueAt === null ? LOOK_AT_LEAST_EVERY_MS : nextDueAt - now()
      return Math.min(Math.max(wait, 0), LOOK_AT_LEAST_EVERY_MS)
    } catch (error) {
      reportStoreFailure(this.#deps, 'claim', error)
      return STORE_AGAIN_AFTER_MS
    }
  }

  #begin(leased: LeasedEnrichment, onBug: (error: unknown) => void): void {
    const { id } = leased.event
    // This process was suspended until the lease of its own work ended; the claim has given it a new one.
    if (this.#running.has(id)) return
    const ended = this.#enrich(leased)
      .catch(onBug)
      .finally(() => {
        this.#running.delete(id)
        this.#wake.resolve()
      })
    this.#running.set(id, ended)
  }

  async #rest(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms)
    await Promise.race([promise, this.#wake.promise])
    clearTimeout(timer)
  }
}
