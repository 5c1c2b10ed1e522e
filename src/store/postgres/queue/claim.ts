/**
 * `Queue.claim`, for several instances. A claim locks the rows of the rate keys that it takes from: what they may send and what is in flight
 * is then its alone to decide. Rows that others have locked are left to them, so that no claim waits.
 */
import {
  allowance,
  attemptsAtOnce,
  type DestinationState,
  SLOW_AFTER_MS,
} from '../../../core/delivery/destination.ts'
import type { RateRow } from '../../sql/backlog.ts'
import {
  allowedNow,
  type Candidate,
  type Choice,
  choose,
  earliest,
  isFailing,
  type OpenRate,
  openRate,
  statesAfter,
} from '../../sql/claiming.ts'
import type { Claimed, ClaimRequest } from '../../store.ts'
import type { Database } from '../connection/database.ts'
import { Records } from '../connection/records.ts'
import type { Session, Value } from '../connection/session.ts'
import { SERVER_TIME } from '../server-clock.ts'
import { lease } from './lease.ts'
import { lockFreeRates, saveStates } from './rates.ts'

/** What others have locked is looked at again so soon. */
const LOOK_AGAIN_AFTER_MS = 5

export interface ClaimedHere extends Claimed {
  /** Something can be sent that the holder has no room for. */
  readonly leavesSome: boolean
}

export interface ClaimOptions {
  /** The number of the one that claims. */
  readonly instance: number
  /** What `readRates` has read. */
  readonly rates: readonly RateSnapshot[]
  /** Called with how many milliseconds the commit took, if something was leased. */
  readonly committed: (durationMs: number) => void
}

/** What a claim begins with, without locks: where nothing can be claimed, nothing is written. */
export async function readRates(
  database: Database,
  request: ClaimRequest,
  instance: number,
): Promise<readonly RateSnapshot[]> {
  return database.query<RateSnapshot>(RATE_SNAPSHOTS, snapshotValues(request, instance))
}

export async function claim(
  database: Database,
  request: ClaimRequest,
  { instance, rates, committed }: ClaimOptions,
): Promise<ClaimedHere> {
  const { now } = request
  const seen = openRates(rates, request)
  const found = allowedNow(seen, now)
  const isAllowed = new Set(found.allowed.map(({ id }) => id))
  const wanted = new Map(found.allowed.map((rate) => [rate.id, rate]))
  for (const rate of seen) if (hasChanged(rate)) wanted.set(rate.id, rate)
  if (wanted.size === 0) {
    const leaves = leavesSome(seen, { taken: [], left: new Set() }, now)
    return { leased: [], nextDueAt: earliest(found.waiting), leavesSome: leaves }
  }
  const work = async (session: Session): Promise<ClaimedHere> => {
    const ids = [...wanted.keys()]
    const [locked, snapshots, first] = await Promise.all([
      lockFreeRates(session, ids),
      session.query<RateSnapshot>(RATE_SNAPSHOTS, snapshotValues(request, instance, ids)),
      firstOf(session, found.allowed),
    ])
    const busy = locked.size < ids.length ? [now + LOOK_AGAIN_AFTER_MS] : []
    const rates = openRates(
      snapshots.filter(({ id }) => locked.has(id)),
      request,
    ).map((rate) => ({ ...rate, room: Math.min(rate.room, wanted.get(rate.id)?.room ?? 0) }))
    // Of those that only have another state now nothing was read.
    const open = rates.filter(({ id }) => isAllowed.has(id))
    const { allowed, waiting } = allowedNow(open, now, seen)
    const choice = choose(candidatesOf(first, allowed), now)
    const leased = await lease(session, choice.taken, request, instance)
    // Fewer than were chosen, where another transaction has changed or locked some.
    const taken = choice.taken.filter(({ seq }) => leased.seqs.has(seq))
    saveStates(session, changedStates(rates, statesAfter({ ...choice, taken }, now)))
    const times = [...found.waiting, ...busy, ...waiting, ...choice.waiting]
    const leaves = leavesSome(seen, { taken, left: choice.left }, now)
    return {
      leased: leased.deliveries,
      nextDueAt: earliest(times),
      leavesSome: leaves,
    }
  }
  return database.write(work, (durationMs, { leased }) => {
    if (leased.length > 0) committed(durationMs)
  })
}

