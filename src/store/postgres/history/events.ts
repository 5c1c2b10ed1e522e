/** The history of events. */
import type { State } from '../../../core/delivery/delivery.ts'
import { type EventCandidate, isWantedEvent, kindName } from '../../sql/filters.ts'
import { cursorOf, startOf } from '../../sql/pages.ts'
import { type EventRow, eventSummaryOf } from '../../sql/rows.ts'
import type { EventFilter, EventSummary, Page, PageRequest } from '../../store.ts'
import type { Session, Value } from '../connection/session.ts'
import { kindsOf, quarantinedSources } from './kinds.ts'
import { merge, type Streamed, type Streams, takePage } from './merge.ts'

/** `History.events`. */
export async function eventPage(
  session: Session,
  filter: EventFilter,
  page: PageRequest,
): Promise<Page<EventSummary>> {
  const after = startOf(page.cursor, filter.until)
  const ways = (await waysTo(session, filter)).map((streams) => merge(streams, after))
  const { rows, last } = await takePage(ways, page.limit, (row) => isWantedEvent(row, filter))
  return {
    items: await summaries(session, rows),
    next: last && cursorOf(last.time, last.seq),
  }
}

/** The events of the filter's subject, and those of its kinds: either way finds all wanted ones. */
async function waysTo(session: Session, filter: EventFilter): Promise<readonly Streams<EventCandidate>[]> {
  const { type, source, subject, kind, since } = filter
  const bySubject = subject === undefined ? [] : [eventsOfSubject(session, subject, since)]
  if (subject !== undefined && (type ?? source ?? kind) === undefined) return bySubject
  return [...bySubject, await eventsOfKinds(session, filter)]
}

const NEWEST_FIRST = 'ORDER BY received_at DESC, seq DESC'
const COLUMNS = 'seq, received_at AS time, source, type, subject, unrouted'

function eventsOfSubject(session: Session, subject: string, since = 0): Streams<EventCandidate> {
  return {
    count: 1,
    read: (_streams, { time, seq }, limit) =>
      session.query<Streamed<EventCandidate>>(
        `SELECT 0 AS stream, ${COLUMNS} FROM events
         WHERE subject = $1 AND received_at >= $2 AND (received_at, seq) < ($3, $4) ${NEWEST_FIRST} LIMIT $5`,
        [subject, since, time, seq, limit],
      ),
  }
}

/** A stream for each source, type and outcome of routing, and one for the quarantine of each source. */
async function eventsOfKinds(
  session: Session,
  { type, source, kind, since = 0 }: EventFilter,
): Promise<Streams<EventCandidate>> {
  const kinds = (await kindsOf(session)).flatMap((one) => [
    { ...one, unrouted: 0 },
    { ...one, unrouted: 1 },
  ])
  const quarantines = (await quarantinedSources(session)).map((one) => ({
    source: one,
    type: null,
    unrouted: null,
  }))
  const wanted = [...kinds, ...quarantines].filter(
    (one) =>
      (source ?? one.source) === one.source &&
      (type ?? one.type) === one.type &&
      (kind === undefined || kind === kindName(one)),
  )
  return {
    count: wanted.length,
    read: (streams, { time, seq }, limit) => {
      const which = streams.flatMap((stream) => wanted[stream] ?? [])
      const columns: readonly Value[] = [
        streams,
        which.map((one) => one.source),
        which.map((one) => one.type),
        which.map((one) => one.unrouted),
      ]
      return session.query<Streamed<EventCandidate>>(OF_KINDS, [...columns, since, time, seq, limit])
    },
  }
}

// No index finds what is null or equal: the quarantine has one of its own.
const OF_KINDS = `WITH streams AS (
    SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::int[]) AS streams (stream, source, type, unrouted))
  SELECT streams.stream, events.* FROM streams CROSS JOIN LATERAL (
    SELECT ${COLUMNS} FROM events
    WHERE source = streams.source AND type = streams.type AND unrouted = streams.unrouted
      AND received_at >= $5 AND (received_at, seq) < ($6, $7) ${NEWEST_FIRST} LIMIT $8) AS events
  WHERE streams.type IS NOT NULL
  UNION ALL
  SELECT streams.stream, events.* FROM streams CROSS JOIN LATERAL (
    SELECT ${COLUMNS} FROM events
    WHERE source = streams.source AND type IS NULL
      AND received_at >= $5 AND (received_at, seq) < ($6, $7) ${NEWEST_FIRST} LIMIT $8) AS events
  WHERE streams.type IS NULL
  ORDER BY stream, time DESC, seq DESC`

/** Without the body and what follows it. */
type SummaryRow = Omit<EventRow, 'body' | 'enriched' | 'enrichment'> & { readonly enriching: boolean }

const SUMMARY_COLUMNS = `seq, id, message_id, source, type, subject, received_at, sent_at, secret_index, unrouted, problem,
  takes_up, taken_up_by`

async function summaries(
  session: Session,
  found: readonly { readonly seq: number }[],
): Promise<EventSummary[]> {
  const seqs = found.map(({ seq }) => seq)
  const rows = await session.query<SummaryRow>(
    `SELECT ${SUMMARY_COLUMNS}, EXISTS (SELECT FROM enrichments WHERE event = events.seq) AS enriching
     FROM events WHERE seq = ANY($1::bigint[])`,
    [seqs],
  )
  const counts = await countsOfEvents(session, seqs)
  const bySeq = new Map(rows.map((row) => [row.seq, row]))
  return seqs.flatMap((seq) => {
    const row = bySeq.get(seq)
    return row === undefined ? [] : eventSummaryOf(row, counts.get(seq) ?? {}, row.enriching)
  })
}

/** The deliveries of some events, counted by state. */
async function countsOfEvents(
  session: Session,
  events: readonly number[],
): Promise<ReadonlyMap<number, Partial<Record<State, number>>>> {
  const rows = await session.query<{ event: number; state: State; count: number }>(
    'SELECT event, state, count(*) AS count FROM deliveries WHERE event = ANY($1::bigint[]) GROUP BY event, state',
    [events],
  )
  const counts = new Map<number, Partial<Record<State, number>>>()
  for (const { event, state, count } of rows) {
    counts.set(event, { ...counts.get(event), [state]: count })
  }
  return counts
}
