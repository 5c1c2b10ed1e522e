/** The enrichment of one event: one step after the other, until one has to wait, or none is left and it is planned. */
import type { Verdict } from '../../core/enrichment/answer.ts'
import {
  type AfterTry,
  afterTry,
  afterWait,
  nextStep,
  notAsked,
  type Progress,
  patience,
} from '../../core/enrichment/progress.ts'
import type { Step, StepRequest } from '../../core/enrichment/step.ts'
import type { Event } from '../../core/event.ts'
import { makePlan, mutedIn, type Planner } from '../../core/routing/plan.ts'
import { type Enrichments, type LeasedEnrichment, type Queue, StoreUnavailable } from '../../store/store.ts'
import type { Observe } from '../fact.ts'
import type { Ids } from '../receive.ts'
import type { StopSignal } from '../stop-signal.ts'
import type { Refusals } from './refusals.ts'

/** The part of a configuration that enrichment needs. */
export interface EnrichSettings extends Planner {
  readonly steps: readonly Step[]
  /** One try at a step, once it is its turn: `patienceMs` says how long it waits for that. */
  readonly ask: (step: Step, request: Sendable, patienceMs: number) => Promise<StepTry>
  /** Identifies the configuration. */
  readonly fingerprint: string
}

type Sendable = Extract<StepRequest, { ok: true }>

export type StepTry =
  | {
      readonly kind: 'asked'
      readonly verdict: Verdict
      /** An earlier answer served again. */
      readonly kept: boolean
      /** Of the request alone. */
      readonly durationMs: number
      /** The host begins to fail, or works again. */
      readonly news: { readonly failing: true; readonly reason: string } | { readonly failing: false } | null
    }
  /** Its host is busy or fails. `afterMs`: when to come again; null where the patience is over. */
  | { readonly kind: 'later'; readonly afterMs: number | null; readonly reason: string }

export interface EnrichEventDeps {
  readonly store: Pick<Enrichments, 'keepEnrichment' | 'endEnrichment'> & Pick<Queue, 'isLeftToOthers'>
  /** Names this process in its leases. */
  readonly holder: string
  /** Read for each try, and for the plan: a reload in between takes effect. */
  readonly settings: () => EnrichSettings
  readonly ids: Ids
  readonly observe: Observe
  readonly onBug: (error: unknown) => void
  readonly now: () => number
  /** Milliseconds with fractions since any moment, for measuring. */
  readonly clock: () => number
  readonly random: () => number
  readonly refusals: Refusals
  /** When this process began to work on events. */
  readonly workingSince: number
  /** Resolves when the service stops: the next start makes tries that are under way again. */
  readonly stopped: StopSignal
  readonly isStopping: () => boolean
}

const STORE_AGAIN_AFTER_MS = 500
// A plan that a bug prevents may be possible with another configuration.
const PLAN_AGAIN_AFTER_MS = 60_000
const LEFT_FOR_MS = 1_000

export type EnrichEvent = (leased: LeasedEnrichment) => Promise<void>

