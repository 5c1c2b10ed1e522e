/** The history of events. */
import type { EventFilter, EventSummary, Page, PageRequest } from '../../store.ts'
import type { Database, Value } from '../database.ts'
import { type EventRow, eventSummaryOf } from '../rows.ts'
import { cursorOf, merge, type Stream, startOf, takePage } from './pages.ts'
import { countsOfEvents } from './places.ts'

/** Without the body. */
type SummaryRow = Omit<EventRow, 'body'>

const SUMMARY_COLUMNS = `seq, id, message_id, source, type, subject, received_at, sent_at, secret_index, unrouted, problem,
  takes_up, taken_up_by`

/** What a filter looks at. */
type Candidate = {
  readonly seq: number
  readonly time: number
  readonly source: string
  readonly type: string | null
  readonly subject: string | null
  readonly unrouted: number | null
}

/** `History.events`, inside a transaction. */
export function eventPage(database: Database, filter: EventFilter, page: PageRequest): Page<EventSummary> {
  const after = startOf(page.cursor, filter.until)
  const ways = waysTo(database, filter).map((streams) => merge(streams, after))
  const { rows, last } = takePage(ways, page.limit, (row) => isWanted(row, filter))
  const counts = countsOfEvents(
    database,
    rows.map(({ seq }) => seq),
  )
  const select = database.prepare<SummaryRow>(`SELECT ${SUMMARY_COLUMNS} FROM events WHERE seq = ?`)
  return {
    items: rows.flatMap(({ seq }) => {
      const row = select.get(seq)
      return row === undefined ? [] : eventSummaryOf(row, counts.get(seq) ?? {})
    }),
    next: last && cursorOf(last.time, last.seq),
  }
}

/** One for each index that has a part of the filter; all there are where none has. */
function waysTo(database: Database, filter: EventFilter): readonly (readonly Stream<Candidate>[])[] {
  const { type, source, subject, kind } = filter
  const ways: (readonly Stream<Candidate>[])[] = []
  if (subject !== undefined) ways.push([eventsOfSubject(database, subject, filter.since)])
  if (type !== undefined || source !== undefined) ways.push(kindStreams(database, filter))
  else if (kind === 'quarantined') ways.push([stream(database, filter.since, 'type IS NULL', [])])
  if (kind === 'unrouted') ways.push([stream(database, filter.since, 'unrouted = 1', [])])
  return ways.length === 0 ? [[stream(database, filter.since, 'TRUE', [])]] : ways
}

export function eventsOfSubject(database: Database, subject: string, since?: number): Stream<Candidate> {
  return stream(database, since, 'subject = ?', [subject])
}

function kindStreams(database: Database, { type, source, kind, since }: EventFilter): Stream<Candidate>[] {
  return kindsOf(database)
    .filter((pair) => (source ?? pair.source) === pair.source && (type ?? pair.type) === pair.type)
    .filter((pair) => kind === undefined || (kind === 'quarantined') === (pair.type === null))
    .map((pair) => stream(database, since, 'source = ? AND type IS ?', [pair.source, pair.type]))
}

function isWanted(row: Candidate, { type, source, subject, kind }: EventFilter): boolean {
  if (type !== undefined && row.type !== type) return false
  if (source !== undefined && row.source !== source) return false
  if (subject !== undefined && row.subject !== subject) return false
  if (kind === undefined) return true
  if (kind === 'quarantined') return row.type === null
  return row.unrouted === (kind === 'unrouted' ? 1 : 0)
}

function stream(
  database: Database,
  since: number | undefined,
  condition: string,
  values: readonly Value[],
): Stream<Candidate> {
  const select = database.prepare<Candidate>(
    `SELECT seq, received_at AS time, source, type, subject, unrouted FROM events
     WHERE ${condition} AND received_at >= ? AND (received_at, seq) < (?, ?)
     ORDER BY received_at DESC, seq DESC LIMIT ? + 0`,
  )
  return ({ time, seq }, limit) => select.all(...values, since ?? 0, time, seq, limit)
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
