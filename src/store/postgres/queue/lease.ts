/** Leases the deliveries that a claim has chosen, and reads what their attempts need. */
import { unansweredOf } from '../../../core/delivery/delivery.ts'
import type { Event } from '../../../core/event.ts'
import { type Candidate, isFailing } from '../../sql/claiming.ts'
import { type DeliveryRow, deliveryOf, EVENT_COLUMNS, type EventColumns, eventOfRow } from '../../sql/rows.ts'
import { UNREADABLE } from '../../sql/states.ts'
import type { Attempt, ClaimRequest, Leased } from '../../store.ts'
import type { Session } from '../connection/session.ts'
import { conversationRecord } from '../history/conversation.ts'
import { conversationLock, lock } from '../locks.ts'
import { DELIVERY_COLUMNS, FROM_DELIVERIES } from '../select-delivery.ts'
import { conversationsOf, releaseNext } from './insert-deliveries.ts'

export interface Leases {
  readonly deliveries: readonly Leased[]
  /** The rows that were taken. */
  readonly seqs: ReadonlySet<number>
}

/** In the order of the candidates, without those that another transaction has changed or locked. */
export async function lease(
  session: Session,
  candidates: readonly Candidate[],
  request: ClaimRequest,
  instance: number,
): Promise<Leases> {
  if (candidates.length === 0) return { deliveries: [], seqs: new Set() }
  const rows = await session.query<LeasedRow>(LEASE, [
    candidates.map(({ seq }) => seq),
    request.now,
    request.leaseUntil,
    request.holder,
    instance,
  ])
  const ofSeq = new Map(rows.map((row) => [row.seq, row]))
  const locked = candidates.flatMap(({ seq }) => ofSeq.get(seq) ?? [])
  const read = locked.map((row) => ({ row, event: readable(row) }))
  const failing = new Set(candidates.filter(({ rate }) => isFailing(rate)).map(({ seq }) => seq))
  // A damaged row must not keep all other deliveries from being sent.
  const damaged = read.filter(({ event }) => event === null).map(({ row }) => row)
  const attempts = await attemptsOf(session, locked)
  await parkUnreadable(session, damaged, request.now)
  const deliveries = await Promise.all(
    read.flatMap(({ row, event }) =>
      event === null ? [] : leasedOf(session, row, event, { attempts, request, failing }),
    ),
  )
  return { deliveries, seqs: new Set(locked.map(({ seq }) => seq)) }
}

async function leasedOf(
  session: Session,
  row: LeasedRow,
  event: Event,
  about: {
    readonly attempts: Awaited<ReturnType<typeof attemptsOf>>
    readonly request: ClaimRequest
    /** The rows whose destinations fail. */
    readonly failing: ReadonlySet<number>
  },
): Promise<Leased> {
  const { attempts, request, failing } = about
  const { conversation: key } = row
  return {
    delivery: { ...deliveryOf(row), state: 'sending', dueAt: request.leaseUntil },
    event,
    interruptedAt: row.state === 'sending' ? row.leased_at : null,
    atFailing: failing.has(row.seq),
    unanswered: row.attempts === 0 ? null : unansweredOf(attempts.get(row.seq) ?? []),
    conversation: key === null ? null : await conversationRecord(session, key, row.event),
  }
}

/** A delivery as it was before it was leased, with its event. */
type LeasedRow = DeliveryRow & Omit<EventColumns, 'id'>

const EVENT = EVENT_COLUMNS.split(', ')
  .filter((column) => column !== 'id')
  .map((column) => `events.${column}`)
  .join(', ')

// The claim of an interrupted attempt only records it: if that is interrupted too, the start stays the same.
const LEASE = `WITH locked AS (
    SELECT ${DELIVERY_COLUMNS}, ${EVENT} ${FROM_DELIVERIES}
    WHERE deliveries.seq = ANY($1::bigint[]) AND deliveries.due_at <= $2 FOR UPDATE OF deliveries SKIP LOCKED),
  leased AS (
    UPDATE deliveries SET state = 'sending', due_at = $3, holder = $4, instance = $5,
      leased_at = CASE WHEN locked.state = 'sending' THEN locked.leased_at ELSE $2 END
    FROM locked WHERE deliveries.seq = locked.seq)
  SELECT * FROM locked`

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

function readable(row: LeasedRow): Event | null {
  try {
    return eventOfRow({ ...row, id: row.event_id })
  } catch {
    return null
  }
}

async function parkUnreadable(session: Session, rows: readonly DeliveryRow[], now: number): Promise<void> {
  if (rows.length === 0) return
  const conversations = conversationsOf(rows)
  lock(session, conversations.map(conversationLock))
  session.send(
    `UPDATE deliveries SET state = 'parked', reason = $2, due_at = NULL, leased_at = NULL, holder = NULL,
       instance = NULL WHERE seq = ANY($1::bigint[])`,
    [rows.map(({ seq }) => seq), UNREADABLE],
  )
  await releaseNext(session, conversations, now)
}

type AttemptOutcomeRow = { readonly delivery: number; readonly started_at: number; readonly outcome: string }

/** Of each delivery, the latest first. */
async function attemptsOf(
  session: Session,
  rows: readonly DeliveryRow[],
): Promise<ReadonlyMap<number, readonly Pick<Attempt, 'startedAt' | 'outcome'>[]>> {
  const tried = rows.filter(({ attempts }) => attempts > 0).map(({ seq }) => seq)
  if (tried.length === 0) return new Map()
  const found = await session.query<AttemptOutcomeRow>(
    `SELECT delivery, started_at, outcome FROM attempts WHERE delivery = ANY($1::bigint[])
     ORDER BY delivery, number DESC`,
    [tried],
  )
  const ofDelivery = Map.groupBy(found, ({ delivery }) => delivery)
  return new Map(
    [...ofDelivery].map(([delivery, attempts]) => [
      delivery,
      attempts.map(({ started_at: startedAt, outcome }) => ({ startedAt, outcome: JSON.parse(outcome) })),
    ]),
  )
}
