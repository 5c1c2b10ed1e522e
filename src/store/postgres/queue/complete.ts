/** `Queue.complete` for many attempts at once, each of another delivery. */
import { ambiguousAfter, type NextState, type State } from '../../../core/delivery/delivery.ts'
import { startOfFallback } from '../../../core/delivery/fallback.ts'
import type { NewDelivery } from '../../../core/routing/plan.ts'
import type { RateRow } from '../../sql/backlog.ts'
import { standInOf } from '../../sql/rows.ts'
import { afterReplay, isFinal } from '../../sql/states.ts'
import type { Attempt, Completed } from '../../store.ts'
import { Records } from '../connection/records.ts'
import { anyOf, type Session } from '../connection/session.ts'
import type { KnownRows } from '../known-rows.ts'
import { LOCK_EVENTS, lockConversationsOf } from '../locks.ts'
import { conversationsOf, insertDeliveries, releaseNext } from './insert-deliveries.ts'
import { ratesOf } from './rates.ts'
import { recordedBefore } from './recorded-before.ts'
import { endedAt, settleRates } from './settle-rates.ts'

export interface Completion {
  readonly attempt: Attempt
  readonly next: NextState
  readonly reached: boolean
  readonly fallbacks: readonly NewDelivery[]
}

type EndedRow = {
  readonly seq: number
  readonly id: string
  readonly event: number
  readonly plan: number
  readonly rate: number
  readonly conversation: string | null
  readonly state: State
  readonly attempts: number
  readonly ambiguous_attempts: number
  readonly replaced_by: number | null
}

/** A completion whose lease holds. */
interface Ended extends Completion {
  readonly row: EndedRow
  readonly stored: NextState
}

/** Null for each whose lease was lost. `isUnknown`: whether an earlier try may have recorded the attempt. */
export async function complete(
  session: Session,
  known: KnownRows,
  completions: readonly Completion[],
  isUnknown: (attempt: Attempt) => boolean,
): Promise<readonly (Completed | null)[]> {
  const [rows, rates] = await lockLeased(session, completions)
  const ended = completions.map((completion) => endedOf(completion, rows.get(completion.attempt.deliveryId)))
  const found = ended.filter((each) => each !== null)
  const unknown = completions.filter(({ attempt }, index) => ended[index] === null && isUnknown(attempt))
  const before = await recordedBefore(session, unknown)
  const results = (added: ReadonlyMap<Ended, readonly NewDelivery[]>) =>
    completions.map((completion, index) => {
      const each = ended[index] ?? null
      return each === null ? (before.get(completion) ?? null) : completedOf(each.stored, added.get(each))
    })
  if (found.length === 0) return results(new Map())
  updateDeliveries(session, found)
  insertAttempts(session, found)
  const added = await addAllFallbacks(session, known, found)
  for (const [at, conversations] of releasedAt(found)) await releaseNext(session, conversations, at)
  const settled = found.map(({ attempt, reached, row }) => ({ attempt, reached, rate: row.rate }))
  await settleRates(session, settled, rates)
  return results(added)
}

function completedOf(stored: NextState, fallbacks: readonly NewDelivery[] = []): Completed {
  return fallbacks.length === 0 ? stored : { ...stored, fallbacks }
}

/** The number of the attempt is the token of its lease: another holder that took over has recorded one more. */
function endedOf(completion: Completion, row: EndedRow | undefined): Ended | null {
  const { attempt, next } = completion
  if (row?.state !== 'sending' || row.attempts !== attempt.number - 1) return null
  const stored = afterReplay(next, row.replaced_by)
  return { ...completion, row, stored }
}

async function lockLeased(
  session: Session,
  completions: readonly Completion[],
): Promise<readonly [ReadonlyMap<string, EndedRow>, readonly RateRow[]]> {
  const ids = completions.map(({ attempt }) => attempt.deliveryId)
  const reached = completions.filter((each) => each.reached).map(({ attempt }) => attempt.deliveryId)
  const added = completions.flatMap(({ fallbacks }) => fallbacks)
  lockEventsOf(session, completions)
  lockConversationsOf(session, ids, conversationsOf(added))
  const [rows, rates] = await Promise.all([
    session.query<EndedRow>(
      `SELECT seq, id, event, plan, rate, conversation, state, attempts, ambiguous_attempts, replaced_by FROM deliveries
       WHERE id = ${anyOf('$1', 'text')} ORDER BY seq FOR UPDATE`,
      [ids],
    ),
    reached.length === 0 ? [] : ratesOf(session, reached),
  ])
  return [new Map(rows.map((row) => [row.id, row])), rates]
}

