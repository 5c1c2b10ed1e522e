import type { Delivery, State } from '../core/delivery/delivery.ts'
import type { Destination, DestinationState } from '../core/delivery/destination.ts'
import type { JsonObject } from '../core/json/json.ts'
import type { Stage } from '../core/lifecycle/lifecycle.ts'
import type { NewPlan } from '../core/routing/plan.ts'
import type { EnrichmentRecord } from './enrichments.ts'
import type { Timing } from './inbox.ts'
import type { Attempt, ConversationRecord } from './queue.ts'

/** Reads what happened. Lists are pages of summaries, newest first. */
export interface EventType {
  readonly source: string
  readonly type: string
}

export interface History {
  events(filter: EventFilter, page: PageRequest): Promise<Page<EventSummary>>
  deliveries(filter: DeliveryFilter, page: PageRequest): Promise<Page<DeliverySummary>>
  /** One event with everything that happened to it. */
  event(id: string): Promise<EventRecord | null>
  /** One delivery with its attempts. */
  delivery(id: string): Promise<DeliveryRecord | null>
  /**
   * A conversation as this event sees it; an event that is not stored is treated as if it arrived now. It is the conversation of a
   * destination: `conversation` of its deliveries.
   */
  conversation(eventId: string, stage: Stage, conversation: string): Promise<ConversationRecord>
  /**
   * Events and deliveries by an id or a prefix of it: an event's id, the sender's message id, a subject, a delivery's id.
   * Exact matches come first. At most `limit`.
   */
  find(text: string, limit: number): Promise<readonly Found[]>
  /** Every destination with deliveries, past or pending, in the order of channel and target. */
  destinations(): Promise<readonly DestinationRecord[]>
  /** The last request of a source that was correctly signed but refused for its timestamp; null if there was none. */
  refusedClock(source: string): Promise<Timing | null>
  /** The types of all stored events, each once for each source, in no particular order. */
  types(): Promise<readonly EventType[]>
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
  readonly conversation?: string
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
  /** No route took it in its last plan. */
  readonly unrouted: boolean
  /** Why it is quarantined; null for an event. */
  readonly problem: string | null
  /** For a quarantined request, the event that was made from it. */
  readonly releasedAs: string | null
  /** It is planned after its enrichment, which has not ended yet. */
  readonly enriching: boolean
  /** How many of its deliveries are in each state; states without any are left out. */
  readonly counts: Readonly<Partial<Record<State, number>>>
}

export interface EventRecord extends Omit<EventSummary, 'counts'> {
  readonly sentAt: number
  readonly secretIndex: number
  readonly body: Uint8Array
  /** What enrichment fetched, by step; empty if it fetched nothing. */
  readonly enriched: JsonObject
  /** Null if no step matched it. */
  readonly enrichment: EnrichmentRecord | null
  /** The quarantined request that it was made from. */
  readonly releasedFrom: string | null
  readonly plans: readonly PlanRecord[]
}

export interface PlanRecord extends Omit<NewPlan, 'fingerprint' | 'deliveries'> {
  /** Counted from 1 within the event. */
  readonly number: number
  /** Null for plans of earlier versions, which did not store it. */
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
  /** The whole id. */
  readonly text: string
}

export interface DestinationRecord {
  readonly destination: Destination
  /** Null if nothing has been claimed for it yet. */
  readonly state: DestinationState | null
  /** Deliveries that are not finished. */
  readonly waiting: number
  readonly sending: number
  /** Deliveries that need a person. */
  readonly parked: number
  readonly dead: number
  /** When the first of the waiting ones is due. */
  readonly firstDueAt: number | null
}
