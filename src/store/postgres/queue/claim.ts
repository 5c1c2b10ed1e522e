/**
 * `Queue.claim`, for several instances. A claim locks the rows of the rate keys that it takes from: what they may send and what is in flight
 * is then its alone to decide. Rows that others have locked are left to them, so that no claim waits.
 */
import { allowance, type DestinationState } from '../../../core/delivery/destination.ts'
import {
  allowedNow,
  type Candidate,
  type Choice,
  choose,
  claimableAt,
  earliest,
  isFailing,
  type OpenRate,
  statesAfter,
} from '../../sql/claiming.ts'
import type { Claimed, ClaimRequest } from '../../store.ts'
import type { Database } from '../connection/database.ts'
import { Records } from '../connection/records.ts'
import type { Session } from '../connection/session.ts'
import { CommitUnknown } from '../connection/transactions.ts'
import { type DueRow, lease, leasesOf, parkUnreadable } from './lease.ts'
import { type Claimant, openRates, type RateSnapshot, readRates } from './rate-snapshots.ts'
import { lockFreeRates, saveStates } from './rates.ts'

/** What others have locked is looked at again so soon. */
const LOOK_AGAIN_AFTER_MS = 5

export interface ClaimedHere extends Claimed {
  /** Something can be sent that the holder has no room for. */
  readonly leavesSome: boolean
  /** Something is due to a destination that works and may be sent to, but for the attempts that are in flight. */
  readonly leavesDue: boolean
  /** When the first of what it did not lease is due. */
  readonly firstDueAt: number | null
  /** What a claim after this one may begin with. */
  readonly next: readonly RateSnapshot[]
}

export interface ClaimOptions extends Claimant {
  /** What `readRates` has read. */
  readonly rates: readonly RateSnapshot[]
  /**
   * Where they were read for an earlier claim: all are read again in the transaction, which leases nothing if the time of the request is
   * wrong by the server's.
   */
  readonly agrees?: (serverTime: number) => boolean
  /** Called with how many milliseconds the commit took, if something was leased. */
  readonly committed: (durationMs: number) => void
}

/** Whether a claim would write. */
export function mayClaim(rates: readonly RateSnapshot[], request: ClaimRequest): boolean {
  return look(rates, request).wanted.size > 0
}

export async function claim(
  database: Database,
  request: ClaimRequest,
  options: ClaimOptions,
): Promise<ClaimedHere> {
  const { now } = request
  const looked = look(options.rates, request)
  // Where nothing can be claimed, nothing is written.
  if (looked.wanted.size === 0) {
    const left = whatIsLeft(options.rates, looked.seen, { taken: [], left: new Set() }, now)
    const firstDueAt = earliest(looked.seen.map(({ dueAt }) => dueAt))
    return { leased: [], nextDueAt: earliest(looked.waiting), firstDueAt, ...left }
  }
  const { choice, known, times, rates, ...done } = await database.write(
    (session) => claimIn(session, request, options, looked),
    (durationMs, { choice }) => {
      if (choice.taken.length > 0) options.committed(durationMs)
    },
  )
  const leases = leasesOf(await done.leased, choice.taken, request)
  await parkUnreadable(database, leases.damaged, request).catch((cause: unknown) => {
    // What is leased is given back.
    throw new CommitUnknown('what was leased is damaged, and was not parked', { cause })
  })
  const areOthersLocked = leases.seqs.size < choice.taken.length
  if (areOthersLocked) times.push(now + LOOK_AGAIN_AFTER_MS)
  // What was parked may have released another one.
  const mayBeMore = areOthersLocked || leases.damaged.length > 0
  const taken = choice.taken.filter(({ seq }) => leases.seqs.has(seq))
  const left = whatIsLeft(rates, known, { taken, left: choice.left }, now)
  const takenFrom = new Set(choice.taken.map(({ rate: { id } }) => id))
  const others = known.flatMap(({ id, dueAt }) => (takenFrom.has(id) ? [] : dueAt))
  const firstDueAt = mayBeMore ? now : earliest([...others, ...choice.waiting])
  return { leased: leases.deliveries, nextDueAt: earliest(times), firstDueAt, ...left }
}

/** What a claim knows before its transaction. */
interface Looked {
  readonly seen: readonly OpenRate[]
  readonly allowed: readonly OpenRate[]
  readonly waiting: readonly number[]
  /** What it may claim of, and what has another state now; by id. */
  readonly wanted: ReadonlyMap<number, OpenRate>
}

