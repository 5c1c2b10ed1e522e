/** `Inbox.append` for many arrivals at once, no two of which are of one message. */
import type { Event } from '../../core/event.ts'
import { earliest } from '../sql/claiming.ts'
import { storedEnriched } from '../sql/enrichments.ts'
import type { Appended, Arrival, Leased, QuarantinedRequest } from '../store.ts'
import { Records } from './connection/records.ts'
import type { Change, Session } from './connection/session.ts'
import { enrichmentChanges, type NewEnrichment } from './enrichments.ts'
import type { KnownRows } from './known-rows.ts'
import { lock, messageLock } from './locks.ts'
import { type EventPlan, locksOfPlan, planChanges, readBeforePlans } from './plans.ts'
import { isClaimable, NewClaim, type NewClaimOptions } from './queue/claim-new.ts'
import type { Lease, NewRow } from './queue/insert-deliveries.ts'

type First = { readonly id: string; readonly quarantined: boolean }

/** What becomes of an arrival. */
interface Decided {
  readonly arrival: Arrival
  readonly result: Appended
  /** The quarantined request that belongs to the event, whether that is this one or an earlier one. */
  readonly released: string | null
}

export interface AppendedAll {
  /** In the order of the arrivals. */
  readonly appended: readonly Appended[]
  /** What `claim` has leased. */
  readonly leased: readonly Leased[]
  /** When the first of what was not leased is due. */
  readonly firstDueAt: number | null
}

/** `claim`: of what is appended. */
export async function append(
  session: Session,
  known: KnownRows,
  arrivals: readonly Arrival[],
  claim: NewClaimOptions | null = null,
): Promise<AppendedAll> {
  const rates = claim === null ? [] : ratesOf(known, arrivals)
  // Before the statements behind it look at anything.
  lock(session, arrivals.flatMap(locksOf))
  const plans = arrivals.flatMap((arrival) => (arrival.kind === 'event' && arrival.plan) || [])
  const [firsts, released, before, claiming] = await Promise.all([
    firstOfMessages(session, arrivals),
    releasedAs(session, arrivals),
    readBeforePlans(session, plans),
    claim === null || rates.length === 0 ? undefined : NewClaim.begin(session, claim, rates),
  ])
  const decided = arrivals.map((arrival, n) => decide(arrival, firsts.get(n)?.first, released))
  const stored = decided.filter(({ result }) => result.kind === 'stored')
  const free = [...firsts.values()].map(({ seq }) => seq).sort((one, other) => one - other)
  const seqs = new Map(stored.map(({ result }, index) => [result.id, free[index] ?? 0]))
  let inserted: readonly NewRow[] = []
  const lease: Lease = (rows, deliveries) => {
    inserted = claiming?.lease(rows, deliveries) ?? rows
    return inserted
  }
  session.sendTogether([
    ...eventChanges(stored, seqs),
    ...planChanges(known, plansOf(stored, seqs), before, lease),
    ...enrichmentChanges(enrichmentsOf(stored, seqs)),
    ...(claiming?.changes ?? []),
  ])
  markReleased(session, decided)
  const events = new Map(
    stored.flatMap(({ arrival }) =>
      arrival.kind === 'event' ? [[seqOf(seqs, arrival.event.id), arrival.event] as const] : [],
    ),
  )
  const left = inserted.flatMap(({ due_at, leased_at }) => (leased_at === undefined ? (due_at ?? []) : []))
  return {
    appended: decided.map(({ result }) => result),
    leased: claiming?.leased(events) ?? [],
    firstDueAt: earliest(left),
  }
}

/** Of what may be claimed. Nothing is, while rows of quarantined requests are waited for: rates would stay locked. */
function ratesOf(known: KnownRows, arrivals: readonly Arrival[]): readonly number[] {
  if (arrivals.some((arrival) => arrival.kind === 'event' && arrival.releasedFrom !== undefined)) return []
  const plans = arrivals.flatMap((arrival) => (arrival.kind === 'event' && arrival.plan) || [])
  const deliveries = plans.flatMap(({ deliveries }) => deliveries.filter(isClaimable))
  return [...new Set(deliveries.map(({ destination }) => known.of(destination).rate))]
}

function plansOf(stored: readonly Decided[], seqs: ReadonlyMap<string, number>): readonly EventPlan[] {
  return stored.flatMap(({ arrival }) => {
    if (arrival.kind !== 'event' || arrival.plan === null) return []
    const { event, plan } = arrival
    return { event: seqOf(seqs, event.id), number: 1, kind: event, plan }
  })
}

function enrichmentsOf(
  stored: readonly Decided[],
  seqs: ReadonlyMap<string, number>,
): readonly NewEnrichment[] {
  return stored.flatMap(({ arrival }) => {
    if (arrival.kind !== 'event' || arrival.plan !== null) return []
    const cause = arrival.releasedFrom === undefined ? 'received' : 'quarantine'
    return { event: seqOf(seqs, arrival.event.id), cause, due_at: arrival.event.receivedAt }
  })
}

/** No two arrivals with the same one may be appended at once. */
export function keyOfMessage(arrival: Arrival): string {
  return messageLock(originOf(arrival))
}

function originOf(arrival: Arrival): Event | QuarantinedRequest {
  return arrival.kind === 'event' ? arrival.event : arrival.request
}

function locksOf(arrival: Arrival): string[] {
  const plan = arrival.kind === 'event' ? arrival.plan : null
  return [keyOfMessage(arrival), ...(plan === null ? [] : locksOfPlan(plan))]
}

