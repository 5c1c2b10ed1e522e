import { unansweredOf } from '../../../core/delivery/delivery.ts'
import {
  allowance,
  attemptsAtOnce,
  availableAt,
  caughtUp,
  type DestinationState,
  followClock,
  newDestination,
  take,
  withBacklog,
} from '../../../core/delivery/destination.ts'
import type { Attempt, Claimed, ClaimLimits, ClaimRequest, Leased } from '../../store.ts'
import type { Database } from '../database.ts'
import {
  type DeliveryRow,
  deliveryOf,
  EVENT_COLUMNS,
  type EventRow,
  eventOfRow,
  SELECT_DELIVERY,
} from '../rows.ts'
import { conversationRecord } from './conversation.ts'
import { releaseNext } from './insert-delivery.ts'
import { destinationStateOf, rateRow, saveState } from './rates.ts'

/** A rate key with unfinished deliveries. */
interface OpenRate {
  readonly id: number
  /** When its first delivery is due. */
  readonly dueAt: number
  readonly channel: string
  readonly limits: ClaimLimits
  readonly state: DestinationState
  readonly isNew: boolean
  /** How many deliveries may be claimed at most; the rate limit and pauses apply in addition. */
  readonly room: number
  readonly inFlight: number
}

interface Candidate {
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
}

/** `Queue.claim`, inside a transaction. It costs as much as there are rate keys and deliveries taken, however many wait. */
export function claim(database: Database, request: ClaimRequest): Claimed {
  const { candidates, waiting } = lookAround(database, request)
  candidates.sort((a, b) => a.dueAt - b.dueAt || a.seq - b.seq)
  const taken: Candidate[] = []
  const ofRate = new Map<OpenRate, number>()
  const left = new Set<OpenRate>()
  const ofChannel = new Map<string, number>()
  for (const candidate of candidates) {
    const { rate, dueAt } = candidate
    const already = ofRate.get(rate) ?? 0
    const used = ofChannel.get(rate.channel) ?? 0
    if (dueAt > request.now || already >= rate.room || used >= rate.limits.free) {
      waiting.push(dueAt)
      if (dueAt <= request.now) left.add(rate)
    } else {
      taken.push(candidate)
      ofRate.set(rate, already + 1)
      ofChannel.set(rate.channel, used + 1)
    }
  }
  for (const [rate, count] of ofRate) {
    const { id, state, limits, isNew } = rate
    const took = take(state, limits, count, request.now)
    const next = left.has(rate) ? took : caughtUp(took)
    if (isNew || next !== state) saveState(database, id, next)
  }
  const nextDueAt = waiting.reduce((first, dueAt) => Math.min(first, dueAt), Number.POSITIVE_INFINITY)
  return {
    leased: lease(database, taken, request),
    nextDueAt: nextDueAt === Number.POSITIVE_INFINITY ? null : nextDueAt,
  }
}

/** What may be claimed now, and for each other rate key when its first delivery can be. */
function lookAround(database: Database, request: ClaimRequest) {
  const { now } = request
  const candidates: Candidate[] = []
  const waiting: number[] = []
  const seen = new Map<string, number>()
  for (const open of openRates(database, request)) {
    const { channel, limits, state, dueAt, id } = open
    if (open.room < 1) continue
    if (dueAt > now) {
      waiting.push(dueAt)
      continue
    }
    const allowed = allowance(state, limits, now)
    if (allowed < 1) {
      waiting.push(availableAt(state, limits, now))
      continue
    }
    const before = seen.get(channel) ?? 0
    seen.set(channel, before + 1)
    // Each key before this one takes at least one of the free attempts.
    if (before >= limits.free) {
      waiting.push(dueAt)
      continue
    }
    const rate = { ...open, room: Math.min(open.room, allowed) }
    for (const row of firstOf(database, id, rate.room)) {
      candidates.push({ seq: row.seq, dueAt: row.due_at, rate })
    }
  }
  return { candidates, waiting }
}

/** Skips through the index of what is due from one rate key to the next; thousands that wait for one cost as much as one. */
function openRates(database: Database, request: ClaimRequest): OpenRate[] {
  const next = database.prepare<{ rate: number; due_at: number }>(
    `SELECT rate, due_at FROM deliveries WHERE due_at IS NOT NULL AND rate > ? ORDER BY rate, due_at LIMIT 1`,
  )
  const open: OpenRate[] = []
  for (let row = next.get(-1); row !== undefined; row = next.get(row.rate)) {
    open.push(openRate(database, row.rate, row.due_at, request))
  }
  // Otherwise a backlog, which has been due the longest, would take all attempts until it is empty.
  return open.sort((a, b) => a.inFlight - b.inFlight || a.dueAt - b.dueAt)
}

