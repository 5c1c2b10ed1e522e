import type { Progress, StepResult, Tried } from '../core/enrichment/progress.ts'
import type { Event } from '../core/event.ts'
import type { NewPlan, PlanCause } from '../core/routing/plan.ts'

/** The events that are planned after their enrichment. */
export interface Enrichments {
  /**
   * Leases events to a holder, the longest due first. An event whose lease expired, or whose holder is gone, is leased
   * again: requesting the same thing twice does no harm.
   */
  claimEnrichments(request: EnrichmentClaim): Promise<ClaimedEnrichments>
  /** Stores what was fetched so far, and when to continue. False, and nothing changes, if the lease was lost. */
  keepEnrichment(lease: Lease, progress: Progress, dueAt: number): Promise<boolean>
  /**
   * Stores what was fetched, how, and the first plan of the event, in one transaction. False, and nothing changes, if the
   * lease was lost, or the event was replayed meanwhile.
   */
  endEnrichment(lease: Lease, progress: Progress, plan: NewPlan): Promise<boolean>
  /** Makes events due that wait for a later try, after a reload with other steps. */
  expediteEnrichments(now: number): Promise<void>
  /** How many events wait for their enrichment. */
  waitingEnrichments(): Promise<number>
  /** Calls back when a change through this store has made one due, before that change is committed. */
  onEnrichmentDue(listener: () => void): void
}

export interface EnrichmentClaim {
  /** The process that claims. */
  readonly holder: string
  readonly now: number
  readonly leaseUntil: number
  readonly limit: number
}

export interface ClaimedEnrichments {
  readonly leased: readonly LeasedEnrichment[]
  /** When the next one can be claimed, if nothing changes until then; null if none waits. */
  readonly nextDueAt: number | null
}

export interface LeasedEnrichment {
  readonly event: Event
  readonly progress: Progress
  /** For the plan that follows. */
  readonly cause: PlanCause
}

export interface Lease {
  readonly eventId: string
  readonly holder: string
}

/** How far the enrichment of an event has come, for its history. */
export interface EnrichmentRecord {
  readonly steps: readonly StepResult[]
  /** Null if it has ended. */
  readonly waiting: { readonly dueAt: number; readonly current: Tried | null } | null
}