function decide(arrival: Arrival, first: First | undefined, released: ReadonlyMap<string, string>): Decided {
  const { id } = originOf(arrival)
  if (arrival.kind === 'quarantine') {
    const result: Appended = first === undefined ? { kind: 'stored', id } : { kind: 'duplicate', ...first }
    return { arrival, result, released: null }
  }
  const { releasedFrom } = arrival
  const earlier = first?.quarantined === false ? first.id : released.get(releasedFrom ?? '')
  // The quarantined request belongs to the event that exists already.
  if (earlier !== undefined)
    return {
      arrival,
      result: { kind: 'duplicate', id: earlier, quarantined: false },
      released: releasedFrom ?? null,
    }
  return { arrival, result: { kind: 'stored', id }, released: releasedFrom ?? first?.id ?? null }
}

interface Looked {
  /** The first event of the message; where there is none, its first quarantined request without an event. */
  readonly first: First | undefined
  /** A number for the event, so that what belongs to it need not wait until it is inserted. */
  readonly seq: number
}

/** By the places of the arrivals. */
async function firstOfMessages(
  session: Session,
  arrivals: readonly Arrival[],
): Promise<ReadonlyMap<number, Looked>> {
  const asked = arrivals.map((arrival, n) => {
    const { messageId: message_id, source, receivedAt } = originOf(arrival)
    return { n, message_id, source, after: receivedAt - arrival.dedupeFor }
  })
  const rows = await session.query<{ n: number; id: string | null; quarantined: boolean; seq: number }>(
    `SELECT n, id, quarantined, nextval('hookbridge.events_seq_seq') AS seq
     FROM json_to_recordset($1::json) AS asked(n integer, message_id text, source text, after bigint)
     LEFT JOIN LATERAL (
       SELECT id, type IS NULL AS quarantined FROM events
       WHERE events.message_id = asked.message_id AND events.source = asked.source AND received_at > after
       ORDER BY type IS NULL, received_at, seq LIMIT 1) AS first ON true`,
    [new Records(asked)],
  )
  return new Map(
    rows.map(({ n, id, quarantined, seq }) => [
      n,
      { first: id === null ? undefined : { id, quarantined }, seq },
    ]),
  )
}

/** The events that quarantined requests were released as already. */
async function releasedAs(
  session: Session,
  arrivals: readonly Arrival[],
): Promise<ReadonlyMap<string, string>> {
  const asked = arrivals.flatMap((arrival) => (arrival.kind === 'event' && arrival.releasedFrom) || [])
  if (asked.length === 0) return new Map()
  const rows = await session.query<{ id: string; taken_up_by: string }>(
    'SELECT id, taken_up_by FROM events WHERE id = ANY($1::text[]) AND taken_up_by IS NOT NULL',
    [asked],
  )
  return new Map(rows.map(({ id, taken_up_by }) => [id, taken_up_by]))
}

function markReleased(session: Session, decided: readonly Decided[]): void {
  const rows = decided.flatMap(({ released, result }) =>
    released === null ? [] : { quarantined: released, event: result.id },
  )
  if (rows.length === 0) return
  session.send(
    `UPDATE events SET taken_up_by = new.event
     FROM json_to_recordset($1::json) AS new(quarantined text, event text)
     WHERE id = new.quarantined AND type IS NULL AND taken_up_by IS NULL`,
    [new Records(rows)],
  )
}

function seqOf(seqs: ReadonlyMap<string, number>, id: string): number {
  const seq = seqs.get(id)
  if (seq === undefined) throw new Error(`the event ${id} was not stored`)
  return seq
}

/** The bodies are one value, which each row takes its part of: as bytes, and without a parameter each. */
function eventChanges(stored: readonly Decided[], seqs: ReadonlyMap<string, number>): readonly Change[] {
  if (stored.length === 0) return []
  const bodies = stored.map(({ arrival }) => (arrival.kind === 'event' ? arrival.body : arrival.request.body))
  let end = 0
  const rows = stored.map(({ arrival, released }, index) => {
    const begin = end
    end += bodies[index]?.length ?? 0
    const seq = seqOf(seqs, originOf(arrival).id)
    return { seq, ...columnsOf(arrival), takes_up: released, body_from: begin + 1, body_for: end - begin }
  })
  const sql = `INSERT INTO events (seq, id, message_id, source, type, subject, received_at, sent_at, secret_index, unrouted, problem,
       takes_up, body, enriched) OVERRIDING SYSTEM VALUE
     SELECT seq, id, message_id, source, type, subject, received_at, sent_at, secret_index, unrouted, problem, takes_up,
       substring($2::bytea FROM body_from FOR body_for), enriched
     FROM json_to_recordset($1::json) AS new(seq bigint, id text, message_id text, source text, type text, subject text,
       received_at bigint, sent_at bigint, secret_index integer, unrouted integer, problem text, takes_up text,
       body_from integer, body_for integer, enriched text)`
  return [{ sql, values: [new Records(rows), Buffer.concat(bodies)] }]
}

function columnsOf(arrival: Arrival) {
  const { id, messageId, source, receivedAt, sentAt, secretIndex } = originOf(arrival)
  const origin = {
    id,
    message_id: messageId,
    source,
    received_at: receivedAt,
    sent_at: sentAt,
    secret_index: secretIndex,
  }
  if (arrival.kind === 'quarantine') {
    const { problem } = arrival.request
    return { ...origin, type: null, subject: null, unrouted: null, problem, enriched: null }
  }
  const { type, subject, enriched } = arrival.event
  const unrouted = arrival.plan?.unrouted === true ? 1 : 0
  return { ...origin, type, subject, unrouted, problem: null, enriched: storedEnriched(enriched) }
}
