/** The history of deliveries. */
import { states } from '../../../core/delivery/delivery.ts'
import { type DeliveryCandidate, isWantedDelivery } from '../../sql/filters.ts'
import { cursorOf, numbersOf, START, startOf } from '../../sql/pages.ts'
import { type DeliveryRow, deliveryOf } from '../../sql/rows.ts'
import type { DeliveryFilter, DeliverySummary, Page, PageRequest } from '../../store.ts'
import type { Session, Value } from '../connection/session.ts'
import { DELIVERY_COLUMNS, FROM_DELIVERIES } from '../select-delivery.ts'
import { kindsOf } from './kinds.ts'
import { merge, type Streamed, type Streams, takePage } from './merge.ts'
import { destinationIds, placesOf } from './places.ts'

/** `History.deliveries`. */
export async function deliveryPage(
  session: Session,
  filter: DeliveryFilter,
  page: PageRequest,
): Promise<Page<DeliverySummary>> {
  const wanted = await wantedOf(session, filter)
  return filter.subject === undefined
    ? pageByCreation(session, filter, page, wanted)
    : pageOfSubject(session, filter.subject, page, wanted)
}

interface Wanted {
  /** The ids of kinds of the filter's source and type. */
  readonly kinds: readonly number[]
  readonly fits: (row: DeliveryCandidate) => boolean
}

async function wantedOf(session: Session, filter: DeliveryFilter): Promise<Wanted> {
  const { type, source } = filter
  const kinds = (await kindsOf(session))
    .filter((kind) => (type ?? kind.type) === kind.type && (source ?? kind.source) === kind.source)
    .map(({ id }) => id)
  const [ofKinds, destinations] = [new Set(kinds), new Set(await destinationIds(session, filter))]
  return { kinds, fits: (row) => isWantedDelivery(row, filter, ofKinds, destinations) }
}

const COLUMNS = 'seq, created_at AS time, event, kind, destination, receiver, state, conversation'
const NEWEST_FIRST = 'ORDER BY created_at DESC, seq DESC'

/** In the order in which they were made. */
async function pageByCreation(
  session: Session,
  filter: DeliveryFilter,
  { cursor, limit }: PageRequest,
  { kinds, fits }: Wanted,
): Promise<Page<DeliverySummary>> {
  const { type, source, states: ofStates, receiver, channel, target, conversation, since = 0 } = filter
  const after = startOf(cursor, filter.until)
  const isOfPlaces = [ofStates, receiver, channel, target].some((given) => given !== undefined)
  const ways: Streams<DeliveryCandidate>[] = []
  if (conversation !== undefined) ways.push(ofConversation(session, conversation, since))
  if (isOfPlaces) ways.push(await ofPlaces(session, filter, since))
  if (!isOfPlaces || type !== undefined || source !== undefined) ways.push(ofKinds(session, kinds, since))
  const { rows, last } = await takePage(
    ways.map((streams) => merge(streams, after)),
    limit,
    fits,
  )
  return { items: await summaries(session, rows), next: last && cursorOf(last.time, last.seq) }
}

async function ofPlaces(
  session: Session,
  filter: DeliveryFilter,
  since: number,
): Promise<Streams<DeliveryCandidate>> {
  const wanted = (await placesOf(session, filter)).flatMap((place) =>
    (filter.states ?? states).map((state) => ({ ...place, state })),
  )
  return {
    count: wanted.length,
    read: (streams, { time, seq }, limit) => {
      const which = streams.flatMap((stream) => wanted[stream] ?? [])
      const columns: readonly Value[] = [
        streams,
        which.map(({ destination }) => destination),
        which.map(({ receiver }) => receiver),
        which.map(({ state }) => state),
      ]
      return session.query<Streamed<DeliveryCandidate>>(
        `SELECT streams.stream, found.*
         FROM unnest($1::int[], $2::int[], $3::text[], $4::text[]) AS streams (stream, destination, receiver, state)
         CROSS JOIN LATERAL (
           SELECT ${COLUMNS} FROM deliveries
           WHERE destination = streams.destination AND receiver = streams.receiver AND state = streams.state
             AND created_at >= $5 AND (created_at, seq) < ($6, $7) ${NEWEST_FIRST} LIMIT $8) AS found
         ORDER BY stream, time DESC, seq DESC`,
        [...columns, since, time, seq, limit],
      )
    },
  }
}