/** Whether the channel of something that can be sent now has no attempt free any more: another holder may have one. */
function leavesSome(
  rates: readonly OpenRate[],
  { taken, left }: Pick<Choice, 'taken' | 'left'>,
  now: number,
): boolean {
  const count = (of: (rate: OpenRate) => boolean) => taken.filter(({ rate }) => of(rate)).length
  const leftIds = new Set([...left].map(({ id }) => id))
  return rates.some((rate) => {
    if (rate.dueAt > now || isFailing(rate)) return false
    const already = count(({ id }) => id === rate.id)
    if (already > 0 && !leftIds.has(rate.id)) return false
    const room = attemptsAtOnce(rate.state, rate.limits.perDestination) - rate.inFlight
    if (Math.min(room, allowance(rate.state, rate.limits, now)) - already < 1) return false
    return rate.limits.free - count(({ channel }) => channel === rate.channel) < 1
  })
}

export type RateSnapshot = RateRow & {
  /** The same in each row: when the statement ran. */
  readonly server_time: number
  readonly due_at: number
  readonly elsewhere: number
  readonly is_much: boolean
}

// Of all rate keys with unfinished deliveries, or of some. An attempt that takes long does not count, as with the holder's own.
const RATE_SNAPSHOTS = `SELECT ${SERVER_TIME} AS server_time, rates.id, rates.channel, rates.key, rates.state, first.due_at,
    CASE WHEN first.due_at > $1 THEN 0 ELSE
      (SELECT count(*) FROM deliveries WHERE rate = rates.id AND state = 'sending' AND due_at > $1
        AND instance IS DISTINCT FROM $2 AND leased_at > $3) END AS elsewhere,
    first.due_at <= $1 AND asked.up_to IS NOT NULL AND EXISTS (SELECT FROM deliveries
      WHERE rate = rates.id AND due_at <= $1 ORDER BY due_at OFFSET asked.up_to LIMIT 1) AS is_much
  FROM rates
  LEFT JOIN json_to_recordset($4::json) AS asked(channel text, up_to bigint) ON asked.channel = rates.channel
  CROSS JOIN LATERAL (SELECT due_at FROM deliveries WHERE rate = rates.id AND due_at IS NOT NULL
    ORDER BY due_at LIMIT 1) AS first
  WHERE $5::integer[] IS NULL OR rates.id = ANY($5::integer[])`

function snapshotValues(
  { now, channels }: ClaimRequest,
  instance: number,
  ids: readonly number[] | null = null,
): Value[] {
  const limits = [...channels].map(([channel, { inOrderUpTo }]) => ({
    channel,
    up_to: Number.isFinite(inOrderUpTo) ? inOrderUpTo : null,
  }))
  return [now, instance, now - SLOW_AFTER_MS, new Records(limits), ids]
}

function openRates(rows: readonly RateSnapshot[], request: ClaimRequest): OpenRate[] {
  return rows.map(({ due_at: dueAt, elsewhere, is_much, server_time: _, ...row }) =>
    openRate(row, { dueAt, elsewhere, isMuchDue: () => is_much }, request),
  )
}

type First = { readonly id: number; readonly seq: number; readonly due_at: number }

/** As many of each as may be claimed, and one more, which shows when the next is due. */
async function firstOf(session: Session, rates: readonly OpenRate[]): Promise<readonly First[]> {
  if (rates.length === 0) return []
  const asked = rates.map(({ id, room }) => ({ id, most: room + 1 }))
  return session.query<First>(
    `SELECT id, seq, due_at FROM json_to_recordset($1::json) AS asked(id integer, most bigint)
     CROSS JOIN LATERAL (
       SELECT seq, due_at FROM deliveries WHERE rate = asked.id AND due_at IS NOT NULL
       ORDER BY due_at, seq LIMIT most) AS first`,
    [new Records(asked)],
  )
}

function candidatesOf(first: readonly First[], rates: readonly OpenRate[]): Candidate[] {
  const ofId = new Map(rates.map((rate) => [rate.id, rate]))
  return first.flatMap(({ id, seq, due_at: dueAt }) => {
    const rate = ofId.get(id)
    return rate === undefined ? [] : { seq, dueAt, rate }
  })
}

/** Also where nothing is taken, or the clock would be found set back at every claim. */
function hasChanged({ stored, state }: OpenRate): boolean {
  return stored !== null && state !== stored
}

function changedStates(
  rates: readonly OpenRate[],
  after: ReadonlyMap<OpenRate, DestinationState>,
): ReadonlyMap<number, DestinationState> {
  const states = new Map<number, DestinationState>()
  for (const rate of rates) if (hasChanged(rate)) states.set(rate.id, rate.state)
  for (const [{ id, stored }, state] of after) if (state !== stored) states.set(id, state)
  return states
}
