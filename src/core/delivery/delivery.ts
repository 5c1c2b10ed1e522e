/**
 * A delivery is one message for one destination. This file holds its states, and the whole policy that leads
 * from the outcome of an attempt to the next state and when it is due.
 */
import type { Destination } from './destination.ts'
import type { Outcome } from './outcome.ts'

export const states = [
  /** Attempted as soon as its destination's rate limit allows. */
  'pending',
  /**
   * Waits for a time, or for an earlier message of its conversation; the reason says which. This version never plans to hold
   * a message for a time: stores support that, groups and `merged` for digests to come.
   */
  'held',
  /** Leased: an attempt is in progress. */
  'sending',
  'delivered',
  /** An attempt failed, and there will be another. */
  'retrying',
  /** It is unknown whether an attempt delivered it, and there will be another. */
  'ambiguous',
  /** A person must act: a bad token, a channel the app is not in, too many ambiguous attempts. */
  'parked',
  /** Tried for as long as `delivery.retry_for`, or the message itself is refused. */
  'dead',
  /** Planned but not to be sent, for the reason given. */
  'skipped',
  /** Sent as a part of another message. */
  'merged',
  /** Another delivery took its place. */
  'cancelled',
  /** A person closed it. */
  'dismissed',
] as const
export type State = (typeof states)[number]

/** A state in which nothing more happens unless a person asks for it. */
export const finalStates = [
  'delivered',
  'parked',
  'dead',
  'skipped',
  'merged',
  'cancelled',
  'dismissed',
] as const satisfies readonly State[]

/** Final, but a person has to deal with it: kept for `store.retain_unresolved`. */
export const unresolvedStates = ['parked', 'dead'] as const satisfies readonly State[]

export interface Delivery {
  /** `dlv_` and 14 characters, short enough to type. Opaque. */
  readonly id: string
  readonly eventId: string
  /** The plan of its event that made it, counted from 1. */
  readonly plan: number
  /** The route that it comes from, by name, or as `routes[0].routes[2]`. */
  readonly route: string
  readonly receiver: string
  readonly destination: Destination
  readonly template: string | null
  /** Deliveries of one conversation are attempted one at a time, in their order. */
  readonly conversation: string | null
  /** Deliveries of one group become one message. */
  readonly group: string | null
  /** What it is the fallback of; null if its own route planned it. */
  readonly standsInFor: StandIn | null
  readonly state: State
  /** Why it is in this state; empty if the state says enough. */
  readonly reason: string | null
  /** When it is attempted next; null in a final state, and while it waits for another delivery. */
  readonly dueAt: number | null
  readonly attempts: number
  /** Counted since the delivery was created or resent, or since a look-up did not find the message. */
  readonly ambiguousAttempts: number
  readonly createdAt: number
  /** Since when `delivery.retry_for` counts: its creation, or the last resend. */
  readonly retryingSince: number
}

/**
 * Attempts of which it is unknown whether the message arrived: when the first and the last of them began, in milliseconds
 * since the epoch.
 */
export interface Unanswered {
  readonly since: number
  readonly latest: number
  /** When the last one without an answer began, which may still be in progress; null if each was answered. */
  readonly underWay: number | null
}

/** From a delivery's attempts, the latest first; null if it is known for all of them whether the message arrived. */
export function unansweredOf(
  attempts: Iterable<{ readonly startedAt: number; readonly outcome: Outcome }>,
): Unanswered | null {
  let since = Number.POSITIVE_INFINITY
  let latest = Number.NEGATIVE_INFINITY
  let underWay: number | null = null
  let before = Number.POSITIVE_INFINITY
  for (const { startedAt, outcome } of attempts) {
    // A delivered message is only sent again because a person asked for it.
    if (outcome.kind === 'sent') break
    // It began before the attempt that followed it, even if the clock was set back in between, by this much or more.
    const setBack = Math.max(0, startedAt - before)
    before = Math.min(before, startedAt)
    if (outcome.kind === 'ambiguous') {
      since = Math.min(since, before - setBack)
      latest = Math.max(latest, before)
      if (outcome.answered !== true) underWay ??= before
    }
    if (outcome.lookUp === 'absent') break
  }
  return since === Number.POSITIVE_INFINITY ? null : { since, latest, underWay }
}