/** Whether a fallback is sent depends on the others of its event: no two transactions decide that at once. */
function lockEventsOf(session: Session, completions: readonly Completion[]): void {
  const ids = completions.flatMap(({ attempt, fallbacks }) =>
    fallbacks.length > 0 ? attempt.deliveryId : [],
  )
  if (ids.length > 0) session.send(LOCK_EVENTS, [ids])
}

function updateDeliveries(session: Session, ended: readonly Ended[]): void {
  const rows = ended.map(({ row, attempt, stored }) => ({
    seq: row.seq,
    state: stored.state,
    reason: stored.reason,
    due_at: stored.dueAt,
    attempts: attempt.number,
    ambiguous: ambiguousAfter(row.ambiguous_attempts, attempt.outcome),
  }))
  session.send(
    `UPDATE deliveries SET state = new.state, reason = new.reason, due_at = new.due_at, leased_at = NULL, holder = NULL,
       instance = NULL, attempts = new.attempts, ambiguous_attempts = new.ambiguous
     FROM json_to_recordset($1::json) AS new(seq bigint, state text, reason text, due_at bigint, attempts integer,
       ambiguous integer)
     WHERE deliveries.seq = new.seq`,
    [new Records(rows)],
  )
}

function insertAttempts(session: Session, ended: readonly Ended[]): void {
  const rows = ended.map(({ row, attempt: { number, startedAt, durationMs, outcome, notes, step } }) => ({
    delivery: row.seq,
    number,
    started_at: startedAt,
    duration_ms: durationMs,
    outcome: JSON.stringify(outcome),
    notes: notes.length === 0 ? null : JSON.stringify(notes),
    step: step === undefined ? null : JSON.stringify(step),
  }))
  session.send(
    `INSERT INTO attempts (delivery, number, started_at, duration_ms, outcome, notes, step)
     SELECT * FROM json_to_recordset($1::json) AS new(delivery bigint, number integer, started_at bigint,
       duration_ms bigint, outcome text, notes text, step text)`,
    [new Records(rows)],
  )
}

/** The conversations whose next delivery may go, by when the one before ended. */
function releasedAt(ended: readonly Ended[]): ReadonlyMap<number, string[]> {
  const released = new Map<number, string[]>()
  for (const { row, stored, attempt } of ended) {
    if (row.conversation === null || !isFinal(stored)) continue
    const at = endedAt(attempt)
    released.set(at, [...(released.get(at) ?? []), row.conversation])
  }
  return released
}

/** The fallbacks that are to be sent, of each completion that has any. */
async function addAllFallbacks(
  session: Session,
  known: KnownRows,
  ended: readonly Ended[],
): Promise<ReadonlyMap<Ended, readonly NewDelivery[]>> {
  const added = new Map<Ended, NewDelivery[]>()
  for (const each of ended) {
    if (each.row.replaced_by !== null) continue
    for (const fallback of each.fallbacks)
      if (await addFallback(session, known, each, fallback))
        added.set(each, [...(added.get(each) ?? []), fallback])
  }
  return added
}

type SiblingRow = {
  readonly route: string
  readonly channel: string
  readonly target: string
  readonly state: State
  readonly stands_in_for: string | null
}

/** Whether it is to be sent. */
async function addFallback(
  session: Session,
  known: KnownRows,
  { row, attempt }: Ended,
  fallback: NewDelivery,
): Promise<boolean> {
  const rows = await session.query<SiblingRow>(
    `SELECT route, channel, target, state, stands_in_for FROM deliveries
     JOIN destinations ON destinations.id = deliveries.destination WHERE event = $1 AND plan = $2`,
    [row.event, row.plan],
  )
  const siblings = rows.map(({ stands_in_for, ...each }) => ({
    ...each,
    destination: each,
    standsInFor: standInOf(stands_in_for),
  }))
  const start = startOfFallback(fallback, siblings)
  if (start === null) return false
  const delivery = { ...fallback, start }
  await insertDeliveries(session, known, [
    { event: row.event, number: row.plan, at: endedAt(attempt), delivery },
  ])
  return start.kind !== 'skipped'
}
