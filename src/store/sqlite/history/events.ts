/** The history of events. */

import { type EventCandidate, isWantedEvent, kindName } from '../../sql/filters.ts'
import { cursorOf, startOf } from '../../sql/pages.ts'
import { type EventRow, eventSummaryOf } from '../../sql/rows.ts'
import type { EventFilter, EventSummary, Page, PageRequest } from '../../store.ts'
import type { Database, Value } from '../database.ts'
import { isEnriching } from '../enrichments.ts'
import { IS_OF_KIND, kindsOf } from './kinds.ts'
import { merge, type Stream, takePage } from './merge.ts'
import { countsOfEvents } from './places.ts'

/** The columns without the body and those after it. */
type SummaryRow = Omit<EventRow, 'body' | 'enriched' | 'enrichment'>

const SUMMARY_COLUMNS = `seq, id, message_id, source, type, subject, received_at, sent_at, secret_index, unrouted, problem,
  takes_up, taken_up_by`

/** `History.events`, inside a transaction. */
export function eventPage(database: Database, filter: EventFilter, page: PageRequest): Page<EventSummary> {
  const after = startOf(page.cursor, filter.until)
  const ways = waysTo(database, filter).map((streams) => merge(streams, after))
  const { rows, last } = takePage(ways, page.limit, (row) => isWantedEvent(row, filter))
  const counts = countsOfEvents(
    database,
    rows.map(({ seq }) => seq),
  )
  const select = database.prepare<SummaryRow>(`SELECT ${SUMMARY_COLUMNS} FROM events WHERE seq = ?`)
  return {
    items: rows.flatMap(({ seq }) => {
      const row = select.get(seq)
      return row === undefined ? [] : eventSummaryOf(row, counts.get(seq) ?? {}, isEnriching(database, seq))
    }),
    next: last && cursorOf(last.time, last.seq),
  }
}

/** Two searches, by the filter's subject and by its kinds: each finds all matching events. */
function waysTo(database: Database, filter: EventFilter): readonly (readonly Stream<EventCandidate>[])[] {
  const { type, source, subject, kind, since } = filter
  const bySubject = subject === undefined ? [] : [[eventsOfSubject(database, subject, since)]]
  if (subject !== undefined && (type ?? source ?? kind) === undefined) return bySubject
  return [...bySubject, eventsOfKinds(database, filter)]
}

export function eventsOfSubject(database: Database, subject: string, since?: number): Stream<EventCandidate> {
  return stream(database, since, 'subject = ?', [subject])
}

function eventsOfKinds(
  database: Database,
  { type, source, kind, since }: EventFilter,
): Stream<EventCandidate>[] {
  return kindsOf(database)
    .filter((one) => (source ?? one.source) === one.source && (type ?? one.type) === one.type)
    .filter((one) => kind === undefined || kind === kindName(one))
    .map((one) => stream(database, since, IS_OF_KIND, [one.source, one.type, one.unrouted]))
}

function stream(
  database: Database,
  since: number | undefined,
  condition: string,
  values: readonly Value[],
): Stream<EventCandidate> {
  const select = database.prepare<EventCandidate>(
    `SELECT seq, received_at AS time, source, type, subject, unrouted FROM events
     WHERE ${condition} AND received_at >= ? AND (received_at, seq) < (?, ?)
     ORDER BY received_at DESC, seq DESC LIMIT ? + 0`,
  )
  return ({ time, seq }, limit) => select.all(...values, since ?? 0, time, seq, limit)
}
