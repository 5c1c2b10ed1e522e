import { BEHIND, BUSY, beginning, overtakes, type QuietUntil, released, waitsFor } from '../../sql/states.ts'
import type { NewDelivery } from '../../store.ts'
import type { Database } from '../database.ts'
import { placeOf } from './destinations.ts'

/** The plan that a delivery belongs to: the row of its event, its number, and when the delivery is created. */
export interface OfPlan {
  readonly event: number
  /** The id of the event's kind. */
  readonly kind: number
  readonly number: number
  readonly at: number
}

/** A delivery waits for an unfinished earlier one of its conversation, but for one that is held longer than itself. */
export function insertDelivery(database: Database, plan: OfPlan, delivery: NewDelivery): void {
  const {
    id,
    route,
    receiver,
    destination,
    template,
    conversation,
    group,
    standsInFor = null,
    start,
  } = delivery
  const place = placeOf(database, destination)
  const quietUntil = conversation === null ? undefined : findQuiet(database, conversation, plan.at)
  if (conversation !== null && overtakes(quietUntil, start)) letPass(database, conversation, plan.at)
  const begins = beginning(start, waitsFor(quietUntil, start), plan.at)
  database
    .prepare(
      `INSERT INTO deliveries (id, event, kind, plan, route, receiver, destination, rate, template, conversation, grouping,
         stands_in_for, state, reason, due_at, held_until, attempts, ambiguous_attempts, created_at, retrying_since)
       VALUES (?1, ?2, ?17, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 0, 0, ?16, ?18)`,
    )
    .run(
      id,
      plan.event,
      plan.number,
      route,
      receiver,
      place.id,
      place.rate,
      template,
      conversation,
      group,
      standsInFor === null ? null : JSON.stringify(standsInFor),
      begins.state,
      begins.reason,
      begins.dueAt,
      begins.heldUntil,
      plan.at,
      plan.kind,
      begins.retryingSince,
    )
  if (begins.dueAt !== null) database.schedule.changed(place.rate)
}

// Exactly the condition of the index on conversations, or SQLite would not use it.
const OPEN_OF_CONVERSATION = `conversation = ? AND conversation IS NOT NULL
  AND state IN ('pending', 'held', 'sending', 'retrying', 'ambiguous')`

// It is the next of its conversation, and its time has not come.
const IS_HELD = "(state = 'held' AND due_at > ?)"

/** Undefined where none of its deliveries is unfinished. */
function findQuiet(database: Database, conversation: string, now: number): QuietUntil | undefined {
  const row = database
    .prepare<{ open: number; until: number | null }>(
      `SELECT count(*) AS open, max(CASE WHEN ${IS_HELD} THEN due_at END) AS until
       FROM deliveries WHERE ${OPEN_OF_CONVERSATION}`,
    )
    .get(now, conversation)
  return row === undefined || row.open === 0 ? undefined : (row.until ?? BUSY)
}

/** What is held for a time in a conversation where another one goes ahead waits for its turn as well. */
export function letPass(database: Database, conversation: string, now: number): void {
  database
    .prepare(
      `UPDATE deliveries SET due_at = NULL, reason = ?
       WHERE ${OPEN_OF_CONVERSATION} AND ${IS_HELD}`,
    )
    .run(BEHIND, conversation, now)
}

/** Whether it is the turn of another delivery of the conversation. */
export function isBehind(database: Database, conversation: string, seq: number): boolean {
  return (
    database
      .prepare(
        `SELECT 1 AS found FROM deliveries
         WHERE ${OPEN_OF_CONVERSATION} AND due_at IS NOT NULL AND seq <> ? LIMIT 1`,
      )
      .get(conversation, seq) !== undefined
  )
}

/** Releases the next delivery of a conversation, if none is in progress. */
export function releaseNext(database: Database, conversation: string, now: number): void {
  const next = database
    .prepare<{ seq: number; rate: number; due_at: number | null; held_until: number | null }>(
      `SELECT seq, rate, due_at, held_until FROM deliveries WHERE ${OPEN_OF_CONVERSATION}
       ORDER BY due_at IS NULL, CASE WHEN held_until > ? THEN held_until ELSE 0 END, seq LIMIT 1`,
    )
    .get(conversation, now)
  if (next === undefined || next.due_at !== null) return
  const { state, reason, dueAt } = released(next.held_until, now)
  database
    .prepare('UPDATE deliveries SET state = ?, reason = ?, due_at = ? WHERE seq = ?')
    .run(state, reason, dueAt, next.seq)
  database.schedule.changed(next.rate)
}
