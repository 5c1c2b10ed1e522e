/** Which deliveries a claim takes: the rules of `Queue.claim`, on what a store has read. */
import { afterClaim, beforeClaim, roomFor } from '../../core/delivery/catching-up.ts'
import {
  allowance,
  availableAt,
  type DestinationState,
  followClock,
  newDestination,
  take,
} from '../../core/delivery/destination.ts'
import { fractionOf } from '../../core/text/fraction.ts'
import type { ClaimLimits, ClaimRequest } from '../store.ts'
import { destinationStateOf, type RateRow } from './backlog.ts'

/** A rate key with unfinished deliveries. */
export interface OpenRate {
  readonly id: number
  readonly key: string
  /** When its first delivery is due. */
  readonly dueAt: number
  readonly channel: string
  readonly limits: ClaimLimits
  readonly state: DestinationState
  /** What is stored; null before the first claim. */
  readonly stored: DestinationState | null
  /** How many deliveries may be claimed at most; the rate limit and pauses apply in addition. */
  readonly room: number
  readonly inFlight: number
  /** Of those that fail, the one with the lowest comes first. */
  readonly turn: number
}

export interface Candidate {
  readonly seq: number
  readonly rate: OpenRate
  readonly dueAt: number
}

// Deliveries of a channel that is not configured any more are claimed one by one, to be parked.
const NOT_CONFIGURED: ClaimLimits = {
  rate: Number.POSITIVE_INFINITY,
  burst: 1,
  inOrderUpTo: Number.POSITIVE_INFINITY,
  perDestination: 1,
  free: 1,
  freeForFailing: 1,
}

export function limitsOf({ channels }: Pick<ClaimRequest, 'channels'>, channel: string): ClaimLimits {
  return channels.get(channel) ?? NOT_CONFIGURED
}

export interface AboutRate {
  readonly dueAt: number
  /** Attempts in flight that are not the holder's; 0 where nothing is due. */
  readonly elsewhere: number
  /** Whether more is due than `inOrderUpTo`: only asked where that matters. */
  readonly isMuchDue: (limits: ClaimLimits) => boolean
}

export function openRate(
  row: RateRow,
  { dueAt, elsewhere, isMuchDue }: AboutRate,
  request: ClaimRequest,
): OpenRate {
  const { id, channel, key } = row
  const limits = limitsOf(request, channel)
  const stored = destinationStateOf(row)
  const before = stored === null ? newDestination(limits, request.now) : followClock(stored, request.now)
  const own = request.inFlight.get(key) ?? 0
  const inFlight = own + elsewhere
  // Where nothing can be claimed, `elsewhere` is not counted.
  const state = dueAt > request.now ? before : beforeClaim(before, limits, inFlight, () => isMuchDue(limits))
  // No destination takes more than half of what is free: a few slow ones leave room for the others.
  const share = Math.ceil(limits.free / 2)
  const room = Math.min(roomFor(state, limits.perDestination, { own, elsewhere }), share)
  const turn = isFailing({ state }) ? fractionOf(`${key} ${request.now}`) : 0
  return { id, key, dueAt, channel, limits, state, stored, room, inFlight, turn }
}

export function isFailing({ state }: Pick<OpenRate, 'state'>): boolean {
  return state.failures > 0
}

/** When its first delivery is due and its rate limit and pauses let it go; in the past where that is so already. */
export function claimableAt({ dueAt, state, limits }: OpenRate, now: number): number {
  if (dueAt > now || allowance(state, limits, now) >= 1) return dueAt
  return availableAt(state, limits, now)
}

/**
 * How many more attempts may begin at failing destinations of a channel, whose rate keys with attempts in flight are given. They take half
 * of the channel's attempts at the most: many that do not answer would leave none for those that work.
 */
export function roomForFailing(rates: readonly OpenRate[], { free, freeForFailing }: ClaimLimits): number {
  const inFlight = (some: readonly OpenRate[]) => some.reduce((sum, rate) => sum + rate.inFlight, 0)
  const half = Math.ceil((free + inFlight(rates)) / 2)
  return Math.min(freeForFailing, half - inFlight(rates.filter(isFailing)))
}

