/**
 * `Queue.complete` for attempts that concern nothing but their own delivery and its destination, which most do: one statement records all
 * of them, where those of conversations, with fallbacks or of replayed events need locks and several statements.
 */
import type { NextState } from '../../../core/delivery/delivery.ts'
import type { RateRow } from '../../sql/backlog.ts'
import { Records } from '../connection/records.ts'
import type { Session } from '../connection/session.ts'
import type { Completion } from './complete.ts'
import { settleRates } from './settle-rates.ts'

/** Whether that may be so: the stored row says the rest. */
export function mayEndAlone({ attempt: { step, outcome }, fallbacks }: Completion): boolean {
  const counts = outcome.kind === 'ambiguous' || outcome.lookUp === 'absent'
  return step === undefined && fallbacks.length === 0 && !counts
}

type AloneRow = Omit<RateRow, 'id'> & { readonly id: string; readonly rate: number }

export interface CompletedAlone {
  /** Null for each that `complete` is to be asked about: it concerns more, or its lease was lost. */
  readonly completed: readonly (NextState | null)[]
  /** Whether something may be due now, or later, that was not before: the same deliveries, or others of their destinations. */
  readonly mayMakeDue: boolean
}

export async function completeAlone(
  session: Session,
  completions: readonly Completion[],
): Promise<CompletedAlone> {
  const records = completions.map(({ attempt, next }) => ({
    id: attempt.deliveryId,
    number: attempt.number,
    started_at: attempt.startedAt,
    duration_ms: attempt.durationMs,
    outcome: JSON.stringify(attempt.outcome),
    notes: attempt.notes.length === 0 ? null : JSON.stringify(attempt.notes),
    state: next.state,
    reason: next.reason,
    due_at: next.dueAt,
  }))
  const rows = await session.query<AloneRow>(END, [new Records(records), records.map(({ id }) => id)])
  const ended = new Map(rows.map((row) => [row.id, row]))
  const settled = completions.flatMap(({ attempt, reached }) => {
    const row = ended.get(attempt.deliveryId)
    return row === undefined ? [] : { attempt, reached, rate: row.rate }
  })
  const rates = new Map(rows.map(({ rate: id, channel, key, state }) => [id, { id, channel, key, state }]))
  const haveChanged = await settleRates(session, settled, [...rates.values()])
  const completed = completions.map(({ attempt, next }) => (ended.has(attempt.deliveryId) ? next : null))
  return {
    completed,
    mayMakeDue: haveChanged || completed.some((next) => next !== null && next.dueAt !== null),
  }
}

// The number of the attempt is the token of its lease: see `complete`. What is leased has `leased_at`: the index of what is being sent is not to
// be used here. The records are joined to what was found by its ids: in one step, all deliveries might be read in their order.
const END = `WITH locked AS MATERIALIZED (
    SELECT seq, id, attempts FROM deliveries
    WHERE id = ANY($2::text[]) AND leased_at IS NOT NULL AND conversation IS NULL AND replaced_by IS NULL
    ORDER BY seq FOR UPDATE),
  leased AS MATERIALIZED (
    SELECT seq, new.* FROM locked
    JOIN json_to_recordset($1::json) AS new(id text, number integer, started_at bigint, duration_ms bigint, outcome text,
      notes text, state text, reason text, due_at bigint) ON new.id = locked.id AND number = attempts + 1),
  ended AS (
    UPDATE deliveries SET state = leased.state, reason = leased.reason, due_at = leased.due_at, leased_at = NULL,
      holder = NULL, instance = NULL, attempts = number
    FROM leased WHERE deliveries.seq = leased.seq
    RETURNING deliveries.id, rate),
  recorded AS (
    INSERT INTO attempts (delivery, number, started_at, duration_ms, outcome, notes)
    SELECT seq, number, started_at, duration_ms, outcome, notes FROM leased)
  SELECT ended.id, ended.rate, channel, key, rates.state FROM ended JOIN rates ON rates.id = ended.rate`
