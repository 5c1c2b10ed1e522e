/** Attempts that were recorded by a transaction whose answer was lost. */
import type { NextState } from '../../../core/delivery/delivery.ts'
import type { NewDelivery } from '../../../core/routing/plan.ts'
import { afterReplay } from '../../sql/states.ts'
import type { Attempt, Completed } from '../../store.ts'
import type { Session } from '../connection/session.ts'

type RecordedRow = {
  readonly id: string
  readonly number: number
  readonly started_at: number
  readonly outcome: string
  readonly replaced_by: number | null
}

/** What was to be recorded. */
interface Unknown {
  readonly attempt: Attempt
  readonly next: NextState
  readonly fallbacks: readonly NewDelivery[]
}

/** What was stored of those that were recorded. */
export async function recordedBefore<Completion extends Unknown>(
  session: Session,
  completions: readonly Completion[],
): Promise<ReadonlyMap<Completion, Completed>> {
  if (completions.length === 0) return new Map()
  const rows = await session.query<RecordedRow>(
    `SELECT id, number, started_at, outcome, replaced_by FROM deliveries JOIN attempts ON delivery = seq
     WHERE id = ANY($1::text[])`,
    [completions.map(({ attempt }) => attempt.deliveryId)],
  )
  const sent = await sentFallbacks(session, completions)
  const recorded = new Map<Completion, Completed>()
  for (const completion of completions) {
    const { attempt, next, fallbacks } = completion
    // Another holder may have recorded one of the same number.
    const row = rows.find(
      ({ id, number, started_at, outcome }) =>
        id === attempt.deliveryId &&
        number === attempt.number &&
        started_at === attempt.startedAt &&
        outcome === JSON.stringify(attempt.outcome),
    )
    if (row === undefined) continue
    const added = fallbacks.filter(({ id }) => sent.has(id))
    const stored = afterReplay(next, row.replaced_by)
    recorded.set(completion, added.length === 0 ? stored : { ...stored, fallbacks: added })
  }
  return recorded
}

async function sentFallbacks(
  session: Session,
  completions: readonly Unknown[],
): Promise<ReadonlySet<string>> {
  const all: readonly NewDelivery[] = completions.flatMap(({ fallbacks }) => fallbacks)
  if (all.length === 0) return new Set()
  const rows = await session.query<{ id: string }>(
    "SELECT id FROM deliveries WHERE id = ANY($1::text[]) AND state <> 'skipped'",
    [all.map(({ id }) => id)],
  )
  return new Set(rows.map(({ id }) => id))
}
