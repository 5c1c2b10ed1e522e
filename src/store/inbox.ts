import type { Event } from '../core/event.ts'
import type { NewPlan } from '../core/routing/plan.ts'

/** Takes in events, quarantined requests, and further plans of stored events. */
export interface Inbox {
  /**
   * Stores an event with its first plan, or a quarantined request, in one transaction. An event whose source and
   * message id were seen less than `dedupeFor` ms before it was received is a duplicate: nothing is stored, and the
   * first event's id returned. A quarantined request does not make an event a duplicate: the event replaces it.
   */
  append(arrival: Arrival): Promise<Appended>
  /**
   * Adds a plan to a stored event (a replay); if the event was waiting for its enrichment, that ends. What its earlier plans have
   * not delivered to the receivers of `replaces` (null: to any) is cancelled; a delivery that is being sent is cancelled once its
   * attempt has failed. Null if there is no such event.
   */
  addPlan(eventId: string, plan: NewPlan, replaces: readonly string[] | null): Promise<AddedPlan | null>
  /**
   * Remembers the last request of a source that its sender had signed, but that was refused for its timestamp. Times are
   * milliseconds since the epoch.
   */
  noteClock(source: string, timing: Timing): Promise<void>
}

/** When a request was signed, and when it came. */
export interface Timing {
  readonly receivedAt: number
  readonly sentAt: number
}

export type Arrival =
  | {
      readonly kind: 'event'
      readonly event: Event
      /** The request's body as it was signed. */
      readonly body: Uint8Array
      /** Null if the event is planned after its enrichment. */
      readonly plan: NewPlan | null
      readonly dedupeFor: number
      /** The quarantined request that it was made from, which is kept and refers to this event. */
      readonly releasedFrom?: string
    }
  | { readonly kind: 'quarantine'; readonly request: QuarantinedRequest; readonly dedupeFor: number }

export type Appended =
  | { readonly kind: 'stored'; readonly id: string }
  /** `quarantined`: the earlier request is in quarantine. */
  | { readonly kind: 'duplicate'; readonly id: string; readonly quarantined: boolean }

export interface AddedPlan {
  readonly number: number
  /** The deliveries of earlier plans that it cancelled. */
  readonly cancelled: readonly string[]
}

/** A verified request that cannot become an event, stored completely. */
export interface QuarantinedRequest {
  readonly id: string
  readonly messageId: string
  readonly source: string
  readonly receivedAt: number
  readonly sentAt: number
  readonly secretIndex: number
  readonly body: Uint8Array
  /** What is wrong with it: a code and a message. */
  readonly problem: string
}
