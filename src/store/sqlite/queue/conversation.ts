/** The stages of lifecycles, and what was sent in a conversation: read from its deliveries and their attempts. */

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
import type { Database } from '../database.ts'

/** Assigns a round to an event. One that is planned again keeps its round, unless its lifecycle or key has changed. */
export function insertStage(database: Database, event: number, stage: Stage): void {
  const before = stageRow(database, event)
  const { lifecycle, key } = stage
  if (before?.lifecycle === lifecycle && before.key === key && before.stage === stage.stage) return
  database
    .prepare('INSERT OR REPLACE INTO stages (event, lifecycle, key, stage, round) VALUES (?, ?, ?, ?, ?)')
    .run(event, lifecycle, key, stage.stage, roundOf(latestRound(database, stage), stage))
}

function stageRow(database: Database, event: number): StageRow | undefined {
  return database
    .prepare<StageRow>('SELECT lifecycle, key, stage, round FROM stages WHERE event = ?')
    .get(event)
}

function latestRound(database: Database, { lifecycle, key, first, last }: Stage): Round | null {
  const row = database
    .prepare<{ round: number; has_first: number; has_last: number }>(
      `SELECT round, max(stage = ?3) AS has_first, max(stage = ?4) AS has_last FROM stages
       WHERE lifecycle = ?1 AND key = ?2 GROUP BY round ORDER BY round DESC LIMIT 1`,
    )
    .get(lifecycle, key, first, last)
  return row === undefined
    ? null
    : { number: row.round, hasFirst: row.has_first === 1, hasLast: row.has_last === 1 }
}

/** Null if the event belongs to no lifecycle. */
export function conversationRecord(
  database: Database,
  conversation: string,
  event: number,
): ConversationRecord | null {
  const row = stageRow(database, event)
  return row === undefined ? null : recordOf(database, conversation, row)
}

/** The same for an event that would arrive now. */
export function nextConversationRecord(
  database: Database,
  conversation: string,
  stage: Stage,
): ConversationRecord {
  const round = roundOf(latestRound(database, stage), stage)
  return recordOf(database, conversation, { ...stage, round })
}

function recordOf(database: Database, conversation: string, row: StageRow): ConversationRecord {
  const { lifecycle, key, round } = row
  return { lifecycle, key, round, sent: sentIn(database, conversation, row), events: eventsIn(database, row) }
}

function sentIn(database: Database, conversation: string, { round }: StageRow): readonly SentMessage[] {
  const rows = database
    .prepare<SentRow>(
      `SELECT deliveries.id AS delivery, events.id AS event, stages.stage, attempts.started_at, outcome, step
       FROM deliveries
       CROSS JOIN stages ON stages.event = deliveries.event
       CROSS JOIN events ON events.seq = deliveries.event
       CROSS JOIN attempts ON attempts.delivery = deliveries.seq
       WHERE conversation = ? AND conversation IS NOT NULL AND round = ? AND step IS NOT NULL
       ORDER BY deliveries.seq DESC LIMIT ${MOST_MESSAGES}`,
    )
    .all(conversation, round)
  return sentMessagesOf(rows)
}

/** The first event of each stage. */
function eventsIn(database: Database, { lifecycle, key, round }: StageRow) {
  const rows = database
    .prepare<EventRow>(
      `SELECT ${EVENT_COLUMNS} FROM events WHERE seq IN (
         SELECT min(event) FROM stages WHERE lifecycle = ? AND key = ? AND round = ? GROUP BY stage)
       ORDER BY seq`,
    )
    .all(lifecycle, key, round)
  return eventsOfRows(rows)
}
