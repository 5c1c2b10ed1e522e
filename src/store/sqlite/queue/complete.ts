import { ambiguousAfter, type Delivery, type NextState, type State } from '../../../core/delivery/delivery.ts'
import { settle } from '../../../core/delivery/destination.ts'
import { startOfFallback } from '../../../core/delivery/fallback.ts'
import type { NewDelivery } from '../../../core/routing/plan.ts'
import { destinationStateOf } from '../../sql/backlog.ts'
import { standInOf } from '../../sql/rows.ts'
import { afterReplay, isFinal } from '../../sql/states.ts'
import type { Attempt, Completed } from '../../store.ts'
import type { Database } from '../database.ts'
import { insertDelivery, type OfPlan, releaseNext } from './insert-delivery.ts'
import { rateRow, saveState } from './rates.ts'

type CompletedRow = {
  readonly seq: number
  readonly event: number
  readonly kind: number
  readonly plan: number
  readonly rate: number
  readonly conversation: string | null
  readonly ambiguous_attempts: number
  readonly replaced_by: number | null
}

/** `Queue.complete`, inside a transaction. */
export function complete(
  database: Database,
  attempt: Attempt,
  after: NextState,
  reached: boolean,
  fallbacks: readonly NewDelivery[] = [],
): Completed | null {
  const { number, outcome, startedAt, durationMs, notes, step } = attempt
  const delivery = database
    .prepare<CompletedRow>(
      `SELECT seq, event, kind, plan, rate, conversation, ambiguous_attempts, replaced_by FROM deliveries
       WHERE id = ? AND state = 'sending' AND attempts = ?`,
    )
    .get(attempt.deliveryId, number - 1)
  if (delivery === undefined) return null
  database.schedule.changed(delivery.rate)
  const ambiguous = ambiguousAfter(delivery.ambiguous_attempts, outcome)
  const next = afterReplay(after, delivery.replaced_by)
  database
    .prepare(
      `UPDATE deliveries SET state = ?, reason = ?, due_at = ?, leased_at = NULL, holder = NULL, attempts = ?,
         ambiguous_attempts = ? WHERE seq = ?`,
    )
    .run(next.state, next.reason, next.dueAt, number, ambiguous, delivery.seq)
  database
    .prepare(
      `INSERT INTO attempts (delivery, number, started_at, duration_ms, outcome, notes, step)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      delivery.seq,
      number,
      startedAt,
      durationMs,
      JSON.stringify(outcome),
      notes.length === 0 ? null : JSON.stringify(notes),
      step === undefined ? null : JSON.stringify(step),
    )
  const endedAt = startedAt + durationMs
  if (reached) settleRate(database, delivery.rate, attempt, endedAt)
  if (delivery.conversation !== null && isFinal(next)) {
    releaseNext(database, delivery.conversation, endedAt)
  }
  if (delivery.replaced_by !== null) return next
  const ofPlan = { event: delivery.event, kind: delivery.kind, number: delivery.plan, at: endedAt }
  const added = fallbacks.filter((fallback) => addFallback(database, ofPlan, fallback))
  return added.length === 0 ? next : { ...next, fallbacks: added }
}

type SiblingRow = {
  readonly route: string
  readonly channel: string
  readonly target: string
  readonly state: State
  readonly stands_in_for: string | null
}

/** Whether it will be sent. */
function addFallback(database: Database, plan: OfPlan, fallback: NewDelivery): boolean {
  const siblings = database
    .prepare<SiblingRow>(
      `SELECT route, channel, target, state, stands_in_for FROM deliveries
       CROSS JOIN destinations ON destinations.id = deliveries.destination WHERE event = ? AND plan = ?`,
    )
    .all(plan.event, plan.number)
    .map(({ stands_in_for, ...row }) => ({ ...row, destination: row, standsInFor: standInOf(stands_in_for) }))
  const start = startOfFallback(fallback, siblings)
  if (start === null) return false
  insertDelivery(database, plan, { ...fallback, start })
  return start.kind !== 'skipped'
}

/** `Queue.skip`, inside a transaction. */
export function skip(
  database: Database,
  { id, attempts }: Pick<Delivery, 'id' | 'attempts'>,
  reason: string,
  now: number,
): boolean {
  const skipped = database
    .prepare<{ rate: number; conversation: string | null }>(
      `UPDATE deliveries SET state = 'skipped', reason = ?, due_at = NULL, leased_at = NULL, holder = NULL
       WHERE id = ? AND state = 'sending' AND attempts = ? RETURNING rate, conversation`,
    )
    .get(reason, id, attempts)
  if (skipped === undefined) return false
  database.schedule.changed(skipped.rate)
  if (skipped.conversation !== null) releaseNext(database, skipped.conversation, now)
  return true
}

function settleRate(database: Database, id: number, { outcome }: Attempt, now: number): void {
  const row = rateRow(database, id)
  const state = destinationStateOf(row)
  // The claim created the row.
  if (state === null) return
  const next = settle(state, outcome, now, row.key)
  if (next !== state) saveState(database, id, next)
}
