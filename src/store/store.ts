/**
 * The contract every store keeps. All of it is asynchronous, and every promise that changes something resolves
 * only after the change is on disk. Times are milliseconds since the epoch. A store that cannot take a change
 * now (a full disk, a lost connection) rejects with StoreUnavailable, and nothing of that change is kept.
 */
import type { Delivery, NextState, Outcome, State } from '../core/delivery.ts'
import type { Event } from '../core/event.ts'
import type { PlannedDelivery } from '../core/plan.ts'

export interface Store {
  /**
   * Stores an event with the deliveries it owes, or a quarantined request, or further deliveries of a stored
   * event (a replay), in one transaction. An event whose source and message id were seen less than
   * `dedupeFor` ms before it was received is a duplicate: nothing is stored, and the first event's id returned.
   */
  append(entry: Entry): Promise<Appended>
  /**
   * Leases deliveries that are due, the longest due first, at most `limits[lane]` of a lane (`limit` where the
   * lane is not listed) and `budgets[channel]` of a channel (no bound where it is not listed), and marks them
   * `sending`. A delivery whose lease ran out, or was held by an earlier
   * process, comes back with `interruptedAt`: when the attempt started whose end nobody saw. `nextDueAt` is when the
   * next delivery falls due (null: none waits) among the lanes with a limit and a budget above 0.
   */
  claim(request: ClaimRequest): Promise<Claimed>
  /** Stores how an attempt ended and the delivery's next state, and ends the lease. False if the lease was lost. */
  record(attempt: Attempt, next: NextState): Promise<boolean>
  /** Makes finished deliveries due now, with a fresh retry budget. Returns the ids that were changed. */
  resend(deliveryIds: readonly string[], now: number): Promise<readonly string[]>
  /** Stored events with their deliveries and attempts, newest first. */
  events(filter: EventFilter): Promise<readonly EventRecord[]>
  /** Deliveries with their attempts, newest first. */
  deliveries(filter: DeliveryFilter): Promise<readonly DeliveryRecord[]>
  /**
   * What is not delivered, by channel, in no order. Costs as much as there is of it, however long the history; nothing
   * of a channel that has none.
   */
  backlog(): Promise<readonly ChannelBacklog[]>
  /** Removes at most `limit` events received before `before` all of whose deliveries are final. Returns how many. */
  purge(before: number, limit: number): Promise<number>
  /** Finishes what was asked for, then lets go of everything. Idempotent. */
  close(): Promise<void>
}

export type Entry =
  | {
      readonly kind: 'event'
      readonly event: Event
      /** The request's body as it was signed. */
      readonly body: Uint8Array
      readonly routing: RoutingRecord
      readonly deliveries: readonly NewDelivery[]
      readonly dedupeFor: number
    }
  | { readonly kind: 'quarantine'; readonly request: QuarantinedRequest; readonly dedupeFor: number }
  | {
      readonly kind: 'replay'
      readonly eventId: string
      readonly now: number
      readonly deliveries: readonly NewDelivery[]
    }

export type Appended =
  | { readonly kind: 'stored'; readonly id: string }
  | { readonly kind: 'duplicate'; readonly id: string }
  /** Only a replay: there is no such event, or it was quarantined. */
  | { readonly kind: 'unknown' }

/** A delivery as routing makes it; the store gives it its id. Its state is `skipped` with a reason, or `pending`. */
export type NewDelivery = PlannedDelivery

/** Which routes took an event: kept with it, so that the history can say why. */
export interface RoutingRecord {
  readonly routes: readonly string[]
  readonly unrouted: boolean
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
  readonly now: number
  readonly leaseUntil: number
  readonly limit: number
  readonly limits: ReadonlyMap<string, number>
  readonly budgets: ReadonlyMap<string, number>
}

export interface Claimed {
  readonly leased: readonly Leased[]
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
  /** Milliseconds. */
  readonly took: number
  readonly outcome: Outcome
  /** What a reader should know of the message: a fallback template, cut text, unknown variables. */
  readonly notes: readonly string[]
}

export interface EventFilter {
  /** Our id or the sender's. */
  readonly id?: string
  readonly type?: string
  readonly source?: string
  readonly kind?: 'routed' | 'unrouted' | 'quarantined'
  readonly since?: number
  /** Received at this time or before it: with it, long lists are read in pages. */
  readonly until?: number
  readonly limit: number
}

export interface EventRecord {
  readonly id: string
  readonly messageId: string
  readonly source: string
  /** Null for a quarantined request. */
  readonly type: string | null
  readonly receivedAt: number
  readonly sentAt: number
  readonly secretIndex: number
  readonly body: Uint8Array
  /** Null for a quarantined request. */
  readonly routing: RoutingRecord | null
  /** Why it is quarantined; null for an event. */
  readonly problem: string | null
  readonly deliveries: readonly DeliveryRecord[]
}

export interface DeliveryFilter {
  readonly ids?: readonly string[]
  readonly states?: readonly State[]
  readonly receiver?: string
  readonly channel?: string
  readonly since?: number
  readonly limit: number
}

export interface DeliveryRecord extends Delivery {
  readonly history: readonly Attempt[]
}

export interface ChannelBacklog {
  readonly channel: string
  readonly counts: Readonly<Record<BacklogState, number>>
  /** When the first is to be claimed, in the past or in the future; null where none is. */
  readonly firstDueAt: number | null
}

/** What a person may have to do something about: all states but the two in which a delivery is done with. */
export type BacklogState = Exclude<State, 'delivered' | 'skipped'>

/** Told after each commit that changed something: how many changes shared it, and the milliseconds that it took. */
export type Committed = (changes: number, took: number) => void

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
