/** The history of deliveries. */
import { states } from '../../../core/delivery/delivery.ts'
import { type DeliveryCandidate, isWantedDelivery } from '../../sql/filters.ts'
import { cursorOf, numbersOf, START, startOf } from '../../sql/pages.ts'
import { type DeliveryRow, deliveryOf } from '../../sql/rows.ts'
import type { DeliveryFilter, DeliverySummary, Page, PageRequest } from '../../store.ts'
import type { Database } from '../database.ts'
import { SELECT_DELIVERY } from '../select-delivery.ts'
import { eventsOfSubject } from './events.ts'
import { merge, type Stream, takePage } from './merge.ts'
import { destinationIds, placesOf } from './places.ts'

/** `History.deliveries`, inside a transaction. */
export function deliveryPage(
  database: Database,
  filter: DeliveryFilter,
  page: PageRequest,
): Page<DeliverySummary> {
  return filter.subject === undefined
    ? pageByCreation(database, filter, page)
    : pageOfSubject(database, filter, filter.subject, page)
}

const SELECT_CANDIDATE = `SELECT seq, created_at AS time, event, kind, destination, receiver, state, conversation
  FROM deliveries`
const NEWEST_FIRST = `AND created_at >= ? AND (created_at, seq) < (?, ?)
  ORDER BY created_at DESC, seq DESC LIMIT ? + 0`

/** In the order in which they were created. */
function pageByCreation(
  database: Database,
  filter: DeliveryFilter,
  { cursor, limit }: PageRequest,
): Page<DeliverySummary> {
  const { type, source, states: wanted, receiver, channel, target, conversation } = filter
  const after = startOf(cursor, filter.until)
  const isOfPlaces = [wanted, receiver, channel, target].some((given) => given !== undefined)
  const ways: Iterable<DeliveryCandidate>[] = []
  if (conversation !== undefined)
    ways.push(merge([conversationStream(database, conversation, filter)], after))
  if (isOfPlaces) ways.push(merge(placeStreams(database, filter), after))
  if (!isOfPlaces || type !== undefined || source !== undefined) {
    ways.push(merge(kindStreams(database, filter), after))
  }
  const { rows, last } = takePage(ways, limit, fits(database, filter))
  return { items: summaries(database, rows), next: last && cursorOf(last.time, last.seq) }
}

function placeStreams(database: Database, filter: DeliveryFilter): Stream<DeliveryCandidate>[] {
  const select = database.prepare<DeliveryCandidate>(
    `${SELECT_CANDIDATE} WHERE destination = ? AND receiver = ? AND state = ? ${NEWEST_FIRST}`,
  )
  return placesOf(database, filter).flatMap(({ destination, receiver }) =>
    (filter.states ?? states).map(
      (state): Stream<DeliveryCandidate> =>
        ({ time, seq }, count) =>
          select.all(destination, receiver, state, filter.since ?? 0, time, seq, count),
    ),
  )
}

function conversationStream(database: Database, conversation: string, filter: DeliveryFilter) {
  const select = database.prepare<DeliveryCandidate>(
    `${SELECT_CANDIDATE} WHERE conversation = ? AND conversation IS NOT NULL ${NEWEST_FIRST}`,
  )
  const stream: Stream<DeliveryCandidate> = ({ time, seq }, count) =>
    select.all(conversation, filter.since ?? 0, time, seq, count)
  return stream
}

function kindStreams(database: Database, filter: DeliveryFilter): Stream<DeliveryCandidate>[] {
  const select = database.prepare<DeliveryCandidate>(`${SELECT_CANDIDATE} WHERE kind = ? ${NEWEST_FIRST}`)
  return kindIds(database, filter).map(
    (kind): Stream<DeliveryCandidate> =>
      ({ time, seq }, count) =>
        select.all(kind, filter.since ?? 0, time, seq, count),
  )
}

function kindIds(database: Database, { type, source }: DeliveryFilter): number[] {
  return database
    .prepare<{ id: number; source: string; type: string }>('SELECT id, source, type FROM kinds')
    .all()
    .filter((kind) => (type ?? kind.type) === kind.type && (source ?? kind.source) === kind.source)
    .map(({ id }) => id)
}

/** In the order of their events. */
function pageOfSubject(
  database: Database,
  filter: DeliveryFilter,
  subject: string,
  { cursor, limit }: PageRequest,
): Page<DeliverySummary> {
  const select = database.prepare<DeliveryCandidate>(`${SELECT_CANDIDATE} WHERE event = ? ORDER BY seq DESC`)
  // The event in which the previous page ended, and the last delivery shown: this page begins with the event's other deliveries.
  const [time = START.time, event = START.seq, delivery = START.seq] =
    cursor === undefined ? [] : numbersOf(cursor, 3)
  const events = merge([eventsOfSubject(database, subject)], { time, seq: event + 1 })
  function* deliveries(): Generator<{ readonly eventTime: number; readonly row: DeliveryCandidate }> {
    for (const found of events) {
      for (const row of select.all(found.seq)) {
        if (found.seq !== event || row.seq < delivery) yield { eventTime: found.time, row }
      }
    }
  }
  const isWanted = fits(database, filter)
  const { rows, last } = takePage([deliveries()], limit, ({ row }) => isWanted(row))
  return {
    items: summaries(
      database,
      rows.map(({ row }) => row),
    ),
    next: last && cursorOf(last.eventTime, last.row.event, last.row.seq),
  }
}

function fits(database: Database, filter: DeliveryFilter): (row: DeliveryCandidate) => boolean {
  const kinds = new Set(kindIds(database, filter))
  const destinations = new Set(destinationIds(database, filter))
  return (row) => isWantedDelivery(row, filter, kinds, destinations)
}

type SummaryRow = DeliveryRow & {
  readonly type: string
  readonly source: string
  readonly subject: string | null
}

const SELECT_SUMMARY = SELECT_DELIVERY.replace(
  'events.id AS event_id,',
  'events.id AS event_id, events.type, events.source, events.subject,',
)

function summaries(database: Database, rows: readonly DeliveryCandidate[]): DeliverySummary[] {
  const select = database.prepare<SummaryRow>(`${SELECT_SUMMARY} WHERE deliveries.seq = ?`)
  return rows.flatMap(({ seq }) => {
    const row = select.get(seq)
    if (row === undefined) return []
    const { type, source, subject } = row
    return { ...deliveryOf(row), type, source, subject }
  })
}
