/**
 * The contract every store keeps, in four parts. All of it is asynchronous, and every promise that changes something
 * resolves only after the change is on disk. Times are milliseconds since the epoch. A store that cannot take a change
 * now (a full disk, a lost connection) rejects with StoreUnavailable, and nothing of that change is kept.
 */
import type { Delivery, NextState, State } from '../core/delivery.ts'
import type { Destination, DestinationState, RateLimit } from '../core/destination.ts'
import type { Event } from '../core/event.ts'
import type { Outcome } from '../core/outcome.ts'
import type { NewDelivery, NewPlan } from '../core/plan.ts'

export type { NewDelivery, NewPlan, PlanCause } from '../core/plan.ts'

export interface Store extends Inbox, Queue, History, Upkeep {}

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

/** What is to be sent. */
export interface Queue {
  /**
   * Leases deliveries that are due to a holder, the longest due first, and marks them `sending`: as many as each
   * destination's rate, its health and the limits of its channel allow. A delivery whose lease ran out, or whose
   * holder is gone, comes back with `interruptedAt`: when the attempt started whose end nobody saw.
   */
  claim(request: ClaimRequest): Promise<Claimed>
  /** Makes the leases of deliveries that are being sent longer. Those of other holders stay as they are. */
  renew(holder: string, deliveryIds: readonly string[], leaseUntil: number): Promise<void>
  /**
   * Stores how an attempt ended, the delivery's next state, what the attempt says of its destination, and lets the
   * next delivery of its conversation go; all in one transaction. False if the lease was lost: then nothing changes.
   */
  complete(attempt: Attempt, next: NextState, reached: boolean): Promise<boolean>
  /**
   * Makes deliveries due now, with a fresh retry budget; one with a new place is cancelled, and the delivery in `instead`
   * takes its part. Returns the ids of those that changed. What is being sent is left alone, what another delivery took
   * the place of, and what is due already, or waits for its turn in its conversation, unless it has a new place.
   */
  requeue(requests: readonly Requeue[], now: number): Promise<readonly string[]>
  /** Closes parked and dead deliveries for a reason. Returns the ids of those that changed. */
  dismiss(deliveryIds: readonly string[], reason: string): Promise<readonly string[]>
  /** After another configuration: destinations that failed are tried at once; what they asked for still holds. */
  reconfigure(): Promise<void>
  /** Calls back when something may have fallen due by a change through this store; before that change is committed. */
  onDue(listener: () => void): void
}

/** What happened. Lists are pages of summaries, newest first. */
export interface History {
  events(filter: EventFilter, page: PageRequest): Promise<Page<EventSummary>>
  deliveries(filter: DeliveryFilter, page: PageRequest): Promise<Page<DeliverySummary>>
  /** One event with everything that happened to it. */
  event(id: string): Promise<EventRecord | null>
  /** One delivery with its attempts. */
  delivery(id: string): Promise<DeliveryRecord | null>
  /**
   * What an id, or the beginning of one, may mean: an event's id, the sender's message id, a subject, a delivery's id.
   * What fits whole goes before what only begins so. At most `limit`.
   */
  find(text: string, limit: number): Promise<readonly Found[]>
  /** Every destination that something was ever sent to, or is to be, in the order of channel and target. */
  destinations(): Promise<readonly DestinationRecord[]>
}

