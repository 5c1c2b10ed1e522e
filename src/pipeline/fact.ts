/** What happens in the pipeline: the log, the metrics and the traces are made from these. */
import type { Delivery } from '../core/delivery/delivery.ts'
import type { Outcome } from '../core/delivery/outcome.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { Step } from '../core/lifecycle/lifecycle.ts'
import type { NoticeType } from '../core/notice/notice.ts'
import type { QuarantineCode } from '../core/receiving/quarantine.ts'
import type { MutedCounts } from '../core/routing/plan.ts'
import type { Completed } from '../store/store.ts'
import type { EnrichmentFact } from './enrichment/enrichment-fact.ts'

export type Fact =
  | {
      readonly kind: 'received'
      readonly source: string
      /** Null for a quarantined request. */
      readonly type: string | null
      readonly subject: string | null
      readonly result: 'stored' | 'duplicate' | 'quarantined'
      readonly unrouted: boolean
      readonly id: string
      readonly messageId: string
      readonly secretIndex: number
      readonly deliveries: number
      /** Of these; left out where there are none. */
      readonly muted?: MutedCounts
      /** It is planned after its enrichment. */
      readonly enriching: boolean
      /** Why it is quarantined. */
      readonly problem?: string
      readonly code?: QuarantineCode
      readonly handling: Handling
    }
  | {
      readonly kind: 'rejected'
      readonly source: string
      readonly code: ErrorCode
      readonly address?: string
      /** The sender's id, where the request's headers name one. */
      readonly messageId?: string
      readonly method?: string
      readonly path?: string
      /** For the operator: how to correct the sender, or this machine. */
      readonly hint?: string
    }
  | {
      readonly kind: 'attempted'
      readonly delivery: Delivery
      readonly outcome: Outcome
      readonly next: Completed
      /** 0 where it was interrupted. */
      readonly durationMs: number
      readonly notes: readonly string[]
      /** The template that made the message; null where none did. */
      readonly template: string | null
      readonly startedAt: number
      /** Null if the process that made the attempt ended before the attempt did. */
      readonly times: AttemptTimes | null
      /** What the message did in its conversation, if it was sent in one. */
      readonly step?: Step
    }
  /** It was skipped: a later message of its conversation had been sent. */
  | { readonly kind: 'skipped'; readonly delivery: Delivery; readonly reason: string }
  | {
      readonly kind: 'store_failed'
      readonly during: string
      readonly message: string
      /** The verified request that was not stored. */
      readonly request?: UnstoredRequest
      /** The delivery whose attempt was not recorded yet. */
      readonly delivery?: Delivery
    }
  /** Old events were removed; `unresolved` of them were quarantined or had a parked or dead delivery. */
  | { readonly kind: 'purged'; readonly events: number; readonly unresolved: number }
  /** A quarantined request was read again, and is an event now. */
  | {
      readonly kind: 'released'
      readonly id: string
      readonly from: string
      readonly source: string
      readonly type: string
      /** False while its enrichment is awaited. */
      readonly unrouted: boolean
      readonly deliveries: number
      readonly muted?: MutedCounts
    }
  | EnrichmentFact
  /** The service had something to say itself, and stored it as an event. */
  | {
      readonly kind: 'noticed'
      readonly id: string
      readonly type: NoticeType
      readonly subject: string | null
      readonly title: string
      readonly deliveries: number
      readonly muted?: MutedCounts
    }
  | {
      readonly kind: 'heartbeat'
      readonly host: string
      /** `withheld`: the service does not work. */
      readonly result: 'sent' | 'failed' | 'withheld'
      readonly reason: string | null
      /** The one before had another result. */
      readonly isNews: boolean
    }
  | {
      readonly kind: 'reloaded'
      readonly ok: boolean
      /** What asked for it. */
      readonly trigger: string
      /** The keys whose change takes effect. */
      readonly changed: readonly string[]
      /** Of the configuration in effect. */
      readonly fingerprint: string
      /** Why the reload failed; empty if it succeeded. */
      readonly reason: string
    }

export type Observe = (fact: Fact) => void

/** How a verified request was handled. Times are those of the pipeline's `clock`. */
export interface Handling {
  /** When its head had arrived. */
  readonly began: number
  readonly verifying: number
  readonly verified: number
  /** It was read as an event and planned, or could not be. */
  readonly routed: number
  /** The store has committed it, or refused it. */
  readonly stored: number
  /** The routes that take it. */
  readonly routes: readonly string[]
  readonly bytes: number
  /** The header of that name, as received; it is not signed. */
  readonly traceparent: string | undefined
}

export interface UnstoredRequest {
  readonly source: string
  readonly type: string | null
  /** The id that the event would have. */
  readonly id: string
  readonly messageId: string
  readonly handling: Handling
}

/** When the parts of an attempt were over, by the pipeline's `clock`. */
export interface AttemptTimes {
  readonly began: number
  /** Null where there was nothing to render with. */
  readonly rendered: number | null
  readonly ended: number
  readonly recorded: number
}
