/** Reads what the store recorded from its file itself, one event after the other. */
import type { DatabaseSync } from 'node:sqlite'
import type { StoredAttempt, StoredDelivery, StoredEvent } from './account.ts'

const SELECT = `
  SELECT events.seq, events.id AS event, message_id AS messageId, deliveries.id AS delivery, target, state, reason,
    (SELECT json_group_array(json_set(outcome, '$.startedAt', started_at) ORDER BY number)
      FROM attempts WHERE delivery = deliveries.seq) AS attempts
  FROM events
    LEFT JOIN deliveries ON deliveries.event = events.seq
    LEFT JOIN destinations ON destinations.id = deliveries.destination
  WHERE events.source <> 'hookbridge'
  ORDER BY events.seq`

export function* readStored(database: DatabaseSync): Generator<StoredEvent> {
  let event:
    | { readonly id: string; readonly messageId: string; readonly deliveries: StoredDelivery[] }
    | undefined
  for (const row of database.prepare(SELECT).iterate()) {
    const id = String(row.event)
    if (event?.id !== id) {
      if (event !== undefined) yield event
      event = { id, messageId: String(row.messageId), deliveries: [] }
    }
    if (row.delivery === null) continue
    const attempts: StoredAttempt[] = JSON.parse(String(row.attempts))
    event.deliveries.push({
      id: String(row.delivery),
      target: String(row.target),
      state: String(row.state),
      reason: row.reason === null ? null : String(row.reason),
      attempts,
    })
  }
  if (event !== undefined) yield event
}
