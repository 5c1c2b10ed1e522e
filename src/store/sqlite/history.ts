import type { DeliveryFilter, DeliveryRecord, EventFilter, EventRecord } from '../store.ts'
import type { Database, Value } from './database.ts'
import {
  type AttemptRow,
  attemptOf,
  type DeliveryRow,
  deliveryOf,
  type EventRow,
  eventRecordOf,
  parseDeliveryId,
} from './rows.ts'

type RowWithEventId = DeliveryRow & { readonly event_id: string }

const DELIVERIES =
  'SELECT deliveries.*, events.id AS event_id FROM deliveries JOIN events ON events.seq = event'

/** `Store.events`, inside a transaction. */
export function events(database: Database, filter: EventFilter): readonly EventRecord[] {
  const where = new Conditions()
  if (filter.id !== undefined) where.add('(id = ? OR message_id = ?)', filter.id, filter.id)
  if (filter.type !== undefined) where.add('type = ?', filter.type)
  if (filter.source !== undefined) where.add('source = ?', filter.source)
  if (filter.kind === 'quarantined') where.add('type IS NULL')
  else if (filter.kind !== undefined) where.add('unrouted = ?', filter.kind === 'unrouted' ? 1 : 0)
  if (filter.since !== undefined) where.add('received_at >= ?', filter.since)
  if (filter.until !== undefined) where.add('received_at <= ?', filter.until)
  const rows = database
    .prepare<EventRow>(`SELECT * FROM events ${where} ORDER BY received_at DESC, seq DESC LIMIT ?`)
    .all(...where.values, filter.limit)

  const owed = database
    .prepare<RowWithEventId>(
      `${DELIVERIES} WHERE event IN (SELECT value FROM json_each(?)) ORDER BY event, number`,
    )
    .all(JSON.stringify(rows.map((row) => row.seq)))
  const ofEvent = Map.groupBy(withHistory(database, owed), (delivery) => delivery.eventId)
  return rows.map((row) => eventRecordOf(row, ofEvent.get(row.id) ?? []))
}

/** `Store.deliveries`, inside a transaction. */
export function deliveries(database: Database, filter: DeliveryFilter): readonly DeliveryRecord[] {
  const where = new Conditions()
  if (filter.ids !== undefined) {
    const ids = filter.ids.map(parseDeliveryId).filter((id) => id !== undefined)
    where.add(
      `(events.id, number) IN (SELECT value ->> 'eventId', value ->> 'number' FROM json_each(?))`,
      JSON.stringify(ids),
    )
  }
  if (filter.states !== undefined) {
    where.add('state IN (SELECT value FROM json_each(?))', JSON.stringify(filter.states))
  }
  if (filter.receiver !== undefined) where.add('receiver = ?', filter.receiver)
  if (filter.channel !== undefined) where.add('channel = ?', filter.channel)
  if (filter.since !== undefined) where.add('created_at >= ?', filter.since)
  const rows = database
    .prepare<RowWithEventId>(`${DELIVERIES} ${where} ORDER BY deliveries.seq DESC LIMIT ?`)
    .all(...where.values, filter.limit)
  return withHistory(database, rows)
}

function withHistory(database: Database, rows: readonly RowWithEventId[]): DeliveryRecord[] {
  const attempts = database
    .prepare<AttemptRow>(
      'SELECT * FROM attempts WHERE delivery IN (SELECT value FROM json_each(?)) ORDER BY delivery, number',
    )
    .all(JSON.stringify(rows.map((row) => row.seq)))
  const ofDelivery = Map.groupBy(attempts, (attempt) => attempt.delivery)
  return rows.map((row) => {
    const delivery = deliveryOf(row, row.event_id)
    const history = (ofDelivery.get(row.seq) ?? []).map((attempt) => attemptOf(attempt, delivery.id))
    return { ...delivery, history }
  })
}

class Conditions {
  readonly values: Value[] = []
  readonly #conditions: string[] = []

  add(condition: string, ...values: readonly Value[]): void {
    this.#conditions.push(condition)
    this.values.push(...values)
  }

  toString(): string {
    return this.#conditions.length === 0 ? '' : `WHERE ${this.#conditions.join(' AND ')}`
  }
}
