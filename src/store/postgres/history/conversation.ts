/** The stages of lifecycles, and what was sent in a conversation: read from its deliveries and their attempts. */
import { type Round, roundOf, type SentMessage, type Stage } from '../../../core/lifecycle/lifecycle.ts'
import { MOST_MESSAGES, type SentRow, type StageRow, sentMessagesOf } from '../../sql/conversations.ts'
import { EVENT_COLUMNS, type EventRow, eventOfRow } from '../../sql/rows.ts'
import type { ConversationRecord } from '../../store.ts'
import type { Session } from '../connection/session.ts'

/** Null where the event is no stage. */
async function stageRow(session: Session, event: number): Promise<StageRow | null> {
  const [row] = await session.query<StageRow>(
    'SELECT lifecycle, key, stage, round FROM stages WHERE event = $1',
    [event],
  )
  return row ?? null
}

async function latestRound(session: Session, { lifecycle, key, first, last }: Stage): Promise<Round | null> {
  const [row] = await session.query<{ round: number; has_first: boolean; has_last: boolean }>(
    `SELECT round, bool_or(stage = $3) AS has_first, bool_or(stage = $4) AS has_last FROM stages
     WHERE lifecycle = $1 AND key = $2 GROUP BY round ORDER BY round DESC LIMIT 1`,
    [lifecycle, key, first, last],
  )
  return row === undefined ? null : { number: row.round, hasFirst: row.has_first, hasLast: row.has_last }
}

/** Null where the event belongs to no lifecycle. */
export async function conversationRecord(
  session: Session,
  conversation: string,
  event: number,
): Promise<ConversationRecord | null> {
  const row = await stageRow(session, event)
  return row === null ? null : recordOf(session, conversation, row)
}

/** The same for an event that would come now. */
export async function nextConversationRecord(
  session: Session,
  conversation: string,
  stage: Stage,
): Promise<ConversationRecord> {
  const round = roundOf(await latestRound(session, stage), stage)
  return recordOf(session, conversation, { ...stage, round })
}

async function recordOf(session: Session, conversation: string, row: StageRow): Promise<ConversationRecord> {
  const { lifecycle, key, round } = row
  const [sent, events] = await Promise.all([sentIn(session, conversation, row), eventsIn(session, row)])
  return { lifecycle, key, round, sent, events }
}

async function sentIn(
  session: Session,
  conversation: string,
  { round }: StageRow,
): Promise<readonly SentMessage[]> {
  const rows = await session.query<SentRow>(
    `SELECT deliveries.id AS delivery, events.id AS event, stages.stage, attempts.started_at, outcome, step
     FROM deliveries
     JOIN stages ON stages.event = deliveries.event
     JOIN events ON events.seq = deliveries.event
     JOIN attempts ON attempts.delivery = deliveries.seq
     WHERE conversation = $1 AND round = $2 AND step IS NOT NULL
     ORDER BY deliveries.seq DESC LIMIT ${MOST_MESSAGES}`,
    [conversation, round],
  )
  return sentMessagesOf(rows)
}

/** The first event of each stage. */
async function eventsIn(session: Session, { lifecycle, key, round }: StageRow) {
  const rows = await session.query<EventRow>(
    `SELECT ${EVENT_COLUMNS} FROM events WHERE seq IN (
       SELECT min(event) FROM stages WHERE lifecycle = $1 AND key = $2 AND round = $3 GROUP BY stage)
     ORDER BY seq`,
    [lifecycle, key, round],
  )
  return rows.map(eventOfRow)
}
