import type { Destination } from '../../../core/delivery/destination.ts'
import type { Start } from '../../../core/plan.ts'
import type { NewDelivery } from '../../store.ts'
import type { Database, Value } from '../database.ts'

/** The plan that a delivery belongs to: its event's row, its number, and when the delivery is made. */
export interface OfPlan {
  readonly event: number
  readonly number: number
  readonly at: number
}

const KIND_OF_EVENT = `SELECT kinds.id FROM events CROSS JOIN kinds ON kinds.source = events.source AND kinds.type = events.type
  WHERE events.seq = ?2`

/** A delivery waits for an unfinished earlier one of its conversation. */
export function insertDelivery(database: Database, plan: OfPlan, delivery: NewDelivery): void {
  const {
    id,
    route,
    receiver,
    destination,
    template,
    conversation,
    group,
    standsInFor = null,
    start,
  } = delivery
  const place = placeOf(database, destination)
  const waits = start.kind !== 'skipped' && conversation !== null && isOpen(database, conversation)
  database
    .prepare(
      `INSERT INTO deliveries (id, event, kind, plan, route, receiver, destination, rate, template, conversation, grouping,
         stands_in_for, state, reason, due_at, held_until, attempts, ambiguous_attempts, created_at, retrying_since)
       VALUES (?1, ?2, (${KIND_OF_EVENT}), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 0, 0, ?16, ?16)`,
    )
    .run(
      id,
      plan.event,
      plan.number,
      route,
      receiver,
      place.id,
      place.rate,
      template,
      conversation,
      group,
      standsInFor === null ? null : JSON.stringify(standsInFor),
      ...stateOf(start, waits, plan.at),
      plan.at,
    )
}

/** The reason of a delivery that is held for an earlier one of its conversation. */
export const BEHIND = 'waits for an earlier message of its conversation'

/** State, reason, when it is due, and until when it is held. */
function stateOf(start: Start, waits: boolean, at: number): [Value, Value, Value, Value] {
  if (start.kind === 'skipped') return ['skipped', start.reason, null, null]
  const until = start.kind === 'held' ? start.until : null
  if (waits) return ['held', BEHIND, null, until]
  return start.kind === 'held' ? ['held', start.reason, start.until, until] : ['pending', null, at, null]
}

// Exactly the condition of the index on conversations, or SQLite would not use it.
const OPEN_OF_CONVERSATION = `conversation = ? AND conversation IS NOT NULL
  AND state IN ('pending', 'held', 'sending', 'retrying', 'ambiguous')`

function isOpen(database: Database, conversation: string): boolean {
  return (
    database
      .prepare(`SELECT 1 AS found FROM deliveries WHERE ${OPEN_OF_CONVERSATION} LIMIT 1`)
      .get(conversation) !== undefined
  )
}

/** Whether another delivery of the conversation is the one to be sent now. */
export function isBehind(database: Database, conversation: string, seq: number): boolean {
  return (
    database
      .prepare(
        `SELECT 1 AS found FROM deliveries
         WHERE ${OPEN_OF_CONVERSATION} AND due_at IS NOT NULL AND seq <> ? LIMIT 1`,
      )
      .get(conversation, seq) !== undefined
  )
}

/** Releases the next delivery of a conversation, if none is under way. */
export function releaseNext(database: Database, conversation: string, now: number): void {
  const next = database
    .prepare<{ seq: number; due_at: number | null; held_until: number | null }>(
      `SELECT seq, due_at, held_until FROM deliveries WHERE ${OPEN_OF_CONVERSATION} ORDER BY seq LIMIT 1`,
    )
    .get(conversation)
  if (next === undefined || next.due_at !== null) return
  const isLater = next.held_until !== null && next.held_until > now
  database
    .prepare('UPDATE deliveries SET state = ?, reason = ?, due_at = ? WHERE seq = ?')
    .run(
      isLater ? 'held' : 'pending',
      isLater ? 'held until its time' : null,
      isLater ? next.held_until : now,
      next.seq,
    )
}

function placeOf(
  database: Database,
  { channel, target, rateKey }: Destination,
): { readonly id: number; readonly rate: number } {
  const find = database.prepare<{ id: number; rate: number }>(
    `SELECT destinations.id, rate FROM rates CROSS JOIN destinations
       ON destinations.channel = rates.channel AND target = ? AND rate = rates.id
     WHERE rates.channel = ? AND key = ?`,
  )
  const found = find.get(target, channel, rateKey)
  if (found !== undefined) return found
  database.prepare('INSERT OR IGNORE INTO rates (channel, key) VALUES (?, ?)').run(channel, rateKey)
  database
    .prepare(
      `INSERT INTO destinations (channel, target, rate)
       SELECT channel, ?, id FROM rates WHERE channel = ? AND key = ?`,
    )
    .run(target, channel, rateKey)
  const made = find.get(target, channel, rateKey)
  if (made === undefined) throw new Error('a destination is not there after it was made')
  return made
}
