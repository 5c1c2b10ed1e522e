import type { Delivery, NextState, Unanswered } from '../core/delivery/delivery.ts'
import type { RateLimit } from '../core/delivery/destination.ts'
import type { Outcome } from '../core/delivery/outcome.ts'
import type { Event } from '../core/event.ts'
import type { SentMessage, Step } from '../core/lifecycle/lifecycle.ts'
import type { NewDelivery } from '../core/routing/plan.ts'

/** The deliveries that are still to be attempted. */
export interface Queue {
  /**
   * Whether changes are made in the order in which they are requested, so that a claim sees every completion that was requested
   * before it, without waiting for its commit.
   */
  readonly isSequential: boolean
  /**
   * Leases deliveries that are due to a holder, the longest due first, and marks them `sending`: as many as each
   * destination's rate, its health and the limits of its channel allow, and one at a time to each destination, so that
   * they arrive in this order, unless too many wait. If only a few attempts may begin, destinations
   * with fewer attempts in flight come first. If an earlier claim left something due, what became due since then may be left to the
   * claim after this one, if this one leases something: `nextDueAt` then says so. A delivery whose lease expired, or whose holder
   * is gone, is returned with `interruptedAt`: the start of the attempt that was interrupted.
   */
  claim(request: ClaimRequest): Promise<Claimed>
  /**
   * Until when a claim would find nothing, unless something changes; null if only a claim can tell. The end of an attempt
   * counts as a change if it may make something due.
   */
  idleUntil(now: number): number | null
  /** Extends the holder's leases; those of other holders are not changed. */
  renew(holder: string, deliveryIds: readonly string[], leaseUntil: number): Promise<void>
  /**
   * Stores an attempt, the delivery's next state and the health of its destination, adds its fallbacks, and releases the next
   * delivery of its conversation, in one transaction. Returns the state that was stored, which is a different one if the event
   * was replayed during the attempt, in which case no fallbacks are added. Null, and nothing changes, if the lease was lost.
   */
  complete(
    attempt: Attempt,
    next: NextState,
    reached: boolean,
    fallbacks?: readonly NewDelivery[],
  ): Promise<Completed | null>
  /**
   * Closes a leased delivery that is not to be sent, and releases the next one of its conversation. False, and nothing
   * changes, if the lease was lost.
   */
  skip(delivery: Pick<Delivery, 'id' | 'attempts'>, reason: string, now: number): Promise<boolean>
  /**
   * Makes deliveries due now, with a fresh retry budget. One with `instead` is cancelled, and that delivery is added. Returns
   * the ids of those that changed. Deliveries are left unchanged that are being sent, skipped, merged or cancelled, or, without
   * `instead`, already due or waiting for their turn in a conversation.
   */
  requeue(requests: readonly Requeue[], now: number): Promise<readonly string[]>
  /** Closes parked and dead deliveries for a reason. Returns the ids of those that changed. */
  dismiss(deliveryIds: readonly string[], reason: string, now: number): Promise<readonly string[]>
  /** For a new configuration: failing destinations are tried at once; Retry-After is still respected. */
  reconfigure(): Promise<void>
  /**
   * Whether what this instance's configuration lacks is left to other instances: while one has another configuration, or had one until a moment
   * ago, for some minutes from `since`.
   */
  isLeftToOthers(since: number): boolean
  /** Calls back when a change through this store may have made something due, before that change is committed. */
  onDue(listener: () => void): void
}

export interface ClaimRequest {
  /** The process that claims. */
  readonly holder: string
  readonly now: number
  readonly leaseUntil: number
  /** Identifies the holder's configuration. */
  readonly configuration: string
  /**
   * By channel. One that is not listed is not configured: its deliveries are left to instances that have it; where none does, they are claimed
   * one by one, to be parked.
   */
  readonly channels: ReadonlyMap<string, ClaimLimits>
  /** The holder's attempts in flight, by rate key. */
  readonly inFlight: ReadonlyMap<string, number>
}

export interface ClaimLimits extends RateLimit {
  /** Up to this many due deliveries of one destination are sent one by one, in order. */
  readonly inOrderUpTo: number
  /** Attempts of this holder in flight at once to a destination that catches up. */
  readonly perDestination: number
  /** How many attempts may begin now over all destinations of the channel. */
  readonly free: number
  /** How many of these may begin at failing destinations. */
  readonly freeForFailing: number
}

export interface Claimed {
  readonly leased: readonly Leased[]
  /**
   * When the next delivery can be claimed, if nothing changes until then; null if none can. Not after the request's time if the
   * claim has not looked at everything. Failing destinations that are not tried because of `freeForFailing` are left out.
   */
  readonly nextDueAt: number | null
}

export interface Leased {
  /** `attempts` counts the attempts before this one. */
  readonly delivery: Delivery
  readonly event: Event
  readonly interruptedAt: number | null
  /** Its destination was failing, so that it counts in `freeForFailing`. */
  readonly atFailing: boolean
  readonly unanswered: Unanswered | null
  /** Null if it belongs to none. */
  readonly conversation: ConversationRecord | null
}

/** What a store has of one round of a conversation, at one destination. */
export interface ConversationRecord {
  readonly lifecycle: string
  readonly key: string
  /** Counted from 1. */
  readonly round: number
  /** In no particular order. */
  readonly sent: readonly SentMessage[]
  /** The first event of each stage that has arrived, whether it was routed here or not, oldest first. */
  readonly events: readonly Event[]
}

export interface Attempt {
  readonly deliveryId: string
  /** Counted from 1 within the delivery. */
  readonly number: number
  readonly startedAt: number
  readonly durationMs: number
  readonly outcome: Outcome
  /** Remarks on the message: a fallback template, cut text, unknown variables. */
  readonly notes: readonly string[]
  /** What the message did in its conversation, if it was sent in one. */
  readonly step?: Step
}

export interface Completed extends NextState {
  /** The fallbacks that were added and will be sent; left out if there are none. */
  readonly fallbacks?: readonly NewDelivery[]
}

export interface Requeue {
  readonly deliveryId: string
  /** Its state and attempts when this was decided: if they have changed since, the delivery is left unchanged. */
  readonly seen?: Pick<Delivery, 'state' | 'attempts'>
  /** For the receiver's new destination, if it has changed. */
  readonly instead?: NewDelivery
}
