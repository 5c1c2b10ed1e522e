/**
 * A delivery is one message owed to one target. This file holds its states, and the whole policy that leads
 * from the outcome of an attempt to the next state and when it is due.
 */

import type { Destination } from './destination.ts'

/** How one attempt ended. `reason` is a code or the remote's own words, already cut and free of secrets. */
export type Outcome =
  | { readonly kind: 'sent'; readonly reference: Reference }
  /** `after`: milliseconds the destination asked us to wait. */
  | { readonly kind: 'retry'; readonly reason: string; readonly after?: number }
  /** The message may or may not have arrived. */
  | { readonly kind: 'ambiguous'; readonly reason: string }
  /** A person must act before this can work. */
  | { readonly kind: 'park'; readonly reason: string }
  /** The message itself is refused; it will never work as it is. */
  | { readonly kind: 'refuse'; readonly reason: string }

/** What identifies a sent message at its destination: channel, ts and permalink, or Message-ID. */
export type Reference = Readonly<Record<string, string>>

export const states = [
  'pending',
  'sending',
  'delivered',
  'retrying',
  'ambiguous',
  'parked',
  'dead',
  'skipped',
] as const
export type State = (typeof states)[number]

/** A state in which nothing more happens unless a person asks for it. */
export const finalStates = ['delivered', 'parked', 'dead', 'skipped'] as const satisfies readonly State[]

export interface Delivery {
  /** `<event id>-<number>`, the number counted from 1 within the event. */
  readonly id: string
  readonly eventId: string
  /** The route that owes it, as `routes[0].routes[2]` or its name. */
  readonly route: string
  readonly receiver: string
  readonly destination: Destination
  readonly template: string | null
  readonly state: State
  /** Why it is in this state, where that needs words. */
  readonly reason: string | null
  /** When it is to be attempted next; null in a final state. */
  readonly dueAt: number | null
  readonly attempts: number
  readonly createdAt: number
  /** Since when the retry budget counts: creation, or the last resend. */
  readonly owedSince: number
}

export interface Policy {
  /** Milliseconds during which a failing delivery is tried again. */
  readonly retryFor: number
  /** How often a message is sent again when it is unknown whether it arrived. */
  readonly ambiguousResends: number
}

export interface NextState {
  readonly state: State
  readonly dueAt: number | null
  readonly reason: string | null
}

const FIRST_BACKOFF = 1_000
const LONGEST_BACKOFF = 15 * 60_000

/**
 * Decides what becomes of a delivery after an attempt.
 * `attempts` counts the one that just ended; `random` is in [0, 1); times are milliseconds.
 */
export function nextState(
  delivery: Pick<Delivery, 'attempts' | 'owedSince'>,
  outcome: Outcome,
  policy: Policy,
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
      if (policy.ambiguousResends === 0)
        return { state: 'parked', dueAt: null, reason: `ambiguous: ${outcome.reason}` }
      return later('ambiguous', outcome.reason, undefined)
    case 'retry':
      return later('retrying', outcome.reason, outcome.after)
  }

  function later(state: State, reason: string, after: number | undefined): NextState {
    const wait = Math.max(backoff(delivery.attempts, random), after ?? 0)
    const dueAt = now + wait
    if (dueAt > delivery.owedSince + policy.retryFor) {
      return { state: 'dead', dueAt: null, reason: `gave up after ${delivery.attempts} attempts: ${reason}` }
    }
    return { state, dueAt, reason }
  }
}

/** Full jitter: anywhere between nothing and an exponentially growing limit, in milliseconds. */
function backoff(attempts: number, random: number): number {
  const limit = Math.min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** Math.min(attempts - 1, 20))
  return Math.round(random * limit)
}
