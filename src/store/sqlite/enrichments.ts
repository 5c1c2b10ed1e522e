/** The events that are planned after their enrichment: how far they have come, and who works on them. */
import type { Progress } from '../../core/enrichment/progress.ts'
import type { NewPlan, PlanCause } from '../../core/routing/plan.ts'
import {
  enrichmentRecordOf,
  leasedEnrichmentOf,
  storedEnriched,
  UNREADABLE_AGAIN_AFTER_MS,
  type WaitingRow,
} from '../sql/enrichments.ts'
import { EVENT_COLUMNS, type EventRow } from '../sql/rows.ts'
import type {
  ClaimedEnrichments,
  EnrichmentClaim,
  EnrichmentRecord,
  Lease,
  LeasedEnrichment,
} from '../store.ts'
import type { Database } from './database.ts'
import { insertPlan, withKind } from './plans.ts'

export function insertEnrichment(database: Database, event: number, cause: PlanCause, dueAt: number): void {
  database
    .prepare('INSERT INTO enrichments (event, cause, due_at, holder, current) VALUES (?, ?, ?, NULL, NULL)')
    .run(event, cause, dueAt)
}

/** `Enrichments.claimEnrichments`, inside a transaction. */
export function claimEnrichments(
  database: Database,
  { holder, now, leaseUntil, limit }: EnrichmentClaim,
): ClaimedEnrichments {
  const due = database
    .prepare<WaitingRow>(
      'SELECT event, cause, due_at, current FROM enrichments WHERE due_at <= ? ORDER BY due_at LIMIT ? + 0',
    )
    .all(now, limit)
  const update = database.prepare('UPDATE enrichments SET due_at = ?, holder = ? WHERE event = ?')
  const leased = due.flatMap((row) => {
    const found = readable(database, row)
    if (found === null) update.run(now + UNREADABLE_AGAIN_AFTER_MS, null, row.event)
    else update.run(leaseUntil, holder, row.event)
    return found ?? []
  })
  const next = database
    .prepare<{ due_at: number | null }>('SELECT min(due_at) AS due_at FROM enrichments')
    .get()
  return { leased, nextDueAt: next?.due_at ?? null }
}

function readable(database: Database, row: WaitingRow): LeasedEnrichment | null {
  const found = database
    .prepare<EventRow>(`SELECT ${EVENT_COLUMNS}, enrichment FROM events WHERE seq = ?`)
    .get(row.event)
  return leasedEnrichmentOf(row, found)
}

/** `Enrichments.keepEnrichment`, inside a transaction. */
export function keepEnrichment(database: Database, lease: Lease, progress: Progress, dueAt: number): boolean {
  const event = leasedEvent(database, lease)
  if (event === null) return false
  saveProgress(database, event, progress)
  database
    .prepare('UPDATE enrichments SET due_at = ?, holder = NULL, current = ? WHERE event = ?')
    .run(dueAt, progress.current === null ? null : JSON.stringify(progress.current), event)
  return true
}

/** `Enrichments.expediteEnrichments`, inside a transaction. */
export function expediteEnrichments(database: Database, now: number): void {
  database.prepare('UPDATE enrichments SET due_at = ? WHERE due_at > ? AND holder IS NULL').run(now, now)
}

/** `Enrichments.endEnrichment`, inside a transaction. */
export function endEnrichment(database: Database, lease: Lease, progress: Progress, plan: NewPlan): boolean {
  const event = leasedEvent(database, lease)
  if (event === null) return false
  saveProgress(database, event, progress)
  insertPlan(database, withKind(database, event), 1, plan)
  database.prepare('UPDATE events SET unrouted = ? WHERE seq = ?').run(plan.unrouted ? 1 : 0, event)
  dropEnrichment(database, event)
  return true
}

export function dropEnrichment(database: Database, event: number): void {
  database.prepare('DELETE FROM enrichments WHERE event = ?').run(event)
}

function leasedEvent(database: Database, { eventId, holder }: Lease): number | null {
  const row = database
    .prepare<{ event: number }>(
      'SELECT event FROM enrichments WHERE event = (SELECT seq FROM events WHERE id = ?) AND holder = ?',
    )
    .get(eventId, holder)
  return row?.event ?? null
}

function saveProgress(database: Database, event: number, { enriched, steps }: Progress): void {
  database
    .prepare('UPDATE events SET enriched = ?, enrichment = ? WHERE seq = ?')
    .run(storedEnriched(enriched), JSON.stringify(steps), event)
}

/** `Enrichments.waitingEnrichments`, inside a transaction. */
export function waitingEnrichments(database: Database): number {
  return database.prepare<{ count: number }>('SELECT count(*) AS count FROM enrichments').get()?.count ?? 0
}

/** Whether one event waits. */
export function isEnriching(database: Database, event: number): boolean {
  return database.prepare('SELECT 1 AS found FROM enrichments WHERE event = ?').get(event) !== undefined
}

export function enrichmentRecord(
  database: Database,
  { seq, enrichment }: Pick<EventRow, 'seq' | 'enrichment'>,
): EnrichmentRecord | null {
  const row = database.prepare<WaitingRow>('SELECT * FROM enrichments WHERE event = ?').get(seq)
  return enrichmentRecordOf(enrichment, row)
}

/** Ends the leases of earlier processes, when the process that now has the store starts. The clock may have been set since. */
export function releaseEnrichments(database: Database, now: number): void {
  database
    .prepare(
      `UPDATE enrichments SET holder = NULL,
         due_at = min(due_at, ?, (SELECT received_at FROM events WHERE seq = event))
       WHERE holder IS NOT NULL`,
    )
    .run(now)
}