export interface Upkeep {
  /**
   * What is not delivered, by channel, in no order. Costs as much as there is of it, however long the history; nothing
   * of a channel that has none.
   */
  backlog(): Promise<readonly ChannelBacklog[]>
  /** Looks at old events, from `after` on, and removes those that need not be kept. */
  purge(request: PurgeRequest): Promise<Purged>
  /** Quarantined requests that no event has taken up, in the order of their ids, those after `after`. */
  quarantined(after: string, limit: number): Promise<readonly QuarantinedRequest[]>
  /** Calls back after each commit that changed something. */
  onCommit(listener: Committed): void
  /** Finishes what was asked for, then lets go of everything. Idempotent. */
  close(): Promise<void>
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

export interface ClaimRequest {
  /** The process that claims. */
  readonly holder: string
  readonly now: number
  readonly leaseUntil: number
  /** By channel; one that is not listed left the configuration: its deliveries are claimed one by one. */
  readonly channels: ReadonlyMap<string, ClaimLimits>
  /** The holder's attempts in flight, by rate key. */
  readonly inFlight: ReadonlyMap<string, number>
}

export interface ClaimLimits extends RateLimit {
  /** Attempts in flight at once to one destination. */
  readonly perDestination: number
  /** How many attempts may begin now over all destinations of the channel. */
  readonly free: number
}

export interface Claimed {
  readonly leased: readonly Leased[]
  /** When the next delivery can be claimed, if nothing changes but the time; null where none can. */
  readonly nextDueAt: number | null
}

export interface Leased {
  /** `attempts` counts the attempts before this one. */
  readonly delivery: Delivery
  readonly event: Event
  readonly interruptedAt: number | null
}

export interface Attempt {
  readonly deliveryId: string
  /** Counted from 1 within the delivery. */
  readonly number: number
  readonly startedAt: number
  readonly durationMs: number
  readonly outcome: Outcome
  /** What a reader should know of the message: a fallback template, cut text, unknown variables. */
  readonly notes: readonly string[]
}

export interface Requeue {
  readonly deliveryId: string
  /** Where the receiver points now, if that is another place. */
  readonly instead?: NewDelivery
}

export interface EventFilter {
  readonly type?: string
  readonly source?: string
  readonly subject?: string
  readonly kind?: 'routed' | 'unrouted' | 'quarantined'
  /** Received at this time or after it, and before `until`. */
  readonly since?: number
  readonly until?: number
}

export interface DeliveryFilter {
  readonly states?: readonly State[]
  readonly receiver?: string
  readonly channel?: string
  /** A destination's target. */
  readonly target?: string
  /** Of the event. */
  readonly type?: string
  readonly source?: string
  readonly subject?: string
  /** Created at this time or after it, and before `until`. */
  readonly since?: number
  readonly until?: number
}

export interface PageRequest {
  readonly limit: number
  /** The `next` of the page before. */
  readonly cursor?: string
}

export interface Page<Item> {
  readonly items: readonly Item[]
  /** Where the next page begins; null after the last. */
  readonly next: string | null
}

export interface EventSummary {
  readonly id: string
  readonly messageId: string
  readonly source: string
  /** Null for a quarantined request. */
  readonly type: string | null
  readonly subject: string | null
  readonly receivedAt: number
  /** No route took it, as its last plan says. */
  readonly unrouted: boolean
  /** Why it is quarantined; null for an event. */
  readonly problem: string | null
  /** The event that took a quarantined request up. */
  readonly takenUpBy: string | null
  /** Its deliveries by state; those there are. */
  readonly counts: Readonly<Partial<Record<State, number>>>
}

export interface EventRecord extends Omit<EventSummary, 'counts'> {
  readonly sentAt: number
  readonly secretIndex: number
  readonly body: Uint8Array
  /** The quarantined request that it was read from. */
  readonly takesUp: string | null
  readonly plans: readonly PlanRecord[]
}

export interface PlanRecord extends Omit<NewPlan, 'fingerprint' | 'deliveries'> {
  /** Counted from 1 within the event. */
  readonly number: number
  /** Null where a version made it that did not keep it. */
  readonly fingerprint: string | null
  readonly deliveries: readonly DeliveryRecord[]
}

export interface DeliverySummary extends Delivery {
  readonly type: string
  readonly source: string
  readonly subject: string | null
}

export interface DeliveryRecord extends Delivery {
  readonly history: readonly Attempt[]
}

export interface Found {
  readonly kind: 'event' | 'delivery'
  /** Of the event, or the delivery. */
  readonly id: string
  readonly by: 'id' | 'message_id' | 'subject'
  /** All of what was begun. */
  readonly text: string
}

export interface DestinationRecord {
  readonly destination: Destination
  /** Null where nothing was claimed for it yet. */
  readonly state: DestinationState | null
  /** Deliveries that wait for it. */
  readonly waiting: number
  readonly sending: number
  /** Deliveries that wait for a person. */
  readonly parked: number
  readonly dead: number
  /** When the first that waits is due. */
  readonly firstDueAt: number | null
}

export interface ChannelBacklog {
  readonly channel: string
  readonly counts: Readonly<Record<BacklogState, number>>
  /** When the first is to be claimed, in the past or in the future; null where none is. */
  readonly firstDueAt: number | null
}

/** What waits, for its time or for a person. */
export type BacklogState = 'pending' | 'held' | 'sending' | 'retrying' | 'ambiguous' | 'parked' | 'dead'

export interface PurgeRequest {
  /** Events received before it go, where a person need not deal with them. */
  readonly before: number
  /** Events received before it go, even if nobody has dealt with them. */
  readonly unresolvedBefore: number
  /** Where the last purge ended; null to begin. */
  readonly after: string | null
  /** Events that are looked at. */
  readonly limit: number
}

export interface Purged {
  readonly events: number
  /** Those among them that nobody had dealt with: quarantined, or with a parked or dead delivery. */
  readonly unresolved: number
  /** Where to go on; null where no old event is left to look at. */
  readonly next: string | null
}

/** How many changes shared a commit, and the milliseconds that it took. */
export type Committed = (changes: number, durationMs: number) => void

/** The store cannot take a change now; the same change may be tried again later. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

/** The store must not be opened like this, now or ever; the message says what to do. */
export class StoreRefused extends Error {
  override readonly name = 'StoreRefused'
  readonly reason: 'in_use' | 'missing' | 'older_schema' | 'newer_schema'

  constructor(reason: StoreRefused['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}
