/** Single events and deliveries, with everything that happened to them. */
import { enrichedOf } from '../../../core/event.ts'
import type { Stage } from '../../../core/lifecycle/lifecycle.ts'
import { enrichmentRecordOf, type WaitingRow } from '../../sql/enrichments.ts'
import {
  type AttemptRow,
  attemptOf,
  type DeliveryRow,
  deliveryOf,
  EVENT_COLUMNS,
  type EventRow,
  eventSummaryOf,
  type PlanRow,
  planOf,
} from '../../sql/rows.ts'
import type { ConversationRecord, DeliveryRecord, EventRecord } from '../../store.ts'
import type { Session, Value } from '../connection/session.ts'
import { SELECT_DELIVERY } from '../select-delivery.ts'
import { conversationRecord, nextConversationRecord } from './conversation.ts'

const EVENT = `seq, ${EVENT_COLUMNS}, unrouted, problem, takes_up, taken_up_by, enrichment`
const PLAN = 'number, at, cause, fingerprint, unrouted, routes'
const ATTEMPT = 'delivery, number, started_at, duration_ms, outcome, notes, step'

/** `History.event`. */
export async function eventRecord(session: Session, id: string): Promise<EventRecord | null> {
  const [row] = await session.query<EventRow>(`SELECT ${EVENT} FROM events WHERE id = $1`, [id])
  if (row === undefined) return null
  const records = await recordsOf(session, 'deliveries.event = $1', [row.seq])
  const deliveries = Map.groupBy(records, ({ plan }) => plan)
  const plans = await session.query<PlanRow>(`SELECT ${PLAN} FROM plans WHERE event = $1 ORDER BY number`, [
    row.seq,
  ])
  const [waiting] = await session.query<WaitingRow>(
    'SELECT event, cause, due_at, current FROM enrichments WHERE event = $1',
    [row.seq],
  )
  const { counts: _counts, ...summary } = eventSummaryOf(row, {}, waiting !== undefined)
  return {
    ...summary,
    sentAt: row.sent_at,
    secretIndex: row.secret_index,
    body: row.body,
    enriched: enrichedOf(row.enriched),
    enrichment: enrichmentRecordOf(row.enrichment, waiting),
    releasedFrom: row.takes_up,
    plans: plans.map((plan) => planOf(plan, deliveries.get(plan.number) ?? [])),
  }
}

/** `History.delivery`. */
export async function deliveryRecord(session: Session, id: string): Promise<DeliveryRecord | null> {
  const [record] = await recordsOf(session, 'deliveries.id = $1', [id])
  return record ?? null
}

/** `History.conversation`. */
export async function conversationFor(
  session: Session,
  eventId: string,
  stage: Stage,
  conversation: string,
): Promise<ConversationRecord> {
  const [event] = await session.query<{ seq: number }>('SELECT seq FROM events WHERE id = $1', [eventId])
  const record = event && (await conversationRecord(session, conversation, event.seq))
  return record ?? nextConversationRecord(session, conversation, stage)
}

/** Deliveries with their attempts, in the order in which they were made. */
async function recordsOf(
  session: Session,
  condition: string,
  values: readonly Value[],
): Promise<readonly DeliveryRecord[]> {
  const rows = await session.query<DeliveryRow>(
    `${SELECT_DELIVERY} WHERE ${condition} ORDER BY deliveries.seq`,
    values,
  )
  const attempts = await session.query<AttemptRow>(
    `SELECT ${ATTEMPT} FROM attempts WHERE delivery = ANY($1::bigint[]) ORDER BY delivery, number`,
    [rows.map(({ seq }) => seq)],
  )
  const ofDelivery = Map.groupBy(attempts, ({ delivery }) => delivery)
  return rows.map((row) => ({
    ...deliveryOf(row),
    history: (ofDelivery.get(row.seq) ?? []).map((attempt) => attemptOf(attempt, row.id)),
  }))
}
