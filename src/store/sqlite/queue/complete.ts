import { finalStates, type NextState, type State } from '../../../core/delivery.ts'
import { settle } from '../../../core/destination.ts'
import type { Attempt, NewDelivery, Requeue } from '../../store.ts'
import type { Database } from '../database.ts'
import { quoted } from '../rows.ts'
import { BEHIND, insertDelivery, isBehind, releaseNext } from './insert-delivery.ts'
import { destinationStateOf, rateRow, saveState } from './rates.ts'

const final: ReadonlySet<string> = new Set(finalStates)

/** `Queue.complete`, inside a transaction. */
export function complete(database: Database, attempt: Attempt, after: NextState, reached: boolean): boolean {
  const { number, outcome, startedAt, durationMs, notes } = attempt
  const delivery = database
    .prepare<{ seq: number; rate: number; conversation: string | null; replaced_by: number | null }>(
      `SELECT seq, rate, conversation, replaced_by FROM deliveries
       WHERE id = ? AND state = 'sending' AND attempts = ?`,
    )
    .get(attempt.deliveryId, number - 1)
  if (delivery === undefined) return false
  const next = delivery.replaced_by === null ? after : replaced(after, delivery.replaced_by)
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

/** The event was replayed during the attempt: if it did not deliver, the delivery is cancelled in favour of the new plan. */
function replaced(next: NextState, plan: number): NextState {
  return next.state === 'delivered' ? next : { state: 'cancelled', dueAt: null, reason: replacedBy(plan) }
}

export function replacedBy(plan: number): string {
  return `replaced by plan ${plan}`
}

function settleRate(database: Database, id: number, { outcome }: Attempt, now: number): void {
  const state = destinationStateOf(rateRow(database, id))
  // The claim made it.
  if (state === null) return
  const next = settle(state, outcome, now)
  if (next !== state) saveState(database, id, next)
}

type Requeueable = { seq: number; event: number; plan: number; state: State; conversation: string | null }

// A delivery that is skipped, merged or cancelled is sent as another one.
const LEFT_ALONE = quoted(['sending', 'skipped', 'merged', 'cancelled'])

/** `Queue.requeue`, inside a transaction. */
export function requeue(database: Database, requests: readonly Requeue[], now: number): readonly string[] {
  const find = database.prepare<Requeueable>(
    `SELECT seq, event, plan, state, conversation FROM deliveries
     WHERE id = ?1 AND state NOT IN (${LEFT_ALONE}) AND (?2 IS NULL OR (state = ?2 AND attempts = ?3))`,
  )
  return requests
    .filter(({ deliveryId, seen, instead }) => {
      const found = find.get(deliveryId, seen?.state ?? null, seen?.attempts ?? null)
      if (found === undefined) return false
      if (instead === undefined) return makeDue(database, found, now)
      replace(database, found, instead, now)
      return true
    })
    .map(({ deliveryId }) => deliveryId)
}

function replace(database: Database, found: Requeueable, instead: NewDelivery, now: number): void {
  const reason = `sent to ${instead.destination.target} instead, as ${instead.id}`
  // A delivered message stays delivered.
  if (found.state !== 'delivered') close(database, found.seq, 'cancelled', reason)
  insertDelivery(database, { event: found.event, number: found.plan, at: now }, instead)
  if (found.conversation !== null) releaseNext(database, found.conversation, now)
}

/** False where it is due already, or waits for its turn in its conversation. */
function makeDue(database: Database, { seq, state, conversation }: Requeueable, now: number): boolean {
  if (state === 'pending') return false
  const waits = conversation !== null && isBehind(database, conversation, seq)
  if (waits && state === 'held') return false
  database
    .prepare(
      `UPDATE deliveries SET state = ?1, reason = ?2, due_at = ?3, held_until = NULL, retrying_since = ?4,
         ambiguous_attempts = 0, replaced_by = NULL WHERE seq = ?5`,
    )
    .run(waits ? 'held' : 'pending', waits ? BEHIND : null, waits ? null : now, now, seq)
  return true
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
