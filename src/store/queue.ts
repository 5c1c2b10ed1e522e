import type { Delivery, NextState } from '../core/delivery.ts'
import type { RateLimit } from '../core/destination.ts'
import type { Event } from '../core/event.ts'
import type { Outcome } from '../core/outcome.ts'
import type { NewDelivery } from '../core/plan.ts'

/** What is to be sent. */
export interface Queue {
  /**
   * Leases deliveries that are due to a holder, the longest due first, and marks them `sending`: as many as each
   * destination's rate, its health and the limits of its channel allow. If only a few attempts may begin, destinations
   * with fewer attempts in flight go first. A delivery whose lease ran out, or whose holder is gone, comes back with
   * `interruptedAt`: when the attempt started whose end nobody saw.
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
