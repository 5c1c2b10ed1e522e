import type { NewDelivery } from '../../../core/routing/plan.ts'
import type { DeliveryColumns } from '../../sql/rows.ts'
import {
  BEHIND,
  BUSY,
  beginning,
  overtakes,
  type QuietUntil,
  quietUntilWith,
  released,
  waitsFor,
} from '../../sql/states.ts'
import type { EventType } from '../../store.ts'
import { Records } from '../connection/records.ts'
import { anyOf, type Change, type Session } from '../connection/session.ts'
import type { KnownRows } from '../known-rows.ts'

/** A delivery with the plan that it belongs to. */
export interface PlannedRow {
  readonly event: number
  readonly number: number
  /** What kind of event it is; left out where the event is stored. */
  readonly kind?: EventType | undefined
  /** When it is made. */
  readonly at: number
  readonly delivery: NewDelivery
}

const OPEN = "state IN ('pending', 'held', 'sending', 'retrying', 'ambiguous')"

/** A row as it is inserted; what it has not is null. */
export type NewRow = Omit<
  DeliveryColumns,
  'seq' | 'leased_at' | 'attempts' | 'ambiguous_attempts' | 'created_at'
> & {
  /** What kind of event it is of; null where that is stored. */
  readonly source: string | null
  readonly type: string | null
  readonly destination: number
  readonly rate: number
  readonly held_until: number | null
  readonly at: number
  readonly leased_at?: number
  readonly holder?: string
  readonly instance?: number
}

/** Returns the rows as they are to be inserted, in the order of the deliveries. */
export type Lease = (rows: readonly NewRow[], deliveries: readonly PlannedRow[]) => readonly NewRow[]

/** Of events that are stored. */
export async function insertDeliveries(
  session: Session,
  known: KnownRows,
  deliveries: readonly PlannedRow[],
): Promise<void> {
  const conversations = conversationsOf(deliveries.map(({ delivery }) => delivery))
  const now = deliveries[0]?.at ?? 0
  const before = await openConversations(session, conversations, now)
  session.sendTogether(deliveryChanges(known, deliveries, before))
}

/** Those that have an unfinished delivery, with the time until which each is quiet. */
export type OpenConversations = ReadonlyMap<string, QuietUntil>

/**
 * A delivery waits for an unfinished earlier one of its conversation, but for one that is held longer than itself. `openBefore`:
 * the conversations that have one, whose locks the transaction has; `lease`: may lease some of them.
 */
export function deliveryChanges(
  known: KnownRows,
  deliveries: readonly PlannedRow[],
  openBefore: OpenConversations,
  lease: Lease = (rows) => rows,
): readonly Change[] {
  if (deliveries.length === 0) return []
  const open = new Map(openBefore)
  const passed = new Set<string>()
  const rows: NewRow[] = []
  // Of the conversations, the rows that are the next ones.
  const next = new Map<string, number>()
  for (const { event, number, kind, at, delivery } of deliveries) {
    const { destination, conversation, start, standsInFor = null } = delivery
    const quietUntil = conversation === null ? undefined : open.get(conversation)
    const begins = beginning(start, waitsFor(quietUntil, start), at)
    if (conversation !== null && overtakes(quietUntil, start)) {
      passed.add(conversation)
      const index = next.get(conversation) ?? -1
      const row = rows[index]
      if (row !== undefined) rows[index] = { ...row, due_at: null, reason: BEHIND }
    }
    if (conversation !== null && start.kind !== 'skipped') {
      open.set(conversation, quietUntilWith(quietUntil, start))
      if (begins.dueAt !== null) next.set(conversation, rows.length)
    }
    const ids = known.of(destination)
    rows.push({
      id: delivery.id,
      event,
      source: kind?.source ?? null,
      type: kind?.type ?? null,
      plan: number,
      route: delivery.route,
      receiver: delivery.receiver,
      destination: ids.id,
      rate: ids.rate,
      template: delivery.template,
      conversation,
      grouping: delivery.group,
      stands_in_for: standsInFor === null ? null : JSON.stringify(standsInFor),
      state: begins.state,
      reason: begins.reason,
      due_at: begins.dueAt,
      held_until: begins.heldUntil,
      retrying_since: begins.retryingSince,
      at,
    })
  }
  const insert = { sql: INSERT, values: [new Records(lease(rows, deliveries))] }
  return passed.size === 0 ? [insert] : [{ sql: LET_PASS, values: [[...passed], BEHIND] }, insert]
}

