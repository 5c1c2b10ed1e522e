import type { Progress, StepResult, Tried } from '../core/enrichment/progress.ts'
import type { Event } from '../core/event.ts'
import type { NewPlan, PlanCause } from '../core/routing/plan.ts'

/** The events that are planned after their enrichment. */
export interface Enrichments {
  /**
   * Leases events to a holder, the longest due first. An event whose lease expired, or whose holder is gone, is leased
   * again: to ask twice for the same does no harm.
   */
  claimEnrichments(request: EnrichmentClaim): Promise<ClaimedEnrichments>
  /** Stores what was fetched so far, and when to go on. False, and nothing changes, where the lease was lost. */
  keepEnrichment(lease: Lease, progress: Progress, dueAt: number): Promise<boolean>
  /**
   * Stores what was fetched, how, and the first plan of the event, in one transaction. False, and nothing changes, where the
   * lease was lost, or the event was replayed meanwhile.
   */
  endEnrichment(lease: Lease, progress: Progress, plan: NewPlan): Promise<boolean>
  /** Makes the events due that wait for a later try, for a configuration that asks otherwise. */
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
  /** When the next can be claimed, if only time passes; null where none waits. */
  readonly nextDueAt: number | null
}

export interface LeasedEnrichment {
  readonly event: Event
  readonly progress: Progress
  /** Of the plan that follows. */
  readonly cause: PlanCause
}

export interface Lease {
  readonly eventId: string
  readonly holder: string
}

/** What became of the enrichment of an event, for its history. */
export interface EnrichmentRecord {
  readonly steps: readonly StepResult[]
  /** Null where it has ended. */
  readonly waiting: { readonly dueAt: number; readonly current: Tried | null } | null
}