function openRate(
  database: Database,
  id: number,
  dueAt: number,
  { channels, inFlight, now }: ClaimRequest,
): OpenRate {
  const row = rateRow(database, id)
  const limits = channels.get(row.channel) ?? NOT_CONFIGURED
  const found = destinationStateOf(row)
  const before = found === null ? newDestination(limits, now) : followClock(found, now)
  const state = withBacklog(before, limits, !before.catchingUp && isMuchDue(database, id, limits, now))
  // Stored even if nothing is claimed, or the clock would be found set back at every claim.
  if (found !== null && state !== found) saveState(database, id, state)
  const atOnce = attemptsAtOnce(state, limits.perDestination)
  // No destination takes more than half of what is free: a few slow ones leave room for the others.
  const share = Math.ceil(limits.free / 2)
  const already = inFlight.get(row.key) ?? 0
  const room = Math.min(atOnce - already, share)
  return { id, dueAt, channel: row.channel, limits, state, isNew: found === null, room, inFlight: already }
}

/** Whether more is due than `inOrderUpTo`; reads so many entries of the index at the most. */
function isMuchDue(database: Database, rate: number, { inOrderUpTo }: ClaimLimits, now: number): boolean {
  if (inOrderUpTo === Number.POSITIVE_INFINITY) return false
  return database.prepare(MORE_DUE).get(rate, now, inOrderUpTo) !== undefined
}

export const MORE_DUE = `SELECT 1 AS found FROM deliveries WHERE due_at IS NOT NULL AND rate = ? AND due_at <= ?
  LIMIT 1 OFFSET ? + 0`

// A bare `LIMIT ?` would be prepared anew at each call: its value may change the plan.
export const FIRST_OF_RATE = `SELECT seq, due_at FROM deliveries WHERE due_at IS NOT NULL AND rate = ?
  ORDER BY due_at, seq LIMIT ? + 0`

/** As many as may be claimed, and one more, which shows when the next is due. */
function firstOf(database: Database, rate: number, room: number): { seq: number; due_at: number }[] {
  return database
    .prepare<{ seq: number; due_at: number }>(FIRST_OF_RATE)
    .all(rate, Math.min(room + 1, Number.MAX_SAFE_INTEGER))
}

const SELECT_EVENT = `SELECT ${EVENT_COLUMNS} FROM events WHERE seq = ?`
const SELECT_ONE = `${SELECT_DELIVERY} WHERE deliveries.seq = ?`

function lease(database: Database, taken: readonly Candidate[], request: ClaimRequest): Leased[] {
  const selectDelivery = database.prepare<DeliveryRow>(SELECT_ONE)
  const selectEvent = database.prepare<EventRow>(SELECT_EVENT)
  const update = database.prepare(
    "UPDATE deliveries SET state = 'sending', due_at = ?, leased_at = ?, holder = ? WHERE seq = ?",
  )
  const events = new Map<number, Leased['event'] | null>()
  return taken.flatMap(({ seq }) => {
    const row = selectDelivery.get(seq)
    if (row === undefined) throw new Error(`delivery ${seq} is in the index but not in the table`)
    const known = events.get(row.event)
    const event = known === undefined ? readable(selectEvent.get(row.event)) : known
    events.set(row.event, event)
    if (event === null) {
      parkUnreadable(database, row, request.now)
      return []
    }
    // The claim of an interrupted attempt only records it: if that is interrupted too, the start stays the same.
    const interruptedAt = row.state === 'sending' ? row.leased_at : null
    update.run(request.leaseUntil, interruptedAt ?? request.now, request.holder, seq)
    const delivery = { ...deliveryOf(row), state: 'sending', dueAt: request.leaseUntil } as const
    const unanswered = row.attempts === 0 ? null : unansweredOf(attemptsOf(database, seq))
    const { conversation: key } = row
    const conversation = key === null ? null : conversationRecord(database, key, row.event)
    return [{ delivery, event, interruptedAt, unanswered, conversation }]
  })
}

/** The latest first. */
function* attemptsOf(database: Database, seq: number): Generator<Pick<Attempt, 'startedAt' | 'outcome'>> {
  const before = database.prepare<{ number: number; started_at: number; outcome: string }>(
    `SELECT number, started_at, outcome FROM attempts WHERE delivery = ? AND number < ? ORDER BY number DESC LIMIT 1`,
  )
  let row = before.get(seq, Number.MAX_SAFE_INTEGER)
  for (; row !== undefined; row = before.get(seq, row.number)) {
    yield { startedAt: row.started_at, outcome: JSON.parse(row.outcome) }
  }
}

/** Null where the row is damaged, which must not keep all other deliveries from being sent. */
function readable(row: EventRow | undefined): Leased['event'] | null {
  try {
    return eventOfRow(row)
  } catch {
    return null
  }
}

function parkUnreadable(database: Database, { seq, conversation }: DeliveryRow, now: number): void {
  const reason = "the stored event cannot be read; check the disk, and look at the event's body"
  database
    .prepare(
      "UPDATE deliveries SET state = 'parked', reason = ?, due_at = NULL, leased_at = NULL, holder = NULL WHERE seq = ?",
    )
    .run(reason, seq)
  if (conversation !== null) releaseNext(database, conversation, now)
}

/** `Queue.renew`, inside a transaction. */
export function renew(
  database: Database,
  holder: string,
  deliveryIds: readonly string[],
  leaseUntil: number,
): void {
  const update = database.prepare(
    "UPDATE deliveries SET due_at = ? WHERE id = ? AND state = 'sending' AND holder = ?",
  )
  for (const id of deliveryIds) update.run(leaseUntil, id, holder)
}
