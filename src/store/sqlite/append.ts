import type { Event } from '../../core/event.ts'
import { storedEnriched } from '../sql/enrichments.ts'
import { quoted } from '../sql/rows.ts'
import { replaceableStates, replacedBy } from '../sql/states.ts'
import type { AddedPlan, Appended, Arrival, NewPlan, QuarantinedRequest } from '../store.ts'
import type { Database, Value } from './database.ts'
import { dropEnrichment, insertEnrichment } from './enrichments.ts'
import { insertPlan, kindIdOf, withKind } from './plans.ts'
import { releaseNext } from './queue/insert-delivery.ts'

type EventArrival = Extract<Arrival, { kind: 'event' }>

/** `Inbox.append`, inside a transaction. */
export function append(database: Database, arrival: Arrival): Appended {
  return arrival.kind === 'event'
    ? appendEvent(database, arrival)
    : appendQuarantined(database, arrival.request, arrival.dedupeFor)
}

function appendEvent(
  database: Database,
  { event, body, plan, dedupeFor, releasedFrom }: EventArrival,
): Appended {
  const first = firstOfMessage(database, event, dedupeFor)
  const released = releasedFrom ?? first?.id ?? null
  const earlier = first?.quarantined === false ? first.id : releasedAs(database, releasedFrom)
  if (earlier !== null) {
    // The quarantined request belongs to the event that exists already.
    if (releasedFrom !== undefined) markReleased(database, releasedFrom, earlier)
    return { kind: 'duplicate', id: earlier, quarantined: false }
  }
  const { type, subject } = event
  const unrouted = plan?.unrouted === true ? 1 : 0
  const enriched = storedEnriched(event.enriched)
  const seq = insertEvent(database, event, type, subject, unrouted, null, released, body, enriched)
  const kind = kindIdOf(database, event.source, type)
  if (released !== null) markReleased(database, released, event.id)
  if (plan !== null) insertPlan(database, { seq, kind }, 1, plan)
  else
    insertEnrichment(database, seq, releasedFrom === undefined ? 'received' : 'quarantine', event.receivedAt)
  return { kind: 'stored', id: event.id }
}

function releasedAs(database: Database, quarantined: string | undefined): string | null {
  if (quarantined === undefined) return null
  const find = database.prepare<{ taken_up_by: string | null }>('SELECT taken_up_by FROM events WHERE id = ?')
  return find.get(quarantined)?.taken_up_by ?? null
}

function markReleased(database: Database, quarantined: string, by: string): void {
  database
    .prepare('UPDATE events SET taken_up_by = ? WHERE id = ? AND type IS NULL AND taken_up_by IS NULL')
    .run(by, quarantined)
}

function appendQuarantined(database: Database, request: QuarantinedRequest, dedupeFor: number): Appended {
  const first = firstOfMessage(database, request, dedupeFor)
  if (first !== undefined) return { kind: 'duplicate', ...first }
  insertEvent(database, request, null, null, null, request.problem, null, request.body, null)
  return { kind: 'stored', id: request.id }
}

/** `Inbox.addPlan`, inside a transaction. */
export function addPlan(
  database: Database,
  eventId: string,
  plan: NewPlan,
  replaces: readonly string[] | null,
): AddedPlan | null {
  const event = database
    .prepare<{ seq: number; last: number | null }>(
      `SELECT seq, (SELECT max(number) FROM plans WHERE event = events.seq) AS last
       FROM events WHERE id = ? AND type IS NOT NULL`,
    )
    .get(eventId)
  if (event === undefined) return null
  const number = (event.last ?? 0) + 1
  const replaced = replaceEarlier(database, event.seq, number, replaces)
  dropEnrichment(database, event.seq)
  insertPlan(database, withKind(database, event.seq), number, plan)
  database.prepare('UPDATE events SET unrouted = ? WHERE seq = ?').run(plan.unrouted ? 1 : 0, event.seq)
  for (const { rate, conversation } of replaced) {
    database.schedule.changed(rate)
    if (conversation !== null) releaseNext(database, conversation, plan.at)
  }
  return { number, cancelled: replaced.map(({ id }) => id) }
}

const REPLACEABLE = quoted(replaceableStates)

type Replaced = { readonly id: string; readonly rate: number; readonly conversation: string | null }

/** Cancels deliveries that are not delivered. One that is being sent is cancelled when its attempt ends, unless it was delivered. */
function replaceEarlier(
  database: Database,
  event: number,
  number: number,
  replaces: readonly string[] | null,
): Replaced[] {
  const receivers = replaces === null ? null : JSON.stringify(replaces)
  const ofReceivers = '(?1 IS NULL OR receiver IN (SELECT value FROM json_each(?1)))'
  database
    .prepare(
      `UPDATE deliveries SET replaced_by = ?2 WHERE event = ?3 AND state = 'sending' AND ${ofReceivers}`,
    )
    .run(receivers, number, event)
  return database
    .prepare<Replaced>(
      `UPDATE deliveries SET state = 'cancelled', reason = ?2, due_at = NULL
       WHERE event = ?3 AND state IN (${REPLACEABLE}) AND ${ofReceivers} RETURNING id, rate, conversation`,
    )
    .all(receivers, replacedBy(number), event)
}

type Origin = Pick<Event, 'id' | 'messageId' | 'source' | 'receivedAt' | 'sentAt' | 'secretIndex'>

/** The first event of a message; if there is none, its first quarantined request without an event. */
function firstOfMessage(
  database: Database,
  origin: Origin,
  dedupeFor: number,
): { readonly id: string; readonly quarantined: boolean } | undefined {
  const message = [origin.messageId, origin.source, origin.receivedAt - dedupeFor] as const
  const ofMessage = 'FROM events WHERE message_id = ? AND source = ? AND received_at > ?'
  // Duplicates are rare, so this reads only the index.
  if (database.prepare(`SELECT 1 AS found ${ofMessage} LIMIT 1`).get(...message) === undefined)
    return undefined
  const found = database
    .prepare<{ id: string; quarantined: number }>(
      `SELECT id, type IS NULL AS quarantined ${ofMessage} ORDER BY quarantined, received_at, seq LIMIT 1`,
    )
    .get(...message)
  return found && { id: found.id, quarantined: found.quarantined === 1 }
}

function insertEvent(database: Database, origin: Origin, ...rest: readonly Value[]): number {
  const inserted = database
    .prepare(
      `INSERT INTO events
         (id, message_id, source, received_at, sent_at, secret_index, type, subject, unrouted, problem, takes_up, body,
          enriched)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
