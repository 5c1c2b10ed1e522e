import type { Verdict } from '../core/enrichment/answer.ts'
import { afterTry, nextStep, notAsked, type Progress } from '../core/enrichment/progress.ts'
import type { Step, StepRequest } from '../core/enrichment/step.ts'
import type { Event } from '../core/event.ts'
import { makePlan, type Planner } from '../core/plan.ts'
import { type Enrichments, type LeasedEnrichment, StoreUnavailable } from '../store/store.ts'
import type { Observe } from './fact.ts'
import type { Ids } from './receive.ts'

/** The part of a configuration that enrichment needs. */
export interface EnrichSettings extends Planner {
  readonly steps: readonly Step[]
  /** One try at a step; `kept`: an earlier answer served again. */
  readonly ask: (
    step: Step,
    request: Extract<StepRequest, { ok: true }>,
  ) => Promise<{ readonly verdict: Verdict; readonly kept: boolean }>
  /** Identifies the configuration. */
  readonly fingerprint: string
}

export interface EnrichDeps {
  readonly store: Enrichments
  /** Names this process in its leases. */
  readonly holder: string
  /** Read for each try, and for the plan: a reload in between takes effect. */
  readonly settings: () => EnrichSettings
  readonly ids: Ids
  readonly observe: Observe
  /** Called with an unexpected error; the event is claimed again when its lease ends. */
  readonly onBug: (error: unknown) => void
  readonly now: () => number
  /** Milliseconds with fractions since any moment, for measuring. */
  readonly clock: () => number
  readonly random: () => number
}

// Longer than the steps of an event take; a lease that ends sooner only means that its steps are asked twice.
const LEASE_MS = 5 * 60_000
const MOST_AT_ONCE = 32
// The command line makes events of quarantined requests in the same file without this process.
const LOOK_AT_LEAST_EVERY_MS = 1_000
const STORE_AGAIN_AFTER_MS = 500
// A plan that a bug prevents may be possible with another configuration.
const PLAN_AGAIN_AFTER_MS = 60_000

/**
 * Fetches what events wait for, and plans them then. It has no state that matters: what was fetched is in the store, and a
 * request that a crash has cut off is made again.
 */
export class EnrichLoop {
  readonly #deps: EnrichDeps
  /** By event id. */
  readonly #running = new Map<string, Promise<void>>()
  /** The steps that a person must look after, by name: reported once. */
  readonly #refused = new Map<string, 401 | 403>()
  readonly #stopped = Promise.withResolvers<void>()
  #loop: Promise<void> | undefined
  #wake = Promise.withResolvers<void>()
  #stopping = false

