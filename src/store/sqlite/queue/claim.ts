import { unansweredOf } from '../../../core/delivery/delivery.ts'
import {
  allowedNow,
  type Candidate,
  choose,
  earliest,
  isFailing,
  type OpenRate,
  statesAfter,
} from '../../sql/claiming.ts'
import {
  type DeliveryColumns,
  deliveryTo,
  EVENT_COLUMNS,
  type EventRow,
  outcomeOf,
  readableEvent,
} from '../../sql/rows.ts'
import { UNREADABLE } from '../../sql/states.ts'
import type { Attempt, Claimed, ClaimRequest, Leased } from '../../store.ts'
import type { Database } from '../database.ts'
import { conversationRecord } from './conversation.ts'
import { destinationOf } from './destinations.ts'
import { releaseNext } from './insert-delivery.ts'
import { openRates } from './open-rates.ts'
import { saveState } from './rates.ts'

/** `Queue.claim`, inside a transaction. Its cost depends on the deliveries taken and the attempts in flight, not on how many wait. */
export function claim(database: Database, request: ClaimRequest): Claimed {
  const { now } = request
  const { rates, later } = openRates(database, request)
  const { allowed, waiting } = allowedNow(rates, now)
  const choice = choose(
    allowed.flatMap((rate) => candidatesOf(database, rate)),
    now,
  )
  for (const [{ id, state, stored }, next] of statesAfter(choice, now))
    if (stored === null || next !== state) saveState(database, id, next)
  return {
    leased: lease(database, choice.taken, request),
    nextDueAt: earliest([...later, ...waiting, ...choice.waiting]),
  }
}

// A bare `LIMIT ?` would be prepared again at each call, because its value may change the query plan.
export const FIRST_OF_RATE = `SELECT seq, due_at FROM deliveries WHERE due_at IS NOT NULL AND rate = ?
  ORDER BY due_at, seq LIMIT ? + 0`

/** As many as may be claimed, and one more, which shows when the next one is due. */
function candidatesOf(database: Database, rate: OpenRate): Candidate[] {
  return database
    .prepare<{ seq: number; due_at: number }>(FIRST_OF_RATE)
    .all(rate.id, Math.min(rate.room + 1, Number.MAX_SAFE_INTEGER))
    .map(({ seq, due_at: dueAt }) => ({ seq, dueAt, rate }))
}

const SELECT_EVENT = `SELECT ${EVENT_COLUMNS} FROM events WHERE seq = ?`
const SELECT_ONE = `SELECT seq, id, event, plan, route, receiver, destination, template, conversation, grouping, stands_in_for,
    state, reason, due_at, leased_at, attempts, ambiguous_attempts, created_at, retrying_since
  FROM deliveries WHERE seq = ?`

type LeasedRow = DeliveryColumns & { readonly destination: number }

function lease(database: Database, taken: readonly Candidate[], request: ClaimRequest): Leased[] {
  const selectDelivery = database.prepare<LeasedRow>(SELECT_ONE)
  const selectEvent = database.prepare<EventRow>(SELECT_EVENT)
  const update = database.prepare(
    "UPDATE deliveries SET state = 'sending', due_at = ?, leased_at = ?, holder = ? WHERE seq = ?",
  )
  const events = new Map<number, Leased['event'] | null>()
  return taken.flatMap(({ seq, rate }) => {
    database.schedule.tried(rate.id)
    const row = selectDelivery.get(seq)
    if (row === undefined) throw new Error(`delivery ${seq} is in the index but not in the table`)
    const known = events.get(row.event)
    const event = known === undefined ? readableEvent(selectEvent.get(row.event)) : known
    events.set(row.event, event)
    const past = event === null ? null : pastOf(database, row)
    if (event === null || past === null) {
      parkUnreadable(database, row, request.now)
      return []
    }
    // The claim of an interrupted attempt only records it. If that is interrupted too, the start of the attempt does not change.
    const interruptedAt = row.state === 'sending' ? row.leased_at : null
    update.run(request.leaseUntil, interruptedAt ?? request.now, request.holder, seq)
    const stored = deliveryTo(destinationOf(database, row.destination), event.id, row)
    const delivery = { ...stored, state: 'sending', dueAt: request.leaseUntil } as const
    return [{ delivery, event, interruptedAt, atFailing: isFailing(rate), ...past }]
  })
}

/** Null if an attempt is damaged. */
function pastOf(database: Database, row: LeasedRow): Pick<Leased, 'unanswered' | 'conversation'> | null {
  const { seq, event, attempts, conversation: key } = row
  try {
    const unanswered = attempts === 0 ? null : unansweredOf(attemptsOf(database, seq))
    const conversation = key === null ? null : conversationRecord(database, key, event)
    return { unanswered, conversation }
  } catch (error) {
    // Any other error concerns the store.
    if (!(error instanceof SyntaxError)) throw error
    return null
  }
}

/** The latest first. */
function* attemptsOf(database: Database, seq: number): Generator<Pick<Attempt, 'startedAt' | 'outcome'>> {
  const before = database.prepare<{ number: number; started_at: number; outcome: string }>(
    `SELECT number, started_at, outcome FROM attempts WHERE delivery = ? AND number < ? ORDER BY number DESC LIMIT 1`,
  )
  let row = before.get(seq, Number.MAX_SAFE_INTEGER)
  for (; row !== undefined; row = before.get(seq, row.number)) {
    yield { startedAt: row.started_at, outcome: outcomeOf(row.outcome) }
  }
}

function parkUnreadable(database: Database, { seq, conversation }: LeasedRow, now: number): void {
  database
    .prepare(
      "UPDATE deliveries SET state = 'parked', reason = ?, due_at = NULL, leased_at = NULL, holder = NULL WHERE seq = ?",
    )
    .run(UNREADABLE, seq)
  if (conversation !== null) releaseNext(database, conversation, now)
}

/** `Queue.renew`, inside a transaction. */
export function renew(
  database: Database,
  holder: string,
  deliveryIds: readonly string[],
  leaseUntil: number,
): void {
  const update = database.prepare<{ rate: number }>(
    "UPDATE deliveries SET due_at = ? WHERE id = ? AND state = 'sending' AND holder = ? RETURNING rate",
  )
  for (const id of deliveryIds) {
    const renewed = update.get(leaseUntil, id, holder)
    if (renewed !== undefined) database.schedule.changed(renewed.rate)
  }
}
