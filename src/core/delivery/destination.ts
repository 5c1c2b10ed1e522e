/**
 * A destination of messages, with its rate limit and its health. The state of a destination is a
 * value that a store keeps: `take` changes it when messages are claimed, `settle` when an attempt ended. Times are
 * milliseconds since the epoch, given by the caller; a clock that is set back neither delays messages nor adds tokens.
 */
import { fractionOf } from '../text/fraction.ts'
import type { Outcome } from './outcome.ts'

export interface Destination {
  readonly channel: string
  /** Where it goes, in the channel's words: `#deal-flow`, `partners@example.com`. Never a secret. */
  readonly target: string
  /** Targets with the same rate key share a rate limit and their health: the remote counts them as one. */
  readonly rateKey: string
}

export interface RateLimit {
  /** Messages a second; Infinity if nothing limits them. */
  readonly rate: number
  /** How many messages may be sent at once after an idle time. */
  readonly burst: number
}

export interface DestinationState {
  /** How many messages may be sent at once, as of `refilledAt`. */
  readonly tokens: number
  readonly refilledAt: number
  /** Failed attempts since the last success. */
  readonly failures: number
  readonly failingSince: number | null
  /** Why the last attempt failed; null while it works. */
  readonly reason: string | null
  /** The destination asked for a pause: Retry-After. */
  readonly retryAfter: Pause | null
  /** The destination is broken: it is probed with single attempts at growing intervals. */
  readonly backoff: Pause | null
  /** Rounded to the second. */
  readonly lastSuccessAt: number | null
  /** Too many messages wait to be sent one by one: several are sent at once, until none waits or is in flight. */
  readonly catchingUp: boolean
  /** It catches up, and the last claim left nothing that is due. */
  readonly nothingLeft: boolean
}

/** If the clock is set back to before `from`, the pause starts again from the new time. */
export interface Pause {
  readonly from: number
  readonly until: number
}

/** After this many failures in a row a destination counts as broken. */
const BROKEN_AFTER = 3
// An upper limit: a probe is made after between half of its interval and all of it.
const FIRST_PROBE_MS = 1_000
const LONGEST_PROBE_MS = 30_000
const SUCCESS_RESOLUTION_MS = 1_000
const TOLERATED_MS = 1_000
/**
 * An attempt may wait for minutes for the answer to a mail's final dot. After this time it no longer counts as in flight, so that
 * others can begin, including later ones to the same destination.
 */
export const SLOW_AFTER_MS = 30_000
/** A destination to which nothing has been sent yet. */
export function newDestination(limit: RateLimit, now: number): DestinationState {
  return {
    tokens: finite(limit.burst),
    refilledAt: now,
    failures: 0,
    failingSince: null,
    reason: null,
    retryAfter: null,
    backoff: null,
    lastSuccessAt: null,
    catchingUp: false,
    nothingLeft: false,
  }
}

export function isBroken({ failures }: Pick<DestinationState, 'failures'>): boolean {
  return failures >= BROKEN_AFTER
}

/** How many messages the rate limit and the pauses allow now. A broken destination gets one at a time. */
export function allowance(state: DestinationState, limit: RateLimit, now: number): number {
  if (pausedFor(state, now) > 0) return 0
  const tokens = limit.rate === Number.POSITIVE_INFINITY ? limit.burst : refill(state, limit, now).tokens
  return isBroken(state) ? Math.min(1, Math.floor(tokens)) : Math.floor(tokens)
}

/** When a destination has an allowance again, if nothing but time passes; now if it has one. */
export function availableAt(state: DestinationState, limit: RateLimit, now: number): number {
  const anchored = followClock(state, now)
  const unpausedAt = now + pausedFor(anchored, now)
  if (limit.rate === Number.POSITIVE_INFINITY) return unpausedAt
  // Tokens are refilled during a pause too.
  const { tokens, refilledAt } = refill(anchored, limit, unpausedAt)
  if (tokens >= 1) return unpausedAt
  const at = refilledAt + Math.ceil(((1 - tokens) * 1000) / limit.rate)
  // Fractions of a token are not exact: the result may be a millisecond off.
  return [at - 1, at].find((time) => allowance(anchored, limit, time) >= 1) ?? at + 1
}

/** The state after this many messages were claimed; the same value if nothing limits them. */
export function take(
  state: DestinationState,
  limit: RateLimit,
  count: number,
  now: number,
): DestinationState {
  const anchored = followClock(state, now)
  if (count === 0 || limit.rate === Number.POSITIVE_INFINITY) return anchored
  const refilled = refill(anchored, limit, now)
  return { ...refilled, tokens: refilled.tokens - count }
}

/**
 * The state after an attempt that reached out to the destination; the same value if nothing changes. `rateKey`: destinations that
 * broke together are probed at different times.
 */
