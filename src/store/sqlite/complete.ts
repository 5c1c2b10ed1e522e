import { finalStates, type NextState } from '../../core/delivery.ts'
import { settle } from '../../core/destination.ts'
import type { Attempt, Requeue } from '../store.ts'
import type { Database } from './database.ts'
import { insertDelivery, releaseNext } from './insert-delivery.ts'
import { destinationStateOf, rateRow, saveState } from './rates.ts'
import { quoted } from './rows.ts'

const final: ReadonlySet<string> = new Set(finalStates)

/** `Queue.complete`, inside a transaction. */
export function complete(database: Database, attempt: Attempt, next: NextState, reached: boolean): boolean {
  const { number, outcome, startedAt, durationMs, notes } = attempt
  const delivery = database
    .prepare<{ seq: number; rate: number; conversation: string | null }>(
      "SELECT seq, rate, conversation FROM deliveries WHERE id = ? AND state = 'sending' AND attempts = ?",
    )
    .get(attempt.deliveryId, number - 1)
  if (delivery === undefined) return false
  database
    .prepare(
      `UPDATE deliveries SET state = ?, reason = ?, due_at = ?, leased_at = NULL, holder = NULL, attempts = ?,
         ambiguous_attempts = ambiguous_attempts + ? WHERE seq = ?`,
    )
    .run(next.state, next.reason, next.dueAt, number, outcome.kind === 'ambiguous' ? 1 : 0, delivery.seq)
  database
    .prepare(
      'INSERT INTO attempts (delivery, number, started_at, duration_ms, outcome, notes) VALUES (?, ?, ?, ?, ?, ?)',
    )
    .run(
      delivery.seq,
      number,
      startedAt,
      durationMs,
      JSON.stringify(outcome),
      notes.length === 0 ? null : JSON.stringify(notes),
    )
  const endedAt = startedAt + durationMs
  if (reached) settleRate(database, delivery.rate, attempt, endedAt)
  if (delivery.conversation !== null && final.has(next.state)) {
    releaseNext(database, delivery.conversation, endedAt)
  }
  return true
}

function settleRate(database: Database, id: number, { outcome }: Attempt, now: number): void {
  const state = destinationStateOf(rateRow(database, id))
  // The claim made it.
  if (state === null) return
  const next = settle(state, outcome, now)
  if (next !== state) saveState(database, id, next)
}

type Requeueable = { seq: number; event: number; plan: number; state: string }

/** `Queue.requeue`, inside a transaction. */
export function requeue(database: Database, requests: readonly Requeue[], now: number): readonly string[] {
  const find = database.prepare<Requeueable>(
    "SELECT seq, event, plan, state FROM deliveries WHERE id = ? AND state NOT IN ('pending', 'sending')",
  )
  return requests
    .filter(({ deliveryId, instead }) => {
      const found = find.get(deliveryId)
      if (found === undefined) return false
      if (instead === undefined) makeDue(database, found.seq, now)
      else {
        insertDelivery(database, { event: found.event, number: found.plan, at: now }, instead)
        const reason = `sent to ${instead.destination.target} instead, as ${instead.id}`
        // What was delivered stays so.
        if (found.state !== 'delivered') close(database, found.seq, 'cancelled', reason)
      }
      return true
    })
    .map(({ deliveryId }) => deliveryId)
}

function makeDue(database: Database, seq: number, now: number): void {
  database
    .prepare(
      `UPDATE deliveries SET state = 'pending', reason = NULL, due_at = ?1, held_until = NULL, retrying_since = ?1,
         ambiguous_attempts = 0 WHERE seq = ?2`,
    )
    .run(now, seq)
}

function close(database: Database, seq: number, state: 'cancelled' | 'dismissed', reason: string): void {
  database
    .prepare('UPDATE deliveries SET state = ?, reason = ?, due_at = NULL WHERE seq = ?')
    .run(state, reason, seq)
}

const DISMISSIBLE = quoted(['parked', 'dead'])

/** `Queue.dismiss`, inside a transaction. */
export function dismiss(database: Database, ids: readonly string[], reason: string): readonly string[] {
  const find = database.prepare<{ seq: number }>(
    `SELECT seq FROM deliveries WHERE id = ? AND state IN (${DISMISSIBLE})`,
  )
  return ids.filter((id) => {
    const found = find.get(id)
    if (found !== undefined) close(database, found.seq, 'dismissed', reason)
    return found !== undefined
  })
}
