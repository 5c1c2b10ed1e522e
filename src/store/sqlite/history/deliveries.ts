/** The history of deliveries. */
import { type State, states } from '../../../core/delivery.ts'
import type { DeliveryFilter, DeliverySummary, Page, PageRequest } from '../../store.ts'
import type { Database } from '../database.ts'
import { type DeliveryRow, deliveryOf, SELECT_DELIVERY } from '../rows.ts'
import { eventStreams, isOfKind } from './events.ts'
import {
  cursorOf,
  merge,
  numbersOf,
  type Position,
  positionOf,
  START,
  type Stream,
  takePage,
} from './pages.ts'
import { placesOf } from './places.ts'

/** `History.deliveries`, inside a transaction. */
export function deliveryPage(
  database: Database,
  filter: DeliveryFilter,
  page: PageRequest,
): Page<DeliverySummary> {
  return isOfFewEvents(filter) ? pageByEvents(database, filter, page) : pageByPlaces(database, filter, page)
}

// Few deliveries are in these states, so that filtering by them is faster than by the type of the event.
const few: ReadonlySet<State> = new Set(
  states.filter((state) => state !== 'delivered' && state !== 'skipped'),
)

function isOfFewEvents({ type, source, subject, states: wanted }: DeliveryFilter): boolean {
  if (subject !== undefined) return true
  if (type === undefined && source === undefined) return false
  return wanted === undefined || !wanted.every((state) => few.has(state))
}

type SummaryRow = DeliveryRow & {
  readonly type: string
  readonly source: string
  readonly subject: string | null
}

interface DeliveryPosition extends Position {
  readonly row: SummaryRow
}

const SELECT_SUMMARY = SELECT_DELIVERY.replace(
  'events.id AS event_id,',
  'events.id AS event_id, events.type, events.source, events.subject,',
)

/** In the order in which they were made. */
function pageByPlaces(
  database: Database,
  filter: DeliveryFilter,
  { cursor, limit }: PageRequest,
): Page<DeliverySummary> {
  const { since = 0, until = Number.MAX_SAFE_INTEGER } = filter
  const select = database.prepare<SummaryRow>(
    `${SELECT_SUMMARY}
     WHERE deliveries.destination = ? AND deliveries.receiver = ? AND deliveries.state = ?
       AND deliveries.created_at >= ? AND deliveries.created_at < ?
       AND (deliveries.created_at, deliveries.seq) < (?, ?)
     ORDER BY deliveries.created_at DESC, deliveries.seq DESC LIMIT ? + 0`,
  )
  const streams = placesOf(database, filter).flatMap(({ destination, receiver }) =>
    (filter.states ?? states).map(
      (state): Stream<DeliveryPosition> =>
        ({ time, seq }, count) =>
          select
            .all(destination, receiver, state, since, until, time, seq, count)
            .map((row) => ({ time: row.created_at, seq: row.seq, row })),
    ),
  )
  const { rows, last } = takePage(merge(streams, positionOf(cursor)), limit, ({ row }) =>
    isOfEvent(row, filter),
  )
  return { items: rows.map(summaryOf), next: last && cursorOf(last.time, last.seq) }
}

/** In the order of their events. */
function pageByEvents(
  database: Database,
  filter: DeliveryFilter,
  { cursor, limit }: PageRequest,
): Page<DeliverySummary> {
  const { type, source, subject } = filter
  const ofEvents = { ...(type && { type }), ...(source && { source }), ...(subject && { subject }) }
  const select = database.prepare<SummaryRow>(
    `${SELECT_SUMMARY} WHERE deliveries.event = ? ORDER BY deliveries.seq DESC`,
  )
  // The event in which the page before ended, and the last of its deliveries: what is left of them goes first.
  const [time = START.time, event = START.seq, delivery = START.seq] =
    cursor === undefined ? [] : numbersOf(cursor, 3)
  const events = merge(eventStreams(database, ofEvents), { time, seq: event + 1 })
  function* deliveries(): Generator<DeliveryPosition> {
    for (const found of events) {
      if (!isOfKind(found, ofEvents)) continue
      for (const row of select.all(found.seq)) {
        if (found.seq !== event || row.seq < delivery) yield { time: found.time, seq: row.seq, row }
      }
    }
  }
  const { rows, last } = takePage(deliveries(), limit, ({ row }) => isWanted(row, filter))
  return { items: rows.map(summaryOf), next: last && cursorOf(last.time, last.row.event, last.seq) }
}

function isOfEvent(row: SummaryRow, { type, source }: DeliveryFilter): boolean {
  return (type ?? row.type) === row.type && (source ?? row.source) === row.source
}

function isWanted(row: SummaryRow, filter: DeliveryFilter): boolean {
  const { states: wanted, receiver, channel, target } = filter
  const { since = 0, until = Number.MAX_SAFE_INTEGER } = filter
  return (
    (wanted === undefined || wanted.includes(row.state)) &&
    (receiver ?? row.receiver) === row.receiver &&
    (channel ?? row.channel) === row.channel &&
    (target ?? row.target) === row.target &&
    row.created_at >= since &&
    row.created_at < until
  )
}

function summaryOf({ row }: DeliveryPosition): DeliverySummary {
  const { type, source, subject } = row
  return { ...deliveryOf(row), type, source, subject }
}
