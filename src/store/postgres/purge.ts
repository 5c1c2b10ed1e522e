import { finalStates, unresolvedStates } from '../../core/delivery/delivery.ts'
import { cursorOf, numbersOf } from '../sql/pages.ts'
import { EVENT_COLUMNS, type EventRow, quarantinedOf, quoted } from '../sql/rows.ts'
import type { Purged, PurgeRequest, QuarantinedRequest } from '../store.ts'
import { ADVISORY } from './connection/advisory.ts'
import type { Session } from './connection/session.ts'

type OldEvent = { readonly seq: number; readonly received_at: number }
type Status = {
  readonly seq: number
  readonly received_at: number
  /** It has unfinished deliveries, or was replayed or resent recently. */
  readonly open: boolean
  readonly unresolved: boolean
}

/** `Upkeep.purge`, inside a transaction; one instance at a time. Plans, deliveries and attempts go with their event. */
export async function purge(session: Session, request: PurgeRequest): Promise<Purged> {
  const [locked] = await session.query<{ free: boolean }>(
    'SELECT pg_try_advisory_xact_lock($1::integer, 0) AS free',
    [ADVISORY.purge],
  )
  if (locked?.free !== true) return { events: 0, unresolved: 0, next: null }
  const [time = 0, seq = 0] = request.after === null ? [] : numbersOf(request.after, 2)
  const old = await session.query<OldEvent>(
    `SELECT seq, received_at FROM events WHERE (received_at, seq) > ($1, $2) AND received_at < $3
     ORDER BY received_at, seq LIMIT $4`,
    [time, seq, request.before, request.limit],
  )
  const statuses = await statusesOf(session, old, request.before)
  const gone = statuses.filter(
    ({ open, unresolved, received_at }) => !open && (!unresolved || received_at < request.unresolvedBefore),
  )
  if (gone.length > 0)
    await session.query('DELETE FROM events WHERE seq = ANY($1::bigint[])', [gone.map(({ seq }) => seq)])
  const last = old.at(-1)
  const next = old.length < request.limit || last === undefined ? null : cursorOf(last.received_at, last.seq)
  return { events: gone.length, unresolved: gone.filter(({ unresolved }) => unresolved).length, next }
}

/** Locks the events, and then finds out what became of them. Those that somebody works on are left for later. */
async function statusesOf(
  session: Session,
  old: readonly OldEvent[],
  before: number,
): Promise<readonly Status[]> {
  if (old.length === 0) return []
  const locked = await session.query<{ seq: number }>(
    'SELECT seq FROM events WHERE seq = ANY($1::bigint[]) FOR UPDATE SKIP LOCKED',
    [old.map(({ seq }) => seq)],
  )
  return session.query<Status>(
    `SELECT seq, received_at,
       EXISTS (SELECT FROM plans WHERE event = events.seq AND at >= $2)
         OR EXISTS (SELECT FROM deliveries WHERE event = events.seq AND (state NOT IN (${quoted(finalStates)})
           OR retrying_since >= $2 OR dismissed_at >= $2))
         OR EXISTS (SELECT FROM enrichments WHERE event = events.seq)
         OR EXISTS (SELECT FROM events AS later WHERE later.id = events.taken_up_by) AS open,
       (type IS NULL AND taken_up_by IS NULL) OR EXISTS (SELECT FROM deliveries
         WHERE event = events.seq AND state IN (${quoted(unresolvedStates)})) AS unresolved
     FROM events WHERE seq = ANY($1::bigint[])`,
    [locked.map(({ seq }) => seq), before],
  )
}

/** `Upkeep.quarantined`, inside a transaction. */
export async function quarantined(
  session: Session,
  after: string,
  limit: number,
): Promise<readonly QuarantinedRequest[]> {
  const rows = await session.query<EventRow>(
    `SELECT ${EVENT_COLUMNS}, problem FROM events
     WHERE type IS NULL AND taken_up_by IS NULL AND id > $1 ORDER BY id LIMIT $2`,
    [after, limit],
  )
  return rows.map(quarantinedOf)
}
