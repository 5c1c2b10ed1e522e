import { finalStates, unresolvedStates } from '../../core/delivery.ts'
import type { Purged, PurgeRequest, QuarantinedRequest } from '../store.ts'
import type { Database } from './database.ts'
import { cursorOf, numbersOf } from './history/pages.ts'
import { EVENT_COLUMNS, type EventRow, quoted } from './rows.ts'

type OldEvent = {
  readonly seq: number
  readonly received_at: number
  /** Something of it is still to be sent, or it was planned again or resent lately. */
  readonly open: number
  readonly unresolved: number
}

/** `Upkeep.purge`, inside a transaction. Plans, deliveries and attempts go with their event. */
export function purge(database: Database, request: PurgeRequest): Purged {
  const { before, unresolvedBefore, after, limit } = request
  const [time = 0, seq = 0] = after === null ? [] : numbersOf(after, 2)
  const old = database
    .prepare<OldEvent>(
      `SELECT seq, received_at,
         EXISTS (SELECT 1 FROM plans WHERE event = events.seq AND at >= ?1)
           OR EXISTS (SELECT 1 FROM deliveries
             WHERE event = events.seq AND (state NOT IN (${quoted(finalStates)}) OR retrying_since >= ?1
               OR dismissed_at >= ?1))
           OR EXISTS (SELECT 1 FROM events AS later WHERE later.id = events.taken_up_by) AS open,
         (type IS NULL AND taken_up_by IS NULL) OR EXISTS (
           SELECT 1 FROM deliveries WHERE event = events.seq AND state IN (${quoted(unresolvedStates)})) AS unresolved
       FROM events WHERE (received_at, seq) > (?2, ?3) AND received_at < ?1 ORDER BY received_at, seq LIMIT ?4 + 0`,
    )
    .all(before, time, seq, limit)
  const remove = database.prepare('DELETE FROM events WHERE seq = ?')
  let events = 0
  let unresolved = 0
  for (const event of old) {
    if (event.open === 1) continue
    if (event.unresolved === 1 && event.received_at >= unresolvedBefore) continue
    remove.run(event.seq)
    events += 1
    unresolved += event.unresolved
  }
  const last = old.at(-1)
  const isLast = old.length < limit || last === undefined
  return { events, unresolved, next: isLast ? null : cursorOf(last.received_at, last.seq) }
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
