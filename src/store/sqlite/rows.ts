/** How rows become what the contract speaks of. */
import type { Delivery, Outcome, State } from '../../core/delivery.ts'
import { eventOf as asEvent, type Event } from '../../core/event.ts'
import type { Attempt, DeliveryRecord, EventRecord } from '../store.ts'

export type EventRow = {
  readonly seq: number
  readonly id: string
  readonly message_id: string
  readonly source: string
  readonly type: string | null
  readonly received_at: number
  readonly sent_at: number
  readonly secret_index: number
  readonly unrouted: number | null
  readonly routes: string | null
  readonly problem: string | null
  readonly body: Uint8Array
}

export type DeliveryRow = {
  readonly seq: number
  readonly event: number
  readonly number: number
  readonly route: string
  readonly receiver: string
  readonly channel: string
  readonly target: string
  readonly lane: string
  readonly template: string | null
  readonly state: State
  readonly reason: string | null
  readonly due_at: number | null
  readonly leased_at: number | null
  readonly attempts: number
  readonly created_at: number
  readonly owed_since: number
}

export type AttemptRow = {
  readonly delivery: number
  readonly number: number
  readonly started_at: number
  readonly took: number
  readonly outcome: string
  readonly notes: string | null
}

/** What `eventOf` needs of a row. */
export const EVENT_COLUMNS = 'id, message_id, source, type, received_at, sent_at, secret_index, body'

/** The event of a row that is known to be one; throws for a quarantined request. */
export function eventOf(row: Omit<EventRow, 'seq' | 'unrouted' | 'routes' | 'problem'> | undefined): Event {
  const event = row === undefined ? null : asEvent({ ...originOf(row), type: row.type, body: row.body })
  if (event === null) throw new Error('a delivery belongs to no event')
  return event
}

function originOf(
  row: Pick<EventRow, 'id' | 'message_id' | 'source' | 'received_at' | 'sent_at' | 'secret_index'>,
) {
  return {
    id: row.id,
    messageId: row.message_id,
    source: row.source,
    receivedAt: row.received_at,
    sentAt: row.sent_at,
    secretIndex: row.secret_index,
  }
}

export function eventRecordOf(row: EventRow, deliveries: readonly DeliveryRecord[]): EventRecord {
  return {
    ...originOf(row),
    type: row.type,
    body: row.body,
    routing: row.routes === null ? null : { routes: JSON.parse(row.routes), unrouted: row.unrouted === 1 },
    problem: row.problem,
    deliveries,
  }
}

function deliveryId(eventId: string, number: number): string {
  return `${eventId}-${number}`
}

/** The parts of a delivery's id; undefined for what cannot be one. */
export function parseDeliveryId(
  id: string,
): { readonly eventId: string; readonly number: number } | undefined {
  const found = /^(.+)-([1-9]\d{0,8})$/s.exec(id)
  return found?.[1] === undefined ? undefined : { eventId: found[1], number: Number(found[2]) }
}

export function deliveryOf(row: DeliveryRow, eventId: string): Delivery {
  return {
    id: deliveryId(eventId, row.number),
    eventId,
    route: row.route,
    receiver: row.receiver,
    destination: { channel: row.channel, target: row.target, rateKey: row.lane },
    template: row.template,
    state: row.state,
    reason: row.reason,
    dueAt: row.due_at,
    attempts: row.attempts,
    createdAt: row.created_at,
    owedSince: row.owed_since,
  }
}

export function attemptOf(row: AttemptRow, delivery: string): Attempt {
  const outcome: Outcome = JSON.parse(row.outcome)
  const notes: readonly string[] = row.notes === null ? [] : JSON.parse(row.notes)
  return {
    deliveryId: delivery,
    number: row.number,
    startedAt: row.started_at,
    took: row.took,
    outcome,
    notes,
  }
}
