/** The rows of enrichments. */
import type { StepResult, Tried } from '../../core/enrichment/progress.ts'
import type { Event } from '../../core/event.ts'
import type { PlanCause } from '../../core/routing/plan.ts'
import type { EnrichmentRecord, LeasedEnrichment } from '../enrichments.ts'
import { type EventRow, eventOfRow } from './rows.ts'

/** An event that waits for its enrichment. */
export type WaitingRow = {
  readonly event: number
  readonly cause: PlanCause
  readonly due_at: number
  /** A Tried as JSON. */
  readonly current: string | null
}

// An event whose row is damaged must not be read again and again.
export const UNREADABLE_AGAIN_AFTER_MS = 3_600_000

export function storedEnriched(enriched: Event['enriched']): string | null {
  return Object.keys(enriched).length === 0 ? null : JSON.stringify(enriched)
}

/** Null where the row is damaged. */
export function leasedEnrichmentOf(row: WaitingRow, found: EventRow | undefined): LeasedEnrichment | null {
  try {
    const event = eventOfRow(found)
    const steps = stepsOf(found?.enrichment ?? null)
    return {
      event,
      cause: row.cause,
      progress: { enriched: event.enriched, steps, current: currentOf(row.current) },
    }
  } catch {
    return null
  }
}

function stepsOf(enrichment: string | null): readonly StepResult[] {
  return enrichment === null ? [] : JSON.parse(enrichment)
}

function currentOf(current: string | null): Tried | null {
  return current === null ? null : JSON.parse(current)
}

/** `enrichment` is that of the event's row, `waiting` the row of an event that still waits. Null where no step was for it. */
export function enrichmentRecordOf(
  enrichment: string | null,
  waiting: Pick<WaitingRow, 'due_at' | 'current'> | undefined,
): EnrichmentRecord | null {
  if (waiting === undefined && enrichment === null) return null
  return {
    steps: stepsOf(enrichment),
    waiting: waiting === undefined ? null : { dueAt: waiting.due_at, current: currentOf(waiting.current) },
  }
}
