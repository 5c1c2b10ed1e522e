/** Requests of a person: attempting deliveries again, or closing them. */
import { type State, unresolvedStates } from '../../../core/delivery/delivery.ts'
import { quoted } from '../../sql/rows.ts'
import { notRequeued, requeued } from '../../sql/states.ts'
import type { NewDelivery, Requeue } from '../../store.ts'
import type { Database } from '../database.ts'
import { insertDelivery, isBehind, letPass, releaseNext } from './insert-delivery.ts'

type Requeueable = {
  seq: number
  rate: number
  event: number
  kind: number
  plan: number
  state: State
  conversation: string | null
  held_until: number | null
}

const LEFT_ALONE = quoted(notRequeued)

/** `Queue.requeue`, inside a transaction. */
export function requeue(database: Database, requests: readonly Requeue[], now: number): readonly string[] {
  const find = database.prepare<Requeueable>(
    `SELECT seq, rate, event, kind, plan, state, conversation, held_until FROM deliveries
     WHERE id = ?1 AND state NOT IN (${LEFT_ALONE}) AND (?2 IS NULL OR (state = ?2 AND attempts = ?3))`,
  )
  // The earliest delivery of a conversation is sent first.
  const seqOf = database.prepare<{ seq: number }>('SELECT seq FROM deliveries WHERE id = ?')
  const inOrder = requests
    .map((request) => ({ request, seq: seqOf.get(request.deliveryId)?.seq ?? 0 }))
    .sort((one, other) => one.seq - other.seq)
  const changed = new Set<Requeue>()
  for (const { request } of inOrder) {
    const { deliveryId, seen, instead } = request
    const found = find.get(deliveryId, seen?.state ?? null, seen?.attempts ?? null)
    if (found === undefined) continue
    if (instead !== undefined) replace(database, found, instead, now)
    else if (!makeDue(database, found, now)) continue
    database.schedule.changed(found.rate)
    changed.add(request)
  }
  return requests.filter((request) => changed.has(request)).map(({ deliveryId }) => deliveryId)
}

function replace(database: Database, found: Requeueable, instead: NewDelivery, now: number): void {
  const reason = `sent to ${instead.destination.target} instead, as ${instead.id}`
  // A delivered message stays delivered.
  if (found.state !== 'delivered') {
    database
      .prepare("UPDATE deliveries SET state = 'cancelled', reason = ?, due_at = NULL WHERE seq = ?")
      .run(reason, found.seq)
  }
  insertDelivery(database, { event: found.event, kind: found.kind, number: found.plan, at: now }, instead)
  if (found.conversation !== null) releaseNext(database, found.conversation, now)
}

/** False if it is already due, or waits for its turn in its conversation alone. */
function makeDue(
  database: Database,
  { seq, state, conversation, held_until }: Requeueable,
  now: number,
): boolean {
  if (state === 'pending') return false
  if (conversation !== null) letPass(database, conversation, now)
  const waits = conversation !== null && isBehind(database, conversation, seq)
  if (waits && state === 'held' && (held_until ?? 0) <= now) return false
  const next = requeued(waits, now)
  database
    .prepare(
      `UPDATE deliveries SET state = ?1, reason = ?2, due_at = ?3, held_until = NULL, retrying_since = ?4,
         ambiguous_attempts = 0, replaced_by = NULL WHERE seq = ?5`,
    )
    .run(next.state, next.reason, next.dueAt, now, seq)
  return true
}

const UNRESOLVED = quoted(unresolvedStates)

/** `Queue.dismiss`, inside a transaction. */
export function dismiss(
  database: Database,
  ids: readonly string[],
  reason: string,
  now: number,
): readonly string[] {
  const find = database.prepare<{ seq: number }>(
    `SELECT seq FROM deliveries WHERE id = ? AND state IN (${UNRESOLVED})`,
  )
  const close = database.prepare(
    "UPDATE deliveries SET state = 'dismissed', reason = ?, dismissed_at = ? WHERE seq = ?",
  )
  return ids.filter((id) => {
    const found = find.get(id)
    if (found !== undefined) close.run(reason, now, found.seq)
    return found !== undefined
  })
}