export function createEnrichEvent(deps: EnrichEventDeps): EnrichEvent {
  const { settings, store, holder, observe, now, clock } = deps

  return async ({ event, progress: begun, cause }) => {
    let progress = begun
    while (!deps.isStopping()) {
      const next = nextStep(settings().steps, event, progress)
      if (next.kind === 'done') {
        if (!isLeft(event, progress)) return plan(event, progress, cause)
        await stored(() => store.keepEnrichment({ eventId: event.id, holder }, progress, now() + LEFT_FOR_MS))
        return
      }
      const { step, request } = next
      const after = request.ok
        ? await tryStep(event, step, request, progress)
        : cannotAsk(event, step, request.reason, progress)
      if (after === null) return
      progress = after.progress
      const { againAt } = after
      if (againAt === null) continue
      await stored(() => store.keepEnrichment({ eventId: event.id, holder }, after.progress, againAt))
      return
    }
  }

  /** It waits for a step that this configuration lacks, and another instance may have. */
  function isLeft({ receivedAt }: Event, { steps, current }: Progress): boolean {
    return (steps.length === 0 || current !== null) && store.isLeftToOthers(receivedAt)
  }

  function cannotAsk(event: Event, step: Step, reason: string, progress: Progress): AfterTry {
    report(
      event,
      step,
      { kind: 'failed', reason, status: null },
      { kept: false, durationMs: 0, againAt: null },
    )
    return { progress: notAsked(step, progress, reason, now()), againAt: null }
  }

  /** Null where the service stops. */
  async function tryStep(
    event: Event,
    step: Step,
    request: Sendable,
    progress: Progress,
  ): Promise<AfterTry | null> {
    const { receivedAt } = event
    const { workingSince, stopped, refusals } = deps
    const startedAt = now()
    const patienceMs = patience(step, progress, { receivedAt, workingSince, now: startedAt })
    const tried = await stopped.unless(settings().ask(step, request, patienceMs), undefined)
    if (tried === undefined) return null
    if (tried.kind === 'later') {
      // The configuration was replaced: the new one is asked at once.
      if (tried.afterMs === 0) return { progress, againAt: null }
      const after = afterWait(step, progress, tried, { receivedAt, workingSince, now: now() })
      if (after.againAt === null) {
        const verdict = { kind: 'failed', reason: tried.reason, status: null } as const
        report(event, step, verdict, { kept: false, durationMs: 0, againAt: null })
      }
      return after
    }
    const { verdict, kept, durationMs, news } = tried
    const after = afterTry(step, progress, verdict, {
      receivedAt,
      startedAt,
      now: now(),
      random: deps.random(),
    })
    report(event, step, verdict, { kept, durationMs, againAt: after.againAt })
    if (!kept) refusals.note(step, verdict, event.id)
    if (news !== null) observe({ kind: 'enrichment_host', host: step.host, ...news })
    return after
  }

  async function plan(event: Event, progress: Progress, cause: LeasedEnrichment['cause']): Promise<void> {
    const { enriched, steps } = progress
    const lease = { eventId: event.id, holder }
    const making = { at: now(), cause, fingerprint: settings().fingerprint, newId: deps.ids.delivery }
    const made = makePlan(settings(), { ...event, enriched }, making)
    if (!made.ok) {
      deps.onBug(new Error(`${event.id}: ${made.message}`))
      const againAt = now() + PLAN_AGAIN_AFTER_MS
      await stored(() => store.keepEnrichment(lease, progress, againAt))
      return
    }
    if (!(await stored(() => store.endEnrichment(lease, progress, made.plan)))) return
    const { id, source, type, receivedAt } = event
    const { unrouted, deliveries } = made.plan
    const waitedMs = Math.max(0, now() - receivedAt)
    const about = { id, source, type, steps, unrouted, deliveries: deliveries.length }
    observe({ kind: 'enriched', ...about, ...mutedIn(made.plan), receivedAt, waitedMs })
  }

  /** Tries until the store takes it, or the service stops: then a later start does it all again. False where it was not stored. */
  async function stored(change: () => Promise<boolean>): Promise<boolean> {
    while (true) {
      try {
        return await change()
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error
        observe({ kind: 'store_failed', during: 'enrich', message: error.message })
      }
      if (deps.isStopping()) return false
      const again = new Promise<void>((resolve) => setTimeout(resolve, STORE_AGAIN_AFTER_MS).unref())
      await deps.stopped.unless(again, undefined)
    }
  }

  function report(
    { id, source, type }: Event,
    { name: step, host }: Step,
    verdict: Verdict,
    how: { readonly kept: boolean; readonly durationMs: number; readonly againAt: number | null },
  ): void {
    const result = verdict.kind === 'picked' ? 'fetched' : how.againAt === null ? 'failed' : 'again'
    const reason = verdict.kind === 'picked' ? null : verdict.reason
    const about = { id, source, type, step, host, result, reason } as const
    observe({ kind: 'enrichment_tried', ...about, ...how, ended: clock() })
  }
}
