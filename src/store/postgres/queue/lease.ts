/** Leases the deliveries that a claim has chosen, and reads what their attempts need. */
import { unansweredOf } from '../../../core/delivery/delivery.ts'
import { type Candidate, isFailing } from '../../sql/claiming.ts'
import {
  type DeliveryRow,
  deliveryOf,
  EVENT_COLUMNS,
  type EventColumns,
  eventOfRow,
  outcomeOf,
} from '../../sql/rows.ts'
import { UNREADABLE } from '../../sql/states.ts'
import { type ClaimRequest, type ConversationRecord, type Leased, StoreUnavailable } from '../../store.ts'
import type { Database } from '../connection/database.ts'
import { anyOf, type Session } from '../connection/session.ts'
import { conversationRecord } from '../history/conversation.ts'
import { conversationLock, lock } from '../locks.ts'
import { DELIVERY_COLUMNS, FROM_DELIVERIES } from '../select-delivery.ts'
import { conversationsOf, releaseNext } from './insert-deliveries.ts'

/** What a claim knows of a delivery that it may lease. None of it changes while the transaction has locked the rate. */
export type DueRow = {
  readonly seq: number
  readonly event: number
  readonly conversation: string | null
  /** It was never leased. */
  readonly is_new: boolean
}

export interface LeaseOptions {
  readonly request: ClaimRequest
  /** The number of the one that claims. */
  readonly instance: number
  /** The candidates, and perhaps others. */
  readonly due: readonly DueRow[]
}

/** What the database has of deliveries that were leased, by their numbers. */
export interface LeasedRows {
  readonly rows: ReadonlyMap<number, LeasedRow>
  readonly attempts: ReadonlyMap<number, readonly AttemptRow[]>
  readonly conversations: ReadonlyMap<number, ConversationRecord | null>
}

/**
 * Leases them, but for those that another transaction has changed or locked, and reads what their attempts need. One round trip, and all
 * statements are sent before this returns.
 */
export async function lease(
  session: Session,
  candidates: readonly Candidate[],
  { request, instance, due }: LeaseOptions,
): Promise<LeasedRows> {
  const seqs = new Set(candidates.map(({ seq }) => seq))
  const chosen = due.filter(({ seq }) => seqs.has(seq))
  const leased = leaseRows(session, [...seqs], request, instance)
  const attempts = attemptsOf(
    session,
    chosen.flatMap(({ seq, is_new }) => (is_new ? [] : seq)),
  )
  const conversations = chosen.map(async ({ seq, conversation, event }) => {
    const record = conversation === null ? null : conversationRecord(session, conversation, event)
    return [seq, await record] as const
  })
  const [rows, tried, records] = await Promise.all([leased, attempts, Promise.all(conversations)])
  return {
    rows: new Map(rows.map((row) => [row.seq, row])),
    attempts: Map.groupBy(tried, ({ delivery }) => delivery),
    conversations: new Map(records),
  }
}

export interface Leases {
  readonly deliveries: readonly Leased[]
  /** The rows that were taken. */
  readonly seqs: ReadonlySet<number>
  /** Those of them that cannot be read. */
  readonly damaged: readonly DeliveryRow[]
}

/** In the order of the candidates. */
export function leasesOf(
  { rows, attempts, conversations }: LeasedRows,
  candidates: readonly Candidate[],
  request: ClaimRequest,
): Leases {
  const damaged: LeasedRow[] = []
  const deliveries = candidates.flatMap(({ seq, rate }): readonly Leased[] => {
    const row = rows.get(seq)
    if (row === undefined) return []
    const read = readable(row, attempts.get(seq) ?? [])
    if (read === null) {
      damaged.push(row)
      return []
    }
    const { event, delivery, unanswered } = read
    return [
      {
        delivery: { ...delivery, state: 'sending', dueAt: request.leaseUntil },
        event,
        interruptedAt: row.state === 'sending' ? row.leased_at : null,
        atFailing: isFailing(rate),
        unanswered,
        conversation: conversations.get(seq) ?? null,
      },
    ]
  })
  return { deliveries, damaged, seqs: new Set(rows.keys()) }
}

