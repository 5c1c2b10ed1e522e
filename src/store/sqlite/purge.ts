import { finalStates, unresolvedStates } from '../../core/delivery/delivery.ts'
import { cursorOf, numbersOf, type Position } from '../sql/pages.ts'
import { EVENT_COLUMNS, type EventRow, quarantinedOf, quoted } from '../sql/rows.ts'
import type { Purged, PurgeRequest, QuarantinedRequest } from '../store.ts'
import type { Database } from './database.ts'
import { IS_OF_KIND, kindsOf } from './history/kinds.ts'
import { merge, type Stream } from './history/merge.ts'

type OldEvent = {
  readonly seq: number
  readonly received_at: number
  /** It has unfinished deliveries, or was replayed or resent recently. */
  readonly open: number
  readonly unresolved: number
}

/**
 * `Upkeep.purge`, inside a transaction. Plans, deliveries and attempts are removed with their event. The oldest are removed first,
 * whatever their kind: their rows and those of their deliveries share pages, so that a step changes few pages however large the
 * file is.
 */
export function purge(database: Database, request: PurgeRequest): Purged {
  const { after, before, limit } = request
  const [time = 0, seq = 0] = after === null ? [] : numbersOf(after, 2)
  const old = firstOf(oldest(database, before, { time, seq }), limit)
  const statusOf = database.prepare<OldEvent>(STATUS)
  const remove = database.prepare('DELETE FROM events WHERE seq = ?')
  const gone = old
    .flatMap(({ seq }) => statusOf.get(before, seq) ?? [])
    .filter((event) => mayGo(event, request))
  for (const { seq } of gone) remove.run(seq)
  const last = old.at(-1)
  return {
    events: gone.length,
    unresolved: gone.filter(({ unresolved }) => unresolved === 1).length,
    next: old.length < limit || last === undefined ? null : cursorOf(last.time, last.seq),
  }
}

type Place = { readonly time: number; readonly seq: number }

/** Events received before a time, starting at a position. Each kind has its own range of the index, by time. */
function oldest(database: Database, before: number, after: Position): Iterable<Place> {
  const select = database.prepare<Place>(OLDEST_OF_KIND)
  const streams = kindsOf(database).map(
    ({ source, type, unrouted }): Stream<Place> =>
      ({ time, seq }, limit) =>
        select.all(source, type, unrouted, time, seq, before, limit),
  )
  return merge(streams, after, 'oldest first')
}

function firstOf<Item>(items: Iterable<Item>, limit: number): Item[] {
  const first: Item[] = []
  for (const item of items) {
    if (first.push(item) === limit) break
  }
  return first
}

function mayGo(event: OldEvent, { unresolvedBefore }: PurgeRequest): boolean {
  if (event.open === 1) return false
  return event.unresolved === 0 || event.received_at < unresolvedBefore
}

export const OLDEST_OF_KIND = `SELECT received_at AS time, seq FROM events
  WHERE ${IS_OF_KIND} AND (received_at, seq) > (?, ?) AND received_at < ? ORDER BY received_at, seq LIMIT ? + 0`

const STATUS = `SELECT seq, received_at,
    EXISTS (SELECT 1 FROM plans WHERE event = events.seq AND at >= ?1)
      OR EXISTS (SELECT 1 FROM deliveries
        WHERE event = events.seq AND (state NOT IN (${quoted(finalStates)}) OR retrying_since >= ?1
          OR dismissed_at >= ?1))
      OR EXISTS (SELECT 1 FROM enrichments WHERE event = events.seq)
      OR EXISTS (SELECT 1 FROM events AS later WHERE later.id = events.taken_up_by) AS open,
    (type IS NULL AND taken_up_by IS NULL) OR EXISTS (
      SELECT 1 FROM deliveries WHERE event = events.seq AND state IN (${quoted(unresolvedStates)})) AS unresolved
  FROM events WHERE seq = ?2`

/** `Upkeep.quarantined`, inside a transaction. */
export function quarantined(database: Database, after: string, limit: number): readonly QuarantinedRequest[] {
  return database
    .prepare<EventRow>(
      `SELECT ${EVENT_COLUMNS}, problem FROM events
       WHERE type IS NULL AND taken_up_by IS NULL AND id > ? ORDER BY id LIMIT ? + 0`,
    )
    .all(after, limit)
    .map(quarantinedOf)
}