function look(rates: readonly RateSnapshot[], request: ClaimRequest): Looked {
  const seen = openRates(rates, request)
  const found = allowedNow(seen, request.now)
  const wanted = [...found.allowed, ...seen.filter(hasChanged)]
  // What is allowed has less room than what was seen.
  return { seen, ...found, wanted: new Map(wanted.toReversed().map((rate) => [rate.id, rate])) }
}

async function claimIn(
  session: Session,
  request: ClaimRequest,
  { instance, configurations, rates, agrees }: ClaimOptions,
  { seen, allowed: asked, wanted }: Looked,
) {
  const { now } = request
  const ids = [...wanted.keys()]
  const areEarlier = agrees !== undefined
  const [locked, snapshots, first] = await Promise.all([
    lockFreeRates(session, ids),
    readRates(session, request, { instance, configurations }, areEarlier ? null : ids),
    firstOf(session, asked),
  ])
  const [one] = snapshots
  const isWrong = areEarlier && one !== undefined && !agrees(one.server_time)
  const read = openRates(snapshots, request)
  const known = areEarlier ? read : seen
  const mine = read
    .filter(({ id }) => locked.has(id))
    .map((rate) => ({ ...rate, room: Math.min(rate.room, wanted.get(rate.id)?.room ?? 0) }))
  // Of those that only have another state now nothing was read.
  const open = new Set(asked.flatMap(({ id }) => (locked.has(id) ? id : [])))
  const { allowed, waiting } = allowedNow(
    mine.filter(({ id }) => open.has(id)),
    now,
    known,
  )
  const others = allowedNow(
    known.filter(({ id }) => !open.has(id)),
    now,
    known,
  )
  const choice = choose(isWrong ? [] : candidatesOf(first, allowed), now)
  // The commit goes with it. Where it fails, the commit does too, and says so.
  const leased = lease(session, choice.taken, { request, instance, due: first })
  leased.catch(() => {})
  // Where another transaction has changed or locked some, fewer are leased, and their tokens are lost.
  if (!isWrong) saveStates(session, changedStates(mine, statesAfter(choice, now)))
  // Others have locked it, or it became due since the rates were read.
  const left = others.allowed.map(({ id, dueAt }) =>
    wanted.has(id) && !locked.has(id) ? now + LOOK_AGAIN_AFTER_MS : dueAt,
  )
  if (isWrong) left.push(now)
  const times = [...others.waiting, ...left, ...waiting, ...choice.waiting]
  return { leased, choice, known, times, rates: areEarlier ? snapshots : rates }
}

function whatIsLeft(
  rows: readonly RateSnapshot[],
  rates: readonly OpenRate[],
  choice: Pick<Choice, 'taken' | 'left'>,
  now: number,
) {
  const leftIds = new Set([...choice.left].map(({ id }) => id))
  const emptied = new Set(choice.taken.flatMap(({ rate: { id } }) => (leftIds.has(id) ? [] : id)))
  const isReady = (rate: OpenRate) => claimableAt(rate, now) <= now && !isFailing(rate)
  return {
    leavesSome: leavesSome(rates, choice, now),
    leavesDue: rates.some((rate) => isReady(rate) && !emptied.has(rate.id)),
    next: rows.map((row) => (emptied.has(row.id) ? { ...row, due_at: Number.POSITIVE_INFINITY } : row)),
  }
}

/** Whether this one has no room for something that can be sent now: another one may have some. */
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
    if (!rate.state.catchingUp && rate.inFlight + already > 0) return false
    if (allowance(rate.state, rate.limits, now) - already < 1) return false
    return rate.room - already < 1 || rate.limits.free - count(({ channel }) => channel === rate.channel) < 1
  })
}

type First = DueRow & {
  readonly id: number
  readonly due_at: number
}

/** As many of each as may be claimed, and one more, which shows when the next is due. */
async function firstOf(session: Session, rates: readonly OpenRate[]): Promise<readonly First[]> {
  if (rates.length === 0) return []
  const asked = rates.map(({ id, room }) => ({ id, most: room + 1 }))
  return session.query<First>(
    `SELECT id, seq, due_at, event, conversation, is_new FROM json_to_recordset($1::json) AS asked(id integer, most bigint)
     CROSS JOIN LATERAL (
       SELECT seq, due_at, event, conversation, attempts = 0 AND state <> 'sending' AS is_new
       FROM deliveries WHERE rate = asked.id AND due_at IS NOT NULL
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
