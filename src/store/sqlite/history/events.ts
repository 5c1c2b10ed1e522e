/** The history of events. */
import type { EventFilter, EventSummary, Page, PageRequest } from '../../store.ts'
import type { Database, Value } from '../database.ts'
import { type EventRow, eventSummaryOf } from '../rows.ts'
import { cursorOf, merge, type Position, positionOf, type Stream, takePage } from './pages.ts'
import { countsOfEvents } from './places.ts'

/** Without the body. */
type SummaryRow = Omit<EventRow, 'body'>

const SUMMARY_COLUMNS = `seq, id, message_id, source, type, subject, received_at, sent_at, secret_index, unrouted, problem,
  takes_up, taken_up_by`

/** `History.events`, inside a transaction. */
export function eventPage(database: Database, filter: EventFilter, page: PageRequest): Page<EventSummary> {
  const after = positionOf(page.cursor)
  const found = takePage(merge(eventStreams(database, filter), after), page.limit, (row) =>
    isOfKind(row, filter),
  )
  const rows = found.rows.map(({ row }) => row)
  const counts = countsOfEvents(
    database,
    rows.map(({ seq }) => seq),
  )
  return {
    items: rows.map((row) => eventSummaryOf(row, counts.get(row.seq) ?? {})),
    next: found.last && cursorOf(found.last.time, found.last.seq),
  }
}

export interface EventPosition extends Position {
  readonly row: SummaryRow
}

/** Events by the index that knows most of the filter; `isOfKind` holds the rest against them. */
export function eventStreams(database: Database, filter: EventFilter): readonly Stream<EventPosition>[] {
  const { type, source, subject, kind } = filter
  if (subject !== undefined) return [stream(database, filter, 'subject = ?', [subject])]
  if (kind === 'quarantined') return [stream(database, filter, 'type IS NULL', [])]
  if (kind === 'unrouted' && type === undefined) return [stream(database, filter, 'unrouted = 1', [])]
  if (type === undefined && source === undefined) return [stream(database, filter, 'TRUE', [])]
  return kindsOf(database)
    .filter((pair) => (source ?? pair.source) === pair.source && (type ?? pair.type) === pair.type)
    .map((pair) => stream(database, filter, 'source = ? AND type IS ?', [pair.source, pair.type]))
}

export function isOfKind({ row }: EventPosition, { type, source, kind }: EventFilter): boolean {
  if (type !== undefined && row.type !== type) return false
  if (source !== undefined && row.source !== source) return false
  if (kind === undefined) return true
  if (kind === 'quarantined') return row.type === null
  return row.unrouted === (kind === 'unrouted' ? 1 : 0)
}

function stream(
  database: Database,
  { since = 0, until = Number.MAX_SAFE_INTEGER }: EventFilter,
  condition: string,
  values: readonly Value[],
): Stream<EventPosition> {
  const select = database.prepare<SummaryRow>(
    `SELECT ${SUMMARY_COLUMNS} FROM events
     WHERE ${condition} AND received_at >= ? AND received_at < ? AND (received_at, seq) < (?, ?)
     ORDER BY received_at DESC, seq DESC LIMIT ? + 0`,
  )
  return ({ time, seq }, limit) =>
    select
      .all(...values, since, until, time, seq, limit)
      .map((row) => ({ time: row.received_at, seq: row.seq, row }))
}

type Kind = { readonly source: string; readonly type: string | null }

/** The sources, and the types of each: read by skipping through their index. */
function kindsOf(database: Database): Kind[] {
  const nextSource = database.prepare<{ source: string }>(
    'SELECT source FROM events WHERE source > ? ORDER BY source LIMIT 1',
  )
  const untyped = database.prepare('SELECT 1 AS found FROM events WHERE source = ? AND type IS NULL LIMIT 1')
  const nextType = database.prepare<{ type: string }>(
    'SELECT type FROM events WHERE source = ? AND type > ? ORDER BY type LIMIT 1',
  )
  const kinds: Kind[] = []
  for (let row = nextSource.get(''); row !== undefined; row = nextSource.get(row.source)) {
    const { source } = row
    if (untyped.get(source) !== undefined) kinds.push({ source, type: null })
    for (let of = nextType.get(source, ''); of !== undefined; of = nextType.get(source, of.type)) {
      kinds.push({ source, type: of.type })
    }
  }
  return kinds
}