function ofKinds(session: Session, kinds: readonly number[], since: number): Streams<DeliveryCandidate> {
  return {
    count: kinds.length,
    read: (streams, { time, seq }, limit) =>
      session.query<Streamed<DeliveryCandidate>>(
        `SELECT streams.stream, found.* FROM unnest($1::int[], $2::int[]) AS streams (stream, kind)
         CROSS JOIN LATERAL (
           SELECT ${COLUMNS} FROM deliveries
           WHERE kind = streams.kind AND created_at >= $3 AND (created_at, seq) < ($4, $5) ${NEWEST_FIRST} LIMIT $6) AS found
         ORDER BY stream, time DESC, seq DESC`,
        [streams, streams.flatMap((stream) => kinds[stream] ?? []), since, time, seq, limit],
      ),
  }
}

function ofConversation(session: Session, conversation: string, since: number): Streams<DeliveryCandidate> {
  return {
    count: 1,
    read: (_streams, { time, seq }, limit) =>
      session.query<Streamed<DeliveryCandidate>>(
        `SELECT 0 AS stream, ${COLUMNS} FROM deliveries
         WHERE conversation = $1 AND created_at >= $2 AND (created_at, seq) < ($3, $4) ${NEWEST_FIRST} LIMIT $5`,
        [conversation, since, time, seq, limit],
      ),
  }
}

/** A delivery behind the position of its event; one without a delivery ends the events that were read. */
type OfSubject = DeliveryCandidate & { readonly event_time: number }

/** In the order of their events. */
async function pageOfSubject(
  session: Session,
  subject: string,
  { cursor, limit }: PageRequest,
  { fits }: Wanted,
): Promise<Page<DeliverySummary>> {
  // The event within which the previous page ended, and the last delivery shown: the page begins with its other ones.
  const [time = START.time, event = START.seq, delivery = START.seq] =
    cursor === undefined ? [] : numbersOf(cursor, 3)
  const found = deliveriesOfSubject(session, subject, { time, event, delivery })
  const { rows, last } = await takePage([found], limit, fits)
  return {
    items: await summaries(session, rows),
    next: last && cursorOf(last.event_time, last.event, last.seq),
  }
}

const EVENTS_AT_ONCE = 64

/** Newest event first, and the newest delivery of each event. */
async function* deliveriesOfSubject(
  session: Session,
  subject: string,
  after: { readonly time: number; readonly event: number; readonly delivery: number },
): AsyncGenerator<OfSubject> {
  let { time, event } = { time: after.time, event: after.event + 1 }
  for (;;) {
    const events = await session.query<{ seq: number; received_at: number }>(
      `SELECT seq, received_at FROM events WHERE subject = $1 AND (received_at, seq) < ($2, $3)
       ORDER BY received_at DESC, seq DESC LIMIT ${EVENTS_AT_ONCE}`,
      [subject, time, event],
    )
    const times = new Map(events.map(({ seq, received_at }) => [seq, received_at]))
    const deliveries = await session.query<DeliveryCandidate>(
      `SELECT ${COLUMNS} FROM deliveries WHERE event = ANY($1::bigint[]) ORDER BY seq DESC`,
      [[...times.keys()]],
    )
    const ofEvent = Map.groupBy(deliveries, (row) => row.event)
    for (const [of, event_time] of times) {
      for (const row of ofEvent.get(of) ?? []) {
        if (of !== after.event || row.seq < after.delivery) yield { ...row, event_time }
      }
    }
    const last = events.at(-1)
    if (last === undefined || events.length < EVENTS_AT_ONCE) return
    time = last.received_at
    event = last.seq
  }
}

type SummaryRow = DeliveryRow & {
  readonly type: string
  readonly source: string
  readonly subject: string | null
}

async function summaries(
  session: Session,
  found: readonly { readonly seq: number }[],
): Promise<DeliverySummary[]> {
  const rows = await session.query<SummaryRow>(
    `SELECT ${DELIVERY_COLUMNS}, events.type, events.source, events.subject ${FROM_DELIVERIES}
     WHERE deliveries.seq = ANY($1::bigint[])`,
    [found.map(({ seq }) => seq)],
  )
  const bySeq = new Map(rows.map((row) => [row.seq, row]))
  return found.flatMap(({ seq }) => {
    const row = bySeq.get(seq)
    if (row === undefined) return []
    const { type, source, subject } = row
    return { ...deliveryOf(row), type, source, subject }
  })
}
