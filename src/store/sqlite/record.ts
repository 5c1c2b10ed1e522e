import type { NextState, State } from '../../core/delivery.ts'
import type { Attempt } from '../store.ts'
import type { Database } from './database.ts'
import { parseDeliveryId } from './rows.ts'

const resendable = [
  'delivered',
  'parked',
  'dead',
  'skipped',
  'retrying',
  'ambiguous',
] as const satisfies readonly State[]

// Built once, for the text of a statement is what finds it prepared.
const THE_DELIVERY = 'event = (SELECT seq FROM events WHERE id = ?) AND number = ?'
const SELECT_LEASED = `SELECT seq FROM deliveries WHERE ${THE_DELIVERY} AND state = 'sending' AND attempts = ?`
const UPDATE_RESENT = `UPDATE deliveries SET state = 'pending', reason = NULL, due_at = ?, owed_since = ?
  WHERE ${THE_DELIVERY} AND state IN (${resendable.map((state) => `'${state}'`).join(', ')}) RETURNING seq`

/** `Store.record`, inside a transaction. */
export function record(database: Database, attempt: Attempt, next: NextState): boolean {
  const id = parseDeliveryId(attempt.deliveryId)
  if (id === undefined) return false
  const delivery = database
    .prepare<{ seq: number }>(SELECT_LEASED)
    .get(id.eventId, id.number, attempt.number - 1)
  if (delivery === undefined) return false
  database
    .prepare(
      'UPDATE deliveries SET state = ?, reason = ?, due_at = ?, leased_at = NULL, attempts = ? WHERE seq = ?',
    )
    .run(next.state, next.reason, next.dueAt, attempt.number, delivery.seq)
  const notes = attempt.notes.length === 0 ? null : JSON.stringify(attempt.notes)
  database
    .prepare(
      'INSERT INTO attempts (delivery, number, started_at, took, outcome, notes) VALUES (?, ?, ?, ?, ?, ?)',
    )
    .run(
      delivery.seq,
      attempt.number,
      attempt.startedAt,
      attempt.took,
      JSON.stringify(attempt.outcome),
      notes,
    )
  return true
}

/** `Store.resend`, inside a transaction. A delivery that is being sent, or is due already, is left alone. */
export function resend(database: Database, deliveryIds: readonly string[], now: number): readonly string[] {
  const update = database.prepare<{ seq: number }>(UPDATE_RESENT)
  return deliveryIds.filter((deliveryId) => {
    const id = parseDeliveryId(deliveryId)
    return id !== undefined && update.get(now, now, id.eventId, id.number) !== undefined
  })
}

/** `Store.purge`, inside a transaction. Deliveries and attempts go with their event. */
export function purge(database: Database, before: number, limit: number): number {
  return database
    .prepare(
      `DELETE FROM events WHERE seq IN (
         SELECT seq FROM events WHERE received_at < ?
           AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event = events.seq AND due_at IS NOT NULL)
         ORDER BY received_at LIMIT ?)
       RETURNING seq`,
    )
    .all(before, limit).length
}
