/** Single events and deliveries, with everything that happened to them. */
import { enrichedOf } from '../../../core/event.ts'
import type { Stage } from '../../../core/lifecycle/lifecycle.ts'
import {
  type AttemptRow,
  attemptOf,
  type DeliveryRow,
  deliveryOf,
  type EventRow,
  eventSummaryOf,
  type PlanRow,
  planOf,
} from '../../sql/rows.ts'
import type { ConversationRecord, DeliveryRecord, EventRecord } from '../../store.ts'
import type { Database, Value } from '../database.ts'
import { enrichmentRecord } from '../enrichments.ts'
import { conversationRecord, nextConversationRecord } from '../queue/conversation.ts'
import { SELECT_DELIVERY } from '../select-delivery.ts'

/** `History.event`, inside a transaction. */
export function eventRecord(database: Database, id: string): EventRecord | null {
  const row = database.prepare<EventRow>('SELECT * FROM events WHERE id = ?').get(id)
  if (row === undefined) return null
  const deliveries = Map.groupBy(recordsOf(database, 'deliveries.event = ?', [row.seq]), ({ plan }) => plan)
  const plans = database
    .prepare<PlanRow>('SELECT * FROM plans WHERE event = ? ORDER BY number')
    .all(row.seq)
    .map((plan) => planOf(plan, deliveries.get(plan.number) ?? []))
  const enrichment = enrichmentRecord(database, row)
  const isWaiting = (enrichment?.waiting ?? null) !== null
  const { counts: _counts, ...summary } = eventSummaryOf(row, {}, isWaiting)
  const { sent_at: sentAt, secret_index: secretIndex, body, takes_up: releasedFrom } = row
  const enriched = enrichedOf(row.enriched)
  return { ...summary, sentAt, secretIndex, body, enriched, enrichment, releasedFrom, plans }
}

/** `History.delivery`, inside a transaction. */
export function deliveryRecord(database: Database, id: string): DeliveryRecord | null {
  return recordsOf(database, 'deliveries.id = ?', [id])[0] ?? null
}

/** `History.conversation`, inside a transaction. */
export function conversationFor(
  database: Database,
  eventId: string,
  stage: Stage,
  conversation: string,
): ConversationRecord {
  const event = database.prepare<{ seq: number }>('SELECT seq FROM events WHERE id = ?').get(eventId)
  const record = event && conversationRecord(database, conversation, event.seq)
  return record ?? nextConversationRecord(database, conversation, stage)
}

/** Deliveries with their attempts, in the order in which they were created. */
function recordsOf(
  database: Database,
  condition: string,
  values: readonly Value[],
): readonly DeliveryRecord[] {
  const rows = database
    .prepare<DeliveryRow>(`${SELECT_DELIVERY} WHERE ${condition} ORDER BY deliveries.seq`)
    .all(...values)
  const attempts = database.prepare<AttemptRow>('SELECT * FROM attempts WHERE delivery = ? ORDER BY number')
  return rows.map((row) => ({
    ...deliveryOf(row),
    history: attempts.all(row.seq).map((attempt) => attemptOf(attempt, row.id)),
  }))
}
