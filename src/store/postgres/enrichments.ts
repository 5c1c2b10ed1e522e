/** The events that are planned after their enrichment: how far they have come, and who works on them. */
import type { Progress } from '../../core/enrichment/progress.ts'
import type { PlanCause } from '../../core/routing/plan.ts'
import {
  leasedEnrichmentOf,
  storedEnriched,
  UNREADABLE_AGAIN_AFTER_MS,
  type WaitingRow,
} from '../sql/enrichments.ts'
import { EVENT_COLUMNS, type EventRow } from '../sql/rows.ts'
import type { ClaimedEnrichments, EnrichmentClaim, Lease, NewPlan } from '../store.ts'
import { Records } from './connection/records.ts'
import { anyOf, type Change, type Session } from './connection/session.ts'
import type { KnownRows } from './known-rows.ts'
import { lock } from './locks.ts'
import { insertPlans, locksOfPlan } from './plans.ts'

export interface EnrichmentEnd {
  readonly lease: Lease
  readonly progress: Progress
  readonly plan: NewPlan
  readonly isUnknown: boolean
}

export interface NewEnrichment {
  readonly event: number
  readonly cause: PlanCause
  readonly due_at: number
}

export function enrichmentChanges(rows: readonly NewEnrichment[]): readonly Change[] {
  if (rows.length === 0) return []
  const sql = `INSERT INTO enrichments (event, cause, due_at)
     SELECT * FROM json_to_recordset($1::json) AS new(event bigint, cause text, due_at bigint)`
  return [{ sql, values: [new Records(rows.map((row) => ({ ...row })))] }]
}

/** `Enrichments.claimEnrichments`, for an instance. */
export async function claimEnrichments(
  session: Session,
  { holder, now, leaseUntil, limit }: EnrichmentClaim,
  instance: number | null,
): Promise<ClaimedEnrichments> {
  const due = await session.query<WaitingRow>(
    `SELECT event, cause, due_at, current FROM enrichments WHERE due_at <= $1
     ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED`,
    [now, limit],
  )
  const found =
    due.length === 0
      ? []
      : await eventsOf(
          session,
          due.map(({ event }) => event),
        )
  const events = new Map(found.map((row) => [row.seq, row]))
  const read = due.map((row) => ({ row, leased: leasedEnrichmentOf(row, events.get(row.event)) }))
  const changes = read.map(({ row: { event }, leased }) =>
    leased === null
      ? { event, due_at: now + UNREADABLE_AGAIN_AFTER_MS, holder: null, instance: null }
      : { event, due_at: leaseUntil, holder, instance },
  )
  if (changes.length > 0) await session.query(LEASE, [new Records(changes)])
  const [next] = await session.query<{ due_at: number | null }>(
    'SELECT min(due_at) AS due_at FROM enrichments',
  )
  return { leased: read.flatMap(({ leased }) => leased ?? []), nextDueAt: next?.due_at ?? null }
}

/** Gives back what a claim leased whose commit was unknown: nobody has begun to ask for it. Returns how many were given back. */
export async function giveBackEnrichments(
  session: Session,
  { holder, now, leaseUntil }: EnrichmentClaim,
  instance: number | null,
): Promise<number> {
  const given = await session.query(
    `UPDATE enrichments SET due_at = $1, holder = NULL, instance = NULL
     WHERE due_at = $2 AND holder = $3 AND instance IS NOT DISTINCT FROM $4 RETURNING event`,
    [now, leaseUntil, holder, instance],
  )
  return given.length
}

const LEASE = `UPDATE enrichments SET due_at = new.due_at, holder = new.holder, instance = new.instance
  FROM json_to_recordset($1::json) AS new(event bigint, due_at bigint, holder text, instance integer)
  WHERE enrichments.event = new.event`

async function eventsOf(session: Session, seqs: readonly number[]): Promise<readonly EventRow[]> {
  return session.query<EventRow>(
    `SELECT seq, ${EVENT_COLUMNS}, enrichment FROM events WHERE seq = ${anyOf('$1', 'bigint')}`,
    [seqs],
  )
}

/** `Enrichments.keepEnrichment`, inside a transaction. */
export async function keepEnrichment(
  session: Session,
  lease: Lease,
  progress: Progress,
  dueAt: number,
): Promise<boolean> {
  const event = await leasedEvent(session, lease)
  if (event === null) return false
  await saveProgress(session, event, progress)
  await session.query(
    'UPDATE enrichments SET due_at = $1, holder = NULL, instance = NULL, current = $2 WHERE event = $3',
    [dueAt, progress.current === null ? null : JSON.stringify(progress.current), event],
  )
  return true
}

/** `Enrichments.expediteEnrichments`, inside a transaction. What another one locks is being worked on. */
export async function expediteEnrichments(session: Session, now: number): Promise<void> {
  await session.query(
    `UPDATE enrichments SET due_at = $1 WHERE event IN
      (SELECT event FROM enrichments WHERE due_at > $1 AND holder IS NULL FOR UPDATE SKIP LOCKED)`,
    [now],
  )
}

/** `Enrichments.endEnrichment`, inside a transaction. `isUnknown`: an earlier try may have stored the plan. */
export async function endEnrichment(
  session: Session,
  known: KnownRows,
  { lease, progress, plan, isUnknown }: EnrichmentEnd,
): Promise<boolean> {
  const event = await leasedEvent(session, lease)
  if (event === null) return isUnknown && (await isPlanned(session, lease, plan))
  lock(session, locksOfPlan(plan))
  await saveProgress(session, event, progress)
  await insertPlans(session, known, [{ event, number: 1, plan }])
  await session.query('UPDATE events SET unrouted = $1 WHERE seq = $2', [plan.unrouted ? 1 : 0, event])
  await dropEnrichment(session, event)
  return true
}

/** Only one holder plans an event at a time, and no two do in the same way at the same time. */
async function isPlanned(session: Session, { eventId }: Lease, plan: NewPlan): Promise<boolean> {
  const found = await session.query(
    `SELECT 1 AS found FROM plans JOIN events ON seq = event
     WHERE id = $1 AND number = 1 AND at = $2 AND cause = $3 AND plans.routes = $4`,
    [eventId, plan.at, plan.cause, JSON.stringify(plan.routes)],
  )
  return found.length > 0
}

export async function dropEnrichment(session: Session, event: number): Promise<void> {
  await session.query('DELETE FROM enrichments WHERE event = $1', [event])
}

async function leasedEvent(session: Session, { eventId, holder }: Lease): Promise<number | null> {
  // Before anything else, as a replay does.
  const [found] = await session.query<{ seq: number }>(
    'SELECT seq FROM events WHERE id = $1 FOR NO KEY UPDATE',
    [eventId],
  )
  const [row] = await session.query<{ event: number }>(
    'SELECT event FROM enrichments WHERE event = $1 AND holder = $2 FOR UPDATE',
    [found?.seq ?? null, holder],
  )
  return row?.event ?? null
}

async function saveProgress(session: Session, event: number, { enriched, steps }: Progress): Promise<void> {
  await session.query('UPDATE events SET enriched = $1, enrichment = $2 WHERE seq = $3', [
    storedEnriched(enriched),
    JSON.stringify(steps),
    event,
  ])
}

/** `Enrichments.waitingEnrichments`, inside a transaction. */
export async function waitingEnrichments(session: Session): Promise<number> {
  const [row] = await session.query<{ count: number }>('SELECT count(*) AS count FROM enrichments')
  return row?.count ?? 0
}
