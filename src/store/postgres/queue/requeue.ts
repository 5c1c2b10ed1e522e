/** Changes of single deliveries: what a person asks for, and what their holder does beside completing them. */
import { type Delivery, type State, unresolvedStates } from '../../../core/delivery/delivery.ts'
import { quoted } from '../../sql/rows.ts'
import { notRequeued, requeued } from '../../sql/states.ts'
import type { NewDelivery, Requeue } from '../../store.ts'
import type { Session } from '../connection/session.ts'
import type { KnownRows } from '../known-rows.ts'
import { conversationLock, LOCK_EVENTS, lock } from '../locks.ts'
import { conversationsOf, insertDeliveries, isBehind, letPass, releaseNext } from './insert-deliveries.ts'

type RequeuedRow = {
  readonly seq: number
  readonly id: string
  readonly event: number
  readonly plan: number
  readonly state: State
  readonly attempts: number
  readonly conversation: string | null
}

/** Locks deliveries, in their order, with their events and conversations. */
async function lockDeliveries(
  session: Session,
  ids: readonly string[],
  added: readonly NewDelivery[] = [],
): Promise<readonly RequeuedRow[]> {
  session.send(LOCK_EVENTS, [ids])
  const conversations = await session.query<{ conversation: string | null }>(
    'SELECT conversation FROM deliveries WHERE id = ANY($1::text[])',
    [ids],
  )
  lock(session, conversationsOf([...conversations, ...added]).map(conversationLock))
  return session.query<RequeuedRow>(
    `SELECT seq, id, event, plan, state, attempts, conversation FROM deliveries
     WHERE id = ANY($1::text[]) ORDER BY seq FOR UPDATE`,
    [ids],
  )
}

const leftAlone: ReadonlySet<State> = new Set(notRequeued)

/** `Queue.requeue`, inside a transaction. The earliest of a conversation is the one to be sent first. */
export async function requeue(
  session: Session,
  known: KnownRows,
  requests: readonly Requeue[],
  now: number,
): Promise<readonly string[]> {
  const added = requests.flatMap(({ instead }) => instead ?? [])
  const rows = await lockDeliveries(
    session,
    requests.map(({ deliveryId }) => deliveryId),
    added,
  )
  const ofDelivery = new Map(requests.map((request) => [request.deliveryId, request]))
  const changed = new Set<string>()
  for (const row of rows) {
    const request = ofDelivery.get(row.id)
    if (request === undefined || leftAlone.has(row.state) || hasChanged(row, request)) continue
    const { instead } = request
    if (instead !== undefined) await replace(session, known, row, instead, now)
    else if (!(await makeDue(session, row, now))) continue
    changed.add(row.id)
  }
  return [...ofDelivery.keys()].filter((id) => changed.has(id))
}

function hasChanged({ state, attempts }: RequeuedRow, { seen }: Requeue): boolean {
  return seen !== undefined && (seen.state !== state || seen.attempts !== attempts)
}

async function replace(
  session: Session,
  known: KnownRows,
  row: RequeuedRow,
  instead: NewDelivery,
  now: number,
): Promise<void> {
  const reason = `sent to ${instead.destination.target} instead, as ${instead.id}`
  // A delivered message stays delivered.
  if (row.state !== 'delivered') {
    await session.query(
      "UPDATE deliveries SET state = 'cancelled', reason = $1, due_at = NULL WHERE seq = $2",
      [reason, row.seq],
    )
  }
  await insertDeliveries(session, known, [{ event: row.event, number: row.plan, at: now, delivery: instead }])
  await releaseNext(session, conversationsOf([row]), now)
}

/** False where it is due already, or waits for its turn in its conversation alone. */
async function makeDue(session: Session, { seq, conversation }: RequeuedRow, now: number): Promise<boolean> {
  // It may have changed with one before it.
  const [found] = await session.query<{ state: State; held_until: number | null }>(
    'SELECT state, held_until FROM deliveries WHERE seq = $1',
    [seq],
  )
  if (found === undefined || found.state === 'pending') return false
  if (conversation !== null) letPass(session, conversation, now)
  const waits = conversation !== null && (await isBehind(session, conversation, seq))
  if (waits && found.state === 'held' && (found.held_until ?? 0) <= now) return false
  const { state, reason, dueAt } = requeued(waits, now)
  await session.query(
    `UPDATE deliveries SET state = $1, reason = $2, due_at = $3, held_until = NULL, retrying_since = $4,
       ambiguous_attempts = 0, replaced_by = NULL WHERE seq = $5`,
    [state, reason, dueAt, now, seq],
  )
  return true
}

/** `Queue.dismiss`, inside a transaction. */
export async function dismiss(
  session: Session,
  ids: readonly string[],
  reason: string,
  now: number,
): Promise<readonly string[]> {
  await lockDeliveries(session, ids)
  const rows = await session.query<{ id: string }>(
    `UPDATE deliveries SET state = 'dismissed', reason = $2, dismissed_at = $3
     WHERE id = ANY($1::text[]) AND state IN (${quoted(unresolvedStates)}) RETURNING id`,
    [ids, reason, now],
  )
  const closed = new Set(rows.map(({ id }) => id))
  return ids.filter((id) => closed.delete(id))
}

interface Skip {
  readonly reason: string
  readonly now: number
  /** An earlier try may have been committed. */
  readonly isUnknown: boolean
}

/** `Queue.skip`, inside a transaction. */
export async function skip(
  session: Session,
  { id, attempts }: Pick<Delivery, 'id' | 'attempts'>,
  { reason, now, isUnknown }: Skip,
): Promise<boolean> {
  const [row] = await lockDeliveries(session, [id])
  if (isUnknown && row?.state === 'skipped' && row.attempts === attempts) return true
  if (row?.state !== 'sending' || row.attempts !== attempts) return false
  await session.query(
    `UPDATE deliveries SET state = 'skipped', reason = $1, due_at = NULL, leased_at = NULL, holder = NULL, instance = NULL
     WHERE seq = $2`,
    [reason, row.seq],
  )
  await releaseNext(session, conversationsOf([row]), now)
  return true
}

/** `Queue.renew`: one statement. */
export const RENEW = `UPDATE deliveries SET due_at = $3
  WHERE id = ANY($2::text[]) AND state = 'sending' AND holder = $1`
