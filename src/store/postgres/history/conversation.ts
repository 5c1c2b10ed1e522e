/** The stages of lifecycles, and what was sent in a conversation: read from its deliveries and their attempts. */
import type { Event } from '../../../core/event.ts'
import { type Round, roundOf, type SentMessage, type Stage } from '../../../core/lifecycle/lifecycle.ts'
import {
  eventsOfRows,
  MOST_MESSAGES,
  type SentRow,
  type StageRow,
  sentMessagesOf,
} from '../../sql/conversations.ts'
import { EVENT_COLUMNS, type EventRow } from '../../sql/rows.ts'
import type { ConversationRecord } from '../../store.ts'
import type { Scalar, Session } from '../connection/session.ts'

async function latestRound(session: Session, { lifecycle, key, first, last }: Stage): Promise<Round | null> {
  const [row] = await session.query<{ round: number; has_first: boolean; has_last: boolean }>(
    `SELECT round, bool_or(stage = $3) AS has_first, bool_or(stage = $4) AS has_last FROM stages
     WHERE lifecycle = $1 AND key = $2 GROUP BY round ORDER BY round DESC LIMIT 1`,
    [lifecycle, key, first, last],
  )
  return row === undefined ? null : { number: row.round, hasFirst: row.has_first, hasLast: row.has_last }
}

/** A statement that returns a lifecycle, a key and a round; nothing where there is no stage. */
interface Own {
  readonly sql: string
  readonly values: readonly Scalar[]
}

/** Null where the event belongs to no lifecycle. One round trip; all statements are sent before this returns. */
export async function conversationRecord(
  session: Session,
  conversation: string,
  event: number,
): Promise<ConversationRecord | null> {
  const own: Own = { sql: 'SELECT lifecycle, key, round FROM stages WHERE event = $1', values: [event] }
  const [rows, messages] = await Promise.all([
    session.query<Omit<StageRow, 'stage'>>(own.sql, own.values),
    messagesOf(session, conversation, own),
  ])
  const [row] = rows
  return row === undefined ? null : { ...row, ...messages }
}

/** The same for an event that would come now. */
export async function nextConversationRecord(
  session: Session,
  conversation: string,
  stage: Stage,
): Promise<ConversationRecord> {
  const { lifecycle, key } = stage
  const round = roundOf(await latestRound(session, stage), stage)
  const own: Own = {
    sql: 'SELECT $1::text AS lifecycle, $2::text AS key, $3::integer AS round',
    values: [lifecycle, key, round],
  }
  return { lifecycle, key, round, ...(await messagesOf(session, conversation, own)) }
}

async function messagesOf(session: Session, conversation: string, own: Own) {
  const [sent, events] = await Promise.all([sentIn(session, conversation, own), eventsIn(session, own)])
  return { sent, events }
}

async function sentIn(session: Session, conversation: string, own: Own): Promise<readonly SentMessage[]> {
  const rows = await session.query<SentRow>(
    `SELECT deliveries.id AS delivery, events.id AS event, stages.stage, attempts.started_at, outcome, step
     FROM deliveries
     JOIN stages ON stages.event = deliveries.event
     JOIN events ON events.seq = deliveries.event
     JOIN attempts ON attempts.delivery = deliveries.seq
     WHERE conversation = $${own.values.length + 1} AND stages.round = (SELECT round FROM (${own.sql}) AS own)
       AND step IS NOT NULL
     ORDER BY deliveries.seq DESC LIMIT ${MOST_MESSAGES}`,
    [...own.values, conversation],
  )
  return sentMessagesOf(rows)
}

/** The first event of each stage. */
async function eventsIn(session: Session, own: Own): Promise<readonly Event[]> {
  const rows = await session.query<EventRow>(
    `SELECT ${EVENT_COLUMNS} FROM events WHERE seq IN (
       SELECT min(event) FROM stages JOIN (${own.sql}) AS own USING (lifecycle, key, round) GROUP BY stage)
     ORDER BY seq`,
    own.values,
  )
  return eventsOfRows(rows)
}
