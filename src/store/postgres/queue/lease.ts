/** Leases the deliveries that a claim has chosen, and reads what their attempts need. */
import { type Delivery, unansweredOf } from '../../../core/delivery/delivery.ts'
import type { Event } from '../../../core/event.ts'
import { type Candidate, isFailing } from '../../sql/claiming.ts'
import { type DeliveryRow, deliveryOf, EVENT_COLUMNS, type EventColumns, eventOfRow } from '../../sql/rows.ts'
import { UNREADABLE } from '../../sql/states.ts'
import { type Attempt, type ClaimRequest, type Leased, StoreUnavailable } from '../../store.ts'
import type { Database } from '../connection/database.ts'
import type { Session } from '../connection/session.ts'
import { conversationRecord } from '../history/conversation.ts'
import { conversationLock, lock } from '../locks.ts'
import { DELIVERY_COLUMNS, FROM_DELIVERIES } from '../select-delivery.ts'
import { conversationsOf, releaseNext } from './insert-deliveries.ts'

export interface Leases {
  readonly deliveries: readonly Leased[]
  /** The rows that were taken. */
  readonly seqs: ReadonlySet<number>
  /** Those of them that cannot be read. */
  readonly damaged: readonly DeliveryRow[]
}

export interface LeaseOptions {
  readonly request: ClaimRequest
  /** The number of the one that claims. */
  readonly instance: number
  /** Only those that were not attempted. */
  readonly areNew: boolean
}

/** Leases them, but for those that another transaction has changed or locked. Resolves with what they were before. */
export async function startLease(
  session: Session,
  candidates: readonly Candidate[],
  { request, instance, areNew }: LeaseOptions,
): Promise<readonly LeasedRow[]> {
  if (candidates.length === 0) return []
  return session.query<LeasedRow>(LEASE, [
    candidates.map(({ seq }) => seq),
    request.now,
    request.leaseUntil,
    request.holder,
    instance,
    areNew,
  ])
}

/** In the order of the candidates. Of deliveries that were not attempted before, and belong to no conversation. */
export function newLeasesOf(
  rows: readonly LeasedRow[],
  candidates: readonly Candidate[],
  request: ClaimRequest,
): Leases {
  const { read, seqs, damaged } = readAll(rows, candidates)
  const deliveries = read.map((each) => leasedOf(each, request, { unanswered: null, conversation: null }))
  return { deliveries, seqs, damaged }
}

/** The same of any, with what is known of their past. */
export async function leasesOf(
  session: Session,
  rows: readonly LeasedRow[],
  candidates: readonly Candidate[],
  request: ClaimRequest,
): Promise<Leases> {
  const { read, seqs, damaged } = readAll(rows, candidates)
  const attempts = await attemptsOf(
    session,
    read.map(({ row }) => row),
  )
  const deliveries = await Promise.all(
    read.map(async (each) => {
      const { seq, attempts: count, conversation: key, event } = each.row
      const unanswered = count === 0 ? null : unansweredOf(attempts.get(seq) ?? [])
      const conversation = key === null ? null : await conversationRecord(session, key, event)
      return leasedOf(each, request, { unanswered, conversation })
    }),
  )
  return { deliveries, seqs, damaged }
}

interface Read {
  readonly row: LeasedRow
  readonly event: Event
  readonly delivery: Delivery
  readonly atFailing: boolean
}

function readAll(rows: readonly LeasedRow[], candidates: readonly Candidate[]) {
  const ofSeq = new Map(rows.map((row) => [row.seq, row]))
  const damaged: LeasedRow[] = []
  const read = candidates.flatMap(({ seq, rate }): readonly Read[] => {
    const row = ofSeq.get(seq)
    if (row === undefined) return []
    const read = readable(row)
    if (read !== null) return [{ row, ...read, atFailing: isFailing(rate) }]
    damaged.push(row)
    return []
  })
  return { read, damaged, seqs: new Set(ofSeq.keys()) }
}

function leasedOf(
  { row, event, delivery, atFailing }: Read,
  request: ClaimRequest,
  past: Pick<Leased, 'unanswered' | 'conversation'>,
): Leased {
  return {
    delivery: { ...delivery, state: 'sending', dueAt: request.leaseUntil },
    event,
    interruptedAt: row.state === 'sending' ? row.leased_at : null,
    atFailing,
    ...past,
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
    WHERE deliveries.seq = ANY($1::bigint[]) AND deliveries.due_at <= $2 AND (deliveries.attempts = 0 OR NOT $6::boolean)
    FOR UPDATE OF deliveries SKIP LOCKED),
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

/** What is damaged cannot be read. */
function readable(row: LeasedRow): { readonly event: Event; readonly delivery: Delivery } | null {
  try {
    return { event: eventOfRow({ ...row, id: row.event_id }), delivery: deliveryOf(row) }
  } catch {
    return null
  }
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