/** Null where it is damaged. */
function readable(row: LeasedRow, attempts: readonly AttemptRow[]) {
  try {
    const past = attempts.map(({ started_at: startedAt, outcome }) => ({
      startedAt,
      outcome: outcomeOf(outcome),
    }))
    return {
      event: eventOfRow({ ...row, id: row.event_id }),
      delivery: deliveryOf(row),
      unanswered: row.attempts === 0 ? null : unansweredOf(past),
    }
  } catch {
    return null
  }
}

/** A delivery as it was before it was leased, with its event. */
export type LeasedRow = DeliveryRow & Omit<EventColumns, 'id'>

const EVENT = EVENT_COLUMNS.split(', ')
  .filter((column) => column !== 'id')
  .map((column) => `events.${column}`)
  .join(', ')

// The claim of an interrupted attempt only records it: if that is interrupted too, the start stays the same.
const LEASE = `WITH locked AS (
    SELECT ${DELIVERY_COLUMNS}, ${EVENT} ${FROM_DELIVERIES}
    WHERE deliveries.seq = ${anyOf('$1', 'bigint')} AND deliveries.due_at <= $2
    FOR UPDATE OF deliveries SKIP LOCKED),
  leased AS (
    UPDATE deliveries SET state = 'sending', due_at = $3, holder = $4, instance = $5,
      leased_at = CASE WHEN locked.state = 'sending' THEN locked.leased_at ELSE $2 END
    FROM locked WHERE deliveries.seq = locked.seq)
  SELECT * FROM locked`

async function leaseRows(
  session: Session,
  seqs: readonly number[],
  { now, leaseUntil, holder }: ClaimRequest,
  instance: number,
): Promise<readonly LeasedRow[]> {
  if (seqs.length === 0) return []
  return session.query<LeasedRow>(LEASE, [seqs, now, leaseUntil, holder, instance])
}

/**
 * Gives back what a claim leased whose commit was unknown: nobody has begun to send it. An interrupted attempt, and what was replayed
 * since, stay leased until their time. Returns how many were given back.
 */
export async function giveBack(
  session: Session,
  { holder, now, leaseUntil }: ClaimRequest,
  instance: number,
): Promise<number> {
  const given = await session.query(
    `UPDATE deliveries SET state = CASE WHEN attempts = 0 THEN 'pending' ELSE 'retrying' END, due_at = leased_at,
       leased_at = NULL, holder = NULL, instance = NULL
     WHERE state = 'sending' AND holder = $1 AND leased_at = $2 AND due_at = $3 AND instance = $4
       AND replaced_by IS NULL
     RETURNING seq`,
    [holder, now, leaseUntil, instance],
  )
  return given.length
}

/**
 * A damaged row must not keep all other deliveries from being sent. Those that cannot be parked, because the store is unavailable, are claimed
 * again when their leases end.
 */
export async function parkUnreadable(
  database: Database,
  rows: readonly DeliveryRow[],
  { holder, leaseUntil, now }: ClaimRequest,
): Promise<void> {
  if (rows.length === 0) return
  const conversations = conversationsOf(rows)
  const park = async (session: Session) => {
    lock(session, conversations.map(conversationLock))
    session.send(
      `UPDATE deliveries SET state = 'parked', reason = $2, due_at = NULL, leased_at = NULL, holder = NULL,
         instance = NULL WHERE seq = ANY($1::bigint[]) AND state = 'sending' AND holder = $3 AND due_at = $4`,
      [rows.map(({ seq }) => seq), UNREADABLE, holder, leaseUntil],
    )
    await releaseNext(session, conversations, now)
  }
  await database.write(park).catch((error: unknown) => {
    if (!(error instanceof StoreUnavailable)) throw error
  })
}

type AttemptRow = { readonly delivery: number; readonly started_at: number; readonly outcome: string }

/** Of each delivery, the latest first. */
async function attemptsOf(session: Session, seqs: readonly number[]): Promise<readonly AttemptRow[]> {
  if (seqs.length === 0) return []
  return session.query<AttemptRow>(
    `SELECT delivery, started_at, outcome FROM attempts WHERE delivery = ${anyOf('$1', 'bigint')}
     ORDER BY delivery, number DESC`,
    [seqs],
  )
}