export function settle(
  state: DestinationState,
  outcome: Outcome,
  now: number,
  rateKey: string,
): DestinationState {
  // Its tokens stay as they are: attempts are recorded some time after they ended, perhaps when others have begun since.
  const anchored = withPausesFrom(state, now)
  switch (outcome.kind) {
    case 'sent':
      return works(anchored, now)
    case 'refuse':
      // It answered, and would take another message.
      return anchored.failures === 0 ? anchored : { ...anchored, ...healthy }
    case 'park':
      // A person must act. Until then every message is attempted and parked, instead of waiting for a probe.
      return { ...failed(anchored, outcome.reason, now), backoff: null }
    case 'ambiguous':
    case 'retry': {
      // Attempts that were in progress when it asked for a pause usually end in the same way: together they count as one failure.
      const isSameBurst = outcome.after !== undefined && anchored.retryAfter !== null
      const next = isSameBurst ? anchored : backedOff(failed(anchored, outcome.reason, now), now, rateKey)
      if (outcome.after === undefined) return next
      const until = Math.max(now + outcome.after, next.retryAfter?.until ?? 0)
      return { ...next, retryAfter: { from: now, until } }
    }
  }
}

/** The state under a new configuration: failures are forgotten, so that it is tried at once; Retry-After is still respected. */
export function reconfigured(state: DestinationState): DestinationState {
  return state.failures === 0 && state.backoff === null ? state : { ...state, ...healthy }
}

export type DestinationStatus = 'working' | 'failing' | 'broken' | 'paused'

export function statusOf(state: DestinationState, now: number): DestinationStatus {
  if (state.retryAfter !== null && remaining(state.retryAfter, now) > 0) return 'paused'
  if (isBroken(state)) return 'broken'
  return state.failures > 0 ? 'failing' : 'working'
}

/** Milliseconds until the longer of its pauses is over. */
function pausedFor({ retryAfter, backoff }: DestinationState, now: number): number {
  return Math.max(remaining(retryAfter, now), remaining(backoff, now))
}

function remaining(pause: Pause | null, now: number): number {
  if (pause === null) return 0
  return Math.max(0, Math.min(pause.until - now, pause.until - pause.from))
}

const healthy = { failures: 0, failingSince: null, reason: null, backoff: null } as const

function works(state: DestinationState, now: number): DestinationState {
  const { failures, lastSuccessAt } = state
  const isNews = lastSuccessAt === null || Math.abs(now - lastSuccessAt) >= SUCCESS_RESOLUTION_MS
  if (failures === 0 && !isNews) return state
  return { ...state, ...healthy, lastSuccessAt: now }
}

function failed(state: DestinationState, reason: string, now: number): DestinationState {
  return { ...state, failures: state.failures + 1, failingSince: state.failingSince ?? now, reason }
}

function backedOff(state: DestinationState, now: number, rateKey: string): DestinationState {
  if (!isBroken(state)) return state
  const { failures } = state
  const longest = Math.min(FIRST_PROBE_MS * 2 ** Math.min(failures - BROKEN_AFTER, 10), LONGEST_PROBE_MS)
  const wait = Math.round(longest * (1 - fractionOf(`${rateKey} ${failures}`) / 2))
  return { ...state, backoff: { from: now, until: now + wait } }
}

/**
 * If the clock was set back, rates and pauses start again from now; otherwise the same value. The clocks of instances differ a
 * little: without tolerance, a destination would get the tokens of that time each time that another one claims.
 */
export function followClock(state: DestinationState, now: number): DestinationState {
  const paused = withPausesFrom(state, now)
  return paused.refilledAt - now > TOLERATED_MS ? { ...paused, refilledAt: now } : paused
}

function withPausesFrom(state: DestinationState, now: number): DestinationState {
  const retryAfter = anchoredPause(state.retryAfter, now)
  const backoff = anchoredPause(state.backoff, now)
  const isSame = retryAfter === state.retryAfter && backoff === state.backoff
  return isSame ? state : { ...state, retryAfter, backoff }
}

function anchoredPause(pause: Pause | null, now: number): Pause | null {
  if (pause === null || remaining(pause, now) === 0) return null
  return now >= pause.from ? pause : { from: now, until: now + (pause.until - pause.from) }
}

function refill(state: DestinationState, { rate, burst }: RateLimit, now: number): DestinationState {
  const gained = (Math.max(0, now - state.refilledAt) * rate) / 1000
  return {
    ...state,
    tokens: Math.min(finite(burst), state.tokens + gained),
    refilledAt: Math.max(now, state.refilledAt),
  }
}

/** JSON cannot hold Infinity: without a rate limit no tokens are counted. */
function finite(burst: number): number {
  return Number.isFinite(burst) ? burst : 0
}