/**
 * The rate keys that something may be claimed of now, and for each other one when its first delivery can be. `known`: also those that
 * are not to be claimed of, with their attempts in flight.
 */
export function allowedNow(
  rates: readonly OpenRate[],
  now: number,
  known = rates,
): { readonly allowed: readonly OpenRate[]; readonly waiting: number[] } {
  const ofChannels = [...Map.groupBy(rates, ({ channel }) => channel).values()]
  const allowed = ofChannels.map((ofChannel) => allowedOf(ofChannel, now, known))
  return {
    allowed: allowed.flatMap(({ allowed }) => allowed),
    waiting: allowed.flatMap(({ waiting }) => waiting),
  }
}

/** Of one channel. */
function allowedOf(rates: readonly OpenRate[], now: number, known: readonly OpenRate[]) {
  const allowed: OpenRate[] = []
  const waiting: number[] = []
  const [first] = rates
  if (first === undefined) return { allowed, waiting }
  let { free } = first.limits
  let freeForFailing = roomForFailing(
    known.filter(({ channel }) => channel === first.channel),
    first.limits,
  )
  for (const rate of rates.toSorted(inTurn)) {
    if (rate.room < 1) continue
    const at = claimableAt(rate, now)
    // Each key before this one takes at least one of the free attempts.
    if (at > now || (free < 1 && !isFailing(rate))) waiting.push(at)
    else if (!isFailing(rate)) {
      free -= 1
      allowed.push({ ...rate, room: Math.min(rate.room, allowance(rate.state, rate.limits, now)) })
    } else if (free > 0 && freeForFailing > 0) {
      free -= 1
      freeForFailing -= 1
      allowed.push({ ...rate, room: 1 })
    }
  }
  return { allowed, waiting }
}

/**
 * Those that work before those that fail, and then those with the fewest attempts in flight: otherwise a backlog, which has been due the
 * longest, would take all attempts until it is empty. Those that fail take turns: few of them are tried at once, and one that works
 * again must not wait until the backlogs of the others are gone.
 */
function inTurn(one: OpenRate, other: OpenRate): number {
  return (
    Number(isFailing(one)) - Number(isFailing(other)) ||
    one.inFlight - other.inFlight ||
    (isFailing(one) ? one.turn - other.turn : one.dueAt - other.dueAt)
  )
}

export interface Choice {
  readonly taken: readonly Candidate[]
  /** Rate keys of which something is due that is not taken. */
  readonly left: ReadonlySet<OpenRate>
  /** When what is not taken can be claimed. */
  readonly waiting: readonly number[]
}

/** Takes the longest due, as many as the limits say. Of each rate key the candidates are the first ones, and one more. */
export function choose(candidates: readonly Candidate[], now: number): Choice {
  const taken: Candidate[] = []
  const waiting: number[] = []
  const ofRate = new Map<OpenRate, number>()
  const left = new Set<OpenRate>()
  const ofChannel = new Map<string, number>()
  for (const candidate of candidates.toSorted((a, b) => a.dueAt - b.dueAt || a.seq - b.seq)) {
    const { rate, dueAt } = candidate
    const already = ofRate.get(rate) ?? 0
    const used = ofChannel.get(rate.channel) ?? 0
    if (dueAt > now || already >= rate.room || used >= rate.limits.free) {
      waiting.push(dueAt)
      if (dueAt <= now) left.add(rate)
    } else {
      taken.push(candidate)
      ofRate.set(rate, already + 1)
      ofChannel.set(rate.channel, used + 1)
    }
  }
  return { taken, left, waiting }
}

/** The states of the rate keys after deliveries of them were taken. */
export function statesAfter({ taken, left }: Choice, now: number): Map<OpenRate, DestinationState> {
  const ofRate = Map.groupBy(taken, ({ rate }) => rate)
  return new Map(
    [...ofRate].map(([rate, { length }]) => {
      const took = take(rate.state, rate.limits, length, now)
      return [rate, afterClaim(took, rate.inFlight + length, left.has(rate))] as const
    }),
  )
}

/** Null where nothing waits. */
export function earliest(times: readonly number[]): number | null {
  const first = times.reduce((one, other) => Math.min(one, other), Number.POSITIVE_INFINITY)
  return first === Number.POSITIVE_INFINITY ? null : first
}
