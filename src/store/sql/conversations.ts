/** The rows of stages and of what was sent in a conversation. */
import type { Event } from '../../core/event.ts'
import type { SentMessage } from '../../core/lifecycle/lifecycle.ts'
import { type EventRow, outcomeOf, readableEvent, stepOf } from './rows.ts'

export type StageRow = {
  readonly lifecycle: string
  readonly key: string
  readonly stage: string
  readonly round: number
}

/** A message that did a step: of its delivery, its event and its attempt. */
export type SentRow = {
  readonly delivery: string
  readonly event: string
  readonly stage: string
  readonly started_at: number
  readonly outcome: string
  readonly step: string
}

/** Far more than a conversation has. Beyond them its first message is not found, and another one begins. */
export const MOST_MESSAGES = 200

/** Those of a conversation's attempts that were sent, but for damaged rows. */
export function sentMessagesOf(rows: readonly SentRow[]): readonly SentMessage[] {
  return rows.flatMap((row) => sentMessageOf(row) ?? [])
}

function sentMessageOf(row: SentRow): SentMessage | null {
  try {
    const outcome = outcomeOf(row.outcome)
    const step = stepOf(row.step)
    if (outcome.kind !== 'sent') return null
    const { delivery: deliveryId, event: eventId, stage, started_at: sentAt } = row
    return { deliveryId, eventId, stage, sentAt, step, reference: outcome.reference }
  } catch {
    return null
  }
}

/** But for damaged rows. */
export function eventsOfRows(rows: readonly EventRow[]): readonly Event[] {
  return rows.flatMap((row) => readableEvent(row) ?? [])
}
