import { quoted } from '../sql/rows.ts'
import { replaceableStates, replacedBy } from '../sql/states.ts'
import type { AddedPlan, NewPlan } from '../store.ts'
import type { Session } from './connection/session.ts'
import { dropEnrichment } from './enrichments.ts'
import type { KnownRows } from './known-rows.ts'
import { conversationLock, lock } from './locks.ts'
import { insertPlans, locksOfPlan } from './plans.ts'
import { conversationsOf, releaseNext } from './queue/insert-deliveries.ts'

/** `Inbox.addPlan`, inside a transaction. */
export async function addPlan(
  session: Session,
  known: KnownRows,
  eventId: string,
  plan: NewPlan,
  replaces: readonly string[] | null,
): Promise<AddedPlan | null> {
  // First, so that plans of one event are added one after the other.
  const [event] = await session.query<{ seq: number }>(
    'SELECT seq FROM events WHERE id = $1 AND type IS NOT NULL FOR NO KEY UPDATE',
    [eventId],
  )
  if (event === undefined) return null
  const { seq } = event
  const before = await session.query<{ conversation: string | null }>(
    'SELECT DISTINCT conversation FROM deliveries WHERE event = $1',
    [seq],
  )
  lock(session, [...conversationsOf(before).map(conversationLock), ...locksOfPlan(plan)])
  const [last] = await session.query<{ number: number | null }>(
    'SELECT max(number) AS number FROM plans WHERE event = $1',
    [seq],
  )
  const number = (last?.number ?? 0) + 1
  const replaced = await replaceEarlier(session, seq, number, replaces)
  await dropEnrichment(session, seq)
  await insertPlans(session, known, [{ event: seq, number, plan }])
  await session.query('UPDATE events SET unrouted = $1 WHERE seq = $2', [plan.unrouted ? 1 : 0, seq])
  await releaseNext(session, conversationsOf(replaced), plan.at)
  return { number, cancelled: replaced.map(({ id }) => id) }
}

type Replaced = { readonly seq: number; readonly id: string; readonly conversation: string | null }

/** Cancels what is not delivered. What is being sent is cancelled when its attempt ends, unless it was delivered. */
async function replaceEarlier(
  session: Session,
  event: number,
  number: number,
  replaces: readonly string[] | null,
): Promise<readonly Replaced[]> {
  const ofReceivers = '($1::text[] IS NULL OR receiver = ANY($1::text[]))'
  await session.query(`SELECT seq FROM deliveries WHERE event = $1 ORDER BY seq FOR UPDATE`, [event])
  await session.query(
    `UPDATE deliveries SET replaced_by = $2 WHERE event = $3 AND state = 'sending' AND ${ofReceivers}`,
    [replaces, number, event],
  )
  const rows = await session.query<Replaced>(
    `UPDATE deliveries SET state = 'cancelled', reason = $2, due_at = NULL
     WHERE event = $3 AND state IN (${quoted(replaceableStates)}) AND ${ofReceivers}
     RETURNING seq, id, conversation`,
    [replaces, replacedBy(number), event],
  )
  return rows.toSorted((one, other) => one.seq - other.seq)
}