// What is held for a time in a conversation where another one goes ahead waits for its turn as well.
const LET_PASS = `UPDATE deliveries SET due_at = NULL, reason = $2
  WHERE conversation = ${anyOf('$1', 'text')} AND state = 'held' AND due_at IS NOT NULL`

// Where the kind is missing, the statement fails: nothing is left out. An event that is not stored yet has it in the row.
const KIND = `coalesce(
    (SELECT kinds.id FROM kinds WHERE kinds.source = new.source AND kinds.type = new.type),
    (SELECT kinds.id FROM events JOIN kinds ON kinds.source = events.source AND kinds.type = events.type
     WHERE events.seq = new.event))`

const INSERT = `INSERT INTO deliveries (id, event, kind, plan, route, receiver, destination, rate, template, conversation,
    grouping, stands_in_for, state, reason, due_at, held_until, leased_at, holder, instance, attempts, ambiguous_attempts,
    created_at, retrying_since)
  SELECT id, event, ${KIND}, plan, route, receiver, destination, rate, template, conversation,
    grouping, stands_in_for, state, reason, due_at, held_until, leased_at, holder, instance, 0, 0, at, retrying_since
  FROM ROWS FROM (json_to_recordset($1::json) AS (id text, event bigint, source text, type text,
    plan integer, route text, receiver text,
    destination integer, rate integer, template text, conversation text, grouping text, stands_in_for text, state text,
    reason text, due_at bigint, held_until bigint, at bigint, leased_at bigint, holder text, instance integer,
    retrying_since bigint)) WITH ORDINALITY AS new
  ORDER BY ordinality`

/**
 * Those of them that have an unfinished delivery. What is held is locked: one that is being claimed or changed just now is not passed.
 */
export async function openConversations(
  session: Session,
  conversations: readonly string[],
  now: number,
): Promise<OpenConversations> {
  if (conversations.length === 0) return new Map()
  const rows = await session.query<{ conversation: string; until: number | null }>(
    `WITH held AS MATERIALIZED (
       SELECT seq FROM deliveries
       WHERE conversation = ${anyOf('$1', 'text')} AND state = 'held' AND due_at > $2 FOR UPDATE SKIP LOCKED)
     SELECT conversation, max(due_at) FILTER (WHERE seq IN (SELECT seq FROM held)) AS until FROM deliveries
     WHERE conversation = ${anyOf('$1', 'text')} AND ${OPEN} GROUP BY conversation`,
    [conversations, now],
  )
  return new Map(rows.map(({ conversation, until }) => [conversation, until ?? BUSY]))
}

/** The same, where the time of the held one has not come; waits for a claim that leases it. */
export function letPass(session: Session, conversation: string, now: number): void {
  session.send(`${LET_PASS} AND due_at > $3`, [[conversation], BEHIND, now])
}

/** Those that there are, each once. */
export function conversationsOf(deliveries: readonly { readonly conversation: string | null }[]): string[] {
  return [...new Set(deliveries.flatMap(({ conversation }) => conversation ?? []))]
}

/** Releases the next delivery of each conversation in which none is under way; the transaction has their locks. */
export async function releaseNext(
  session: Session,
  conversations: readonly string[],
  now: number,
): Promise<void> {
  if (conversations.length === 0) return
  const rows = await session.query<{ seq: number; due_at: number | null; held_until: number | null }>(
    `SELECT DISTINCT ON (conversation) seq, due_at, held_until FROM deliveries
     WHERE conversation = ${anyOf('$1', 'text')} AND ${OPEN}
     ORDER BY conversation, due_at IS NULL, CASE WHEN held_until > $2 THEN held_until ELSE 0 END, seq`,
    [conversations, now],
  )
  const next = rows.flatMap(({ seq, due_at, held_until }) => {
    if (due_at !== null) return []
    const { state, reason, dueAt } = released(held_until, now)
    return { seq, state, reason, due_at: dueAt }
  })
  if (next.length === 0) return
  session.send(
    `UPDATE deliveries SET state = new.state, reason = new.reason, due_at = new.due_at
     FROM json_to_recordset($1::json) AS new(seq bigint, state text, reason text, due_at bigint)
     WHERE deliveries.seq = new.seq AND deliveries.due_at IS NULL`,
    [new Records(next)],
  )
}

/** Whether another delivery of the conversation is the one to be sent now. */
export async function isBehind(session: Session, conversation: string, seq: number): Promise<boolean> {
  const found = await session.query(
    `SELECT 1 AS found FROM deliveries
     WHERE conversation = $1 AND ${OPEN} AND due_at IS NOT NULL AND seq <> $2 LIMIT 1`,
    [conversation, seq],
  )
  return found.length > 0
}