/** The number of attempts without an answer, after one more attempt. */
export function ambiguousAfter(before: number, outcome: Outcome): number {
  return (outcome.lookUp === 'absent' ? 0 : before) + (outcome.kind === 'ambiguous' ? 1 : 0)
}

/** The delivery that a fallback stands in for. */
export interface StandIn {
  readonly delivery: string
  readonly receiver: string
  /** Why it could not be delivered. */
  readonly reason: string
}

export interface Policy {
  /** For how many milliseconds a failing delivery is retried. */
  readonly retryFor: number
  /** How many times at most a message that may have arrived is sent again. */
  readonly ambiguousResends: number
}

export interface NextState {
  readonly state: State
  readonly dueAt: number | null
  readonly reason: string | null
}

const FIRST_BACKOFF_LIMIT_MS = 1_000
const LARGEST_BACKOFF_LIMIT_MS = 15 * 60_000

/**
 * Decides what becomes of a delivery after an attempt. `delivery` counts the attempt that just ended; `canLookUp`: the next
 * attempt can find out whether this one delivered; `random` is in [0, 1); times are milliseconds.
 */
export function nextState(
  delivery: Pick<Delivery, 'attempts' | 'ambiguousAttempts' | 'retryingSince'>,
  outcome: Outcome,
  policy: Policy & { readonly canLookUp?: boolean },
  now: number,
  random: number,
): NextState {
  switch (outcome.kind) {
    case 'sent':
      return { state: 'delivered', dueAt: null, reason: null }
    case 'park':
      return { state: 'parked', dueAt: null, reason: outcome.reason }
    case 'refuse':
      return { state: 'dead', dueAt: null, reason: outcome.reason }
    case 'ambiguous':
      if (delivery.ambiguousAttempts > policy.ambiguousResends && !policy.canLookUp)
        return unknown(delivery, outcome.reason)
      return later('ambiguous', outcome.reason, outcome.after)
    case 'retry':
      return later('retrying', outcome.reason, outcome.after)
  }

  function later(state: State, reason: string, after: number | undefined): NextState {
    const budgetEnd = delivery.retryingSince + policy.retryFor
    const backoffEnd = now + backoff(delivery.attempts, random)
    if (backoffEnd <= budgetEnd) return { state, dueAt: Math.max(backoffEnd, now + (after ?? 0)), reason }
    // If the destination asks to wait, there is one more attempt: after that wait, or at the end of the budget, whichever is later.
    if (after !== undefined && now < budgetEnd)
      return { state, dueAt: Math.max(budgetEnd, now + after), reason }
    return {
      state: 'dead',
      dueAt: null,
      reason: `gave up after ${attempts(delivery.attempts)}: ${reason}`,
    }
  }
}

function unknown(delivery: Pick<Delivery, 'ambiguousAttempts'>, reason: string): NextState {
  const hint = 'check whether the message arrived, then dismiss or resend it'
  return {
    state: 'parked',
    dueAt: null,
    reason: `ambiguous: it is unknown whether ${attempts(delivery.ambiguousAttempts)} delivered it; ${hint} (${reason})`,
  }
}

function attempts(count: number): string {
  return `${count} ${count === 1 ? 'attempt' : 'attempts'}`
}

/** Full jitter: anywhere between nothing and an exponentially growing limit, in milliseconds. */
function backoff(attempts: number, random: number): number {
  const limit = Math.min(LARGEST_BACKOFF_LIMIT_MS, FIRST_BACKOFF_LIMIT_MS * 2 ** Math.min(attempts - 1, 20))
  return Math.round(random * limit)
}
