import { finalStates, unresolvedStates } from '../../core/delivery/delivery.ts'
import type { Purged, PurgeRequest, QuarantinedRequest } from '../store.ts'
import type { Database } from './database.ts'
import { IS_OF_KIND, type Kind, kindsOf } from './history/kinds.ts'
import type { Position } from './history/pages.ts'
import { EVENT_COLUMNS, type EventRow, quoted } from './rows.ts'

type OldEvent = {
  readonly seq: number
  readonly received_at: number
  /** It has unfinished deliveries, or was replayed or resent recently. */
  readonly open: number
  readonly unresolved: number
}

/** `Upkeep.purge`, inside a transaction. Plans, deliveries and attempts go with their event. */
export function purge(database: Database, request: PurgeRequest): Purged {
  const cursor = request.after === null ? null : cursorFrom(request.after)
  const kinds = kindsOf(database)
  // The kind at which the last step stopped may have no events left: then it begins again.
  const first =
    cursor === null
      ? 0
      : Math.max(
          kinds.findIndex((kind) => isSame(kind, cursor)),
          0,
        )
  let position = cursor !== null && isSame(kinds[first], cursor) ? cursor : BEGINNING
  let left = request.limit
  const purged = { events: 0, unresolved: 0 }
  for (const kind of kinds.slice(first)) {
    const old = oldEvents(database, kind, position, request.before, left)
    for (const event of old.filter((event) => mayGo(event, request))) {
      database.prepare('DELETE FROM events WHERE seq = ?').run(event.seq)
      purged.events += 1
      purged.unresolved += event.unresolved
    }
    left -= old.length
    const last = old.at(-1)
    if (left === 0 && last !== undefined) {
      return { ...purged, next: cursorText({ ...kind, time: last.received_at, seq: last.seq }) }
    }
    position = BEGINNING
  }
  return { ...purged, next: null }
}

/** Where a step ended: a kind, and the last of its events that was looked at. */
interface Cursor extends Kind, Position {}

type Parts = readonly [Kind['source'], Kind['type'], Kind['unrouted'], number, number]

const BEGINNING: Position = { time: 0, seq: 0 }

function cursorText({ source, type, unrouted, time, seq }: Cursor): string {
  return JSON.stringify([source, type, unrouted, time, seq])
}

function cursorFrom(text: string): Cursor {
  const [source, type, unrouted, time, seq]: Parts = JSON.parse(text)
  return { source, type, unrouted, time, seq }
}

function isSame(one: Kind | undefined, other: Kind): boolean {
  return one?.source === other.source && one.type === other.type && one.unrouted === other.unrouted
}

function mayGo(event: OldEvent, { unresolvedBefore }: PurgeRequest): boolean {
  if (event.open === 1) return false
  return event.unresolved === 0 || event.received_at < unresolvedBefore
}

function oldEvents(
  database: Database,
  { source, type, unrouted }: Kind,
  after: Position,
  before: number,
  limit: number,
): readonly OldEvent[] {
  return database
    .prepare<OldEvent>(
      `SELECT seq, received_at,
         EXISTS (SELECT 1 FROM plans WHERE event = events.seq AND at >= ?1)
           OR EXISTS (SELECT 1 FROM deliveries
             WHERE event = events.seq AND (state NOT IN (${quoted(finalStates)}) OR retrying_since >= ?1
               OR dismissed_at >= ?1))
           OR EXISTS (SELECT 1 FROM enrichments WHERE event = events.seq)
           OR EXISTS (SELECT 1 FROM events AS later WHERE later.id = events.taken_up_by) AS open,
         (type IS NULL AND taken_up_by IS NULL) OR EXISTS (
           SELECT 1 FROM deliveries WHERE event = events.seq AND state IN (${quoted(unresolvedStates)})) AS unresolved
       FROM events
       WHERE ${IS_OF_KIND} AND (received_at, seq) > (?, ?) AND received_at < ?1
       ORDER BY received_at, seq LIMIT ? + 0`,
    )
    .all(before, source, type, unrouted, after.time, after.seq, limit)
}

/** `Upkeep.quarantined`, inside a transaction. */
export function quarantined(database: Database, after: string, limit: number): readonly QuarantinedRequest[] {
  return database
    .prepare<EventRow>(
      `SELECT ${EVENT_COLUMNS}, problem FROM events
       WHERE type IS NULL AND taken_up_by IS NULL AND id > ? ORDER BY id LIMIT ? + 0`,
    )
    .all(after, limit)
    .map((row) => ({
      id: row.id,
      messageId: row.message_id,
      source: row.source,
      receivedAt: row.received_at,
      sentAt: row.sent_at,
      secretIndex: row.secret_index,
      body: row.body,
      problem: row.problem ?? '',
    }))
}