  constructor(deps: EnrichDeps) {
    this.#deps = deps
    deps.store.onEnrichmentDue(() => this.#wake.resolve())
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  /** For a new configuration: a key that was refused may be another one now. */
  reconfigure(): void {
    this.#refused.clear()
    this.#wake.resolve()
  }

  /** Drops the tries under way: the next start makes them again. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#stopped.resolve()
    this.#wake.resolve()
    await this.#loop
    await Promise.all(this.#running.values())
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#wake = Promise.withResolvers<void>()
      const wait = await this.#claim()
      if (this.#stopping) return
      await this.#rest(wait)
    }
  }

  /** Returns how long nothing more can happen unless something wakes the loop, in milliseconds. */
  async #claim(): Promise<number> {
    const { store, holder, now, observe, onBug } = this.#deps
    const limit = MOST_AT_ONCE - this.#running.size
    if (limit < 1) return LOOK_AT_LEAST_EVERY_MS
    try {
      const asked = now()
      const { leased, nextDueAt } = await store.claimEnrichments({
        holder,
        now: asked,
        leaseUntil: asked + LEASE_MS,
        limit,
      })
      for (const one of leased) this.#begin(one, onBug)
      const wait = nextDueAt === null ? LOOK_AT_LEAST_EVERY_MS : nextDueAt - now()
      return Math.min(Math.max(wait, 0), LOOK_AT_LEAST_EVERY_MS)
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      observe({ kind: 'store_failed', during: 'claim', message: error.message })
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

  /** Asks one step after the other, until one has to be asked again later, or none is left. */
  async #enrich({ event, progress: begun, cause }: LeasedEnrichment): Promise<void> {
    const { settings, now, holder, store } = this.#deps
    const lease = { eventId: event.id, holder }
    let progress = begun
    while (!this.#stopping) {
      const next = nextStep(settings().steps, event, progress)
      if (next.kind === 'done') return this.#plan(event, progress, cause)
      const { step, request } = next
      if (!request.ok) {
        progress = notAsked(step, progress, request.reason, now())
        this.#observeTry(
          event,
          step,
          { kind: 'failed', reason: request.reason, status: null },
          false,
          0,
          null,
        )
        continue
      }
      const startedAt = now()
      const began = this.#deps.clock()
      const tried = await Promise.race([settings().ask(step, request), this.#stopped.promise])
      if (tried === undefined) return
      const times = { receivedAt: event.receivedAt, startedAt, now: now(), random: this.#deps.random() }
      const after = afterTry(step, progress, tried.verdict, times)
      this.#observeTry(event, step, tried.verdict, tried.kept, this.#deps.clock() - began, after.againAt)
      progress = after.progress
      const { againAt } = after
      if (againAt !== null) {
        await this.#stored(() => store.keepEnrichment(lease, after.progress, againAt))
        return
      }
    }
  }

  async #plan(event: Event, progress: Progress, cause: LeasedEnrichment['cause']): Promise<void> {
    const { settings, store, ids, now, holder, observe, onBug } = this.#deps
    const { enriched, steps } = progress
    const lease = { eventId: event.id, holder }
    const making = { at: now(), cause, fingerprint: settings().fingerprint, newId: ids.delivery }
    const made = makePlan(settings(), { ...event, enriched }, making)
    if (!made.ok) {
      onBug(new Error(`${event.id}: ${made.message}`))
      const againAt = now() + PLAN_AGAIN_AFTER_MS
      await this.#stored(() => store.keepEnrichment(lease, progress, againAt))
      return
    }
    const { plan } = made
    if (!(await this.#stored(() => store.endEnrichment(lease, progress, plan)))) return
    const { id, source, type, receivedAt } = event
    const { unrouted, deliveries } = plan
    const waitedMs = Math.max(0, now() - receivedAt)
    observe({ kind: 'enriched', id, source, type, steps, unrouted, deliveries: deliveries.length, waitedMs })
  }

  /** Tries until the store takes it, or the service stops: then a later start does it all again. False where it was not stored. */
  async #stored(change: () => Promise<boolean>): Promise<boolean> {
    while (true) {
      try {
        return await change()
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error
        this.#deps.observe({ kind: 'store_failed', during: 'enrich', message: error.message })
      }
      if (this.#stopping) return false
      await Promise.race([
        new Promise((resolve) => setTimeout(resolve, STORE_AGAIN_AFTER_MS).unref()),
        this.#stopped.promise,
      ])
    }
  }

  #observeTry(
    { id, source, type }: Event,
    { name: step, host }: Step,
    verdict: Verdict,
    kept: boolean,
    durationMs: number,
    againAt: number | null,
  ): void {
    const { observe, clock } = this.#deps
    const result = verdict.kind === 'picked' ? 'fetched' : againAt === null ? 'failed' : 'again'
    const reason = verdict.kind === 'picked' ? null : verdict.reason
    const ended = clock()
    observe({
      kind: 'enrichment_tried',
      id,
      source,
      type,
      step,
      host,
      result,
      reason,
      kept,
      durationMs,
      againAt,
      ended,
    })
    if (verdict.kind === 'failed' && verdict.status !== null) {
      if (this.#refused.has(step)) return
      this.#refused.set(step, verdict.status)
      observe({ kind: 'enrichment_refused', step, host, status: verdict.status, reason: verdict.reason, id })
    } else if (verdict.kind === 'picked' && !kept && this.#refused.delete(step)) {
      observe({ kind: 'enrichment_accepted', step, host })
    }
  }
}
