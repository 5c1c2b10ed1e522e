import type { Event } from '../core/event.ts'
import type { NewPlan } from '../core/plan.ts'

/** What comes in: events, quarantined requests, and further plans of stored events. */
export interface Inbox {
  /**
   * Stores an event with its first plan, or a quarantined request, in one transaction. An event whose source and
   * message id were seen less than `dedupeFor` ms before it was received is a duplicate: nothing is stored, and the
   * first event's id returned. A quarantined request is no obstacle to an event: that takes it up.
   */
  append(arrival: Arrival): Promise<Appended>
  /**
   * Adds a plan to a stored event (a replay). What its earlier plans have not delivered to the receivers of `replaces`
   * (null: to any) is cancelled; what is being sent, once its attempt has ended without success. Null where there is
   * no such event.
   */
  addPlan(eventId: string, plan: NewPlan, replaces: readonly string[] | null): Promise<AddedPlan | null>
}

export type Arrival =
  | {
      readonly kind: 'event'
      readonly event: Event
      /** The request's body as it was signed. */
      readonly body: Uint8Array
      readonly plan: NewPlan
      readonly dedupeFor: number
      /** The quarantined request that it was read from anew; it stays, and names the event that took it up. */
      readonly takesUp?: string
    }
  | { readonly kind: 'quarantine'; readonly request: QuarantinedRequest; readonly dedupeFor: number }

export type Appended =
  | { readonly kind: 'stored'; readonly id: string }
  /** `quarantined`: what was seen before is in quarantine. */
  | { readonly kind: 'duplicate'; readonly id: string; readonly quarantined: boolean }

export interface AddedPlan {
  readonly number: number
  /** The deliveries of earlier plans that it took the place of. */
  readonly cancelled: readonly string[]
}

/** A verified request that cannot become an event, stored whole. */
export interface QuarantinedRequest {
  readonly id: string
  readonly messageId: string
  readonly source: string
  readonly receivedAt: number
  readonly sentAt: number
  readonly secretIndex: number
  readonly body: Uint8Array
  /** The code and the words of what is wrong with it. */
  readonly problem: string
}
