import type { Event } from '../../core/event.ts'
import { skippedBecause } from '../../core/plan.ts'
import type { Appended, Entry, NewDelivery, QuarantinedRequest } from '../store.ts'
import type { Database, Value } from './database.ts'

type EventEntry = Extract<Entry, { kind: 'event' }>
type ReplayEntry = Extract<Entry, { kind: 'replay' }>

/** `Store.append`, inside a transaction. */
export function append(database: Database, entry: Entry): Appended {
  switch (entry.kind) {
    case 'event':
      return appendEvent(database, entry)
    case 'quarantine':
      return appendQuarantined(database, entry.request, entry.dedupeFor)
    case 'replay':
      return appendReplay(database, entry)
  }
}

function appendEvent(database: Database, entry: EventEntry): Appended {
  const { event, routing } = entry
  const first = firstOfMessage(database, event, entry.dedupeFor)
  if (first !== undefined) return { kind: 'duplicate', id: first }
  const routes = JSON.stringify(routing.routes)
  const seq = insertEvent(database, event, event.type, routing.unrouted ? 1 : 0, routes, null, entry.body)
  insertDeliveries(database, seq, 1, event.receivedAt, entry.deliveries)
  return { kind: 'stored', id: event.id }
}

function appendQuarantined(database: Database, request: QuarantinedRequest, dedupeFor: number): Appended {
  const first = firstOfMessage(database, request, dedupeFor)
  if (first !== undefined) return { kind: 'duplicate', id: first }
  insertEvent(database, request, null, null, null, request.problem, request.body)
  return { kind: 'stored', id: request.id }
}

function appendReplay(database: Database, { eventId, now, deliveries }: ReplayEntry): Appended {
  const event = database
    .prepare<{ seq: number; last: number }>(
      `SELECT seq, (SELECT coalesce(max(number), 0) FROM deliveries WHERE event = events.seq) AS last
       FROM events WHERE id = ? AND type IS NOT NULL`,
    )
    .get(eventId)
  if (event === undefined) return { kind: 'unknown' }
  insertDeliveries(database, event.seq, event.last + 1, now, deliveries)
  return { kind: 'stored', id: eventId }
}

type Origin = Pick<Event, 'id' | 'messageId' | 'source' | 'receivedAt' | 'sentAt' | 'secretIndex'>

function firstOfMessage(database: Database, origin: Origin, dedupeFor: number): string | undefined {
  return database
    .prepare<{ id: string }>(
      `SELECT id FROM events WHERE message_id = ? AND source = ? AND received_at > ?
       ORDER BY received_at, seq LIMIT 1`,
    )
    .get(origin.messageId, origin.source, origin.receivedAt - dedupeFor)?.id
}

function insertEvent(database: Database, origin: Origin, ...rest: readonly Value[]): number {
  const inserted = database
    .prepare(
      `INSERT INTO events (id, message_id, source, received_at, sent_at, secret_index, type, unrouted, routes, problem, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      origin.id,
      origin.messageId,
      origin.source,
      origin.receivedAt,
      origin.sentAt,
      origin.secretIndex,
      ...rest,
    )
  return Number(inserted.lastInsertRowid)
}

/** Numbers the deliveries of an event from `number` on. */
function insertDeliveries(
  database: Database,
  event: number,
  number: number,
  now: number,
  deliveries: readonly NewDelivery[],
): void {
  const insert = database.prepare(
    `INSERT INTO deliveries (event, number, route, receiver, channel, target, lane, template, state, reason, due_at,
       attempts, created_at, owed_since)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, iif(?9 IS NULL, 'pending', 'skipped'), ?9, iif(?9 IS NULL, ?10, NULL),
       0, ?10, ?10)`,
  )
  for (const [index, delivery] of deliveries.entries()) {
    const { route, receiver, destination, template } = delivery
    const { channel, target, rateKey } = destination
    const skipped = skippedBecause(delivery)
    insert.run(event, number + index, route, receiver, channel, target, rateKey, template, skipped, now)
  }
}
