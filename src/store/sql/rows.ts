/** Converts rows to the types of the contract. The tables of all stores have the same columns. */
import type { Delivery, StandIn, State } from '../../core/delivery/delivery.ts'
import type { Destination } from '../../core/delivery/destination.ts'
import type { Outcome } from '../../core/delivery/outcome.ts'
import { type Event, enrichedOf, eventOf } from '../../core/event.ts'
import type { Step } from '../../core/lifecycle/lifecycle.ts'
import type { PlannedRoute } from '../../core/routing/plan.ts'
import type {
  Attempt,
  DeliveryRecord,
  EventSummary,
  PlanCause,
  PlanRecord,
  QuarantinedRequest,
} from '../store.ts'

export type EventRow = {
  readonly seq: number
  readonly id: string
  readonly message_id: string
  readonly source: string
  readonly type: string | null
  readonly subject: string | null
  readonly received_at: number
  readonly sent_at: number
  readonly secret_index: number
  readonly unrouted: number | null
  readonly problem: string | null
  readonly takes_up: string | null
  readonly taken_up_by: string | null
  readonly body: Uint8Array
  /** What enrichment fetched, as JSON; null where it fetched nothing. */
  readonly enriched: string | null
  /** How its steps ended, as JSON; null where there were none. */
  readonly enrichment: string | null
}

export type PlanRow = {
  readonly number: number
  readonly at: number
  readonly cause: PlanCause
  readonly fingerprint: string | null
  readonly unrouted: number
  readonly routes: string
}

/** A delivery with the names of its event and its destination. */
export type DeliveryRow = DeliveryColumns & {
  readonly event_id: string
  readonly channel: string
  readonly target: string
  readonly rate_key: string
}

export type DeliveryColumns = {
  readonly seq: number
  readonly id: string
  readonly event: number
  readonly plan: number
  readonly route: string
  readonly receiver: string
  readonly template: string | null
  readonly conversation: string | null
  readonly grouping: string | null
  /** A StandIn as JSON. */
  readonly stands_in_for: string | null
  readonly state: State
  readonly reason: string | null
  readonly due_at: number | null
  readonly leased_at: number | null
  readonly attempts: number
  readonly ambiguous_attempts: number
  readonly created_at: number
  readonly retrying_since: number
}

export type AttemptRow = {
  readonly delivery: number
  readonly number: number
  readonly started_at: number
  readonly duration_ms: number
  readonly outcome: string
  readonly notes: string | null
  /** A Step as JSON. */
  readonly step: string | null
}

/** What `eventOfRow` needs of a row. */
export const EVENT_COLUMNS =
  'id, message_id, source, type, subject, received_at, sent_at, secret_index, body, enriched'

export type EventColumns = Pick<
  EventRow,
  | 'id'
  | 'message_id'
  | 'source'
  | 'type'
  | 'subject'
  | 'received_at'
  | 'sent_at'
  | 'secret_index'
  | 'body'
  | 'enriched'
>

/** The event of a row that must be one; throws for a quarantined request. */
export function eventOfRow(row: EventColumns | undefined): Event {
  const event =
    row === undefined
      ? null
      : eventOf({
          id: row.id,
          messageId: row.message_id,
          source: row.source,
          type: row.type,
          subject: row.subject,
          receivedAt: row.received_at,
          sentAt: row.sent_at,
          secretIndex: row.secret_index,
          body: row.body,
          enriched: enrichedOf(row.enriched),
        })
  if (event === null) throw new Error('a delivery belongs to no event')
  return event
}

/** Null where the row is damaged, which must not keep all other deliveries from being sent. */
export function readableEvent(row: EventColumns | undefined): Event | null {
  try {
    return eventOfRow(row)
  } catch {
    return null
  }
}

/** The request of a row that has no event yet. */
export function quarantinedOf(row: EventColumns & Pick<EventRow, 'problem'>): QuarantinedRequest {
  return {
    id: row.id,
    messageId: row.message_id,
    source: row.source,
    receivedAt: row.received_at,
    sentAt: row.sent_at,
    secretIndex: row.secret_index,
    body: row.body,
    problem: row.problem ?? '',
  }
}

export function eventSummaryOf(
  row: Omit<EventRow, 'body' | 'enriched' | 'enrichment'>,
  counts: EventSummary['counts'],
  enriching: boolean,
): EventSummary {
  return {
    id: row.id,
    messageId: row.message_id,
    source: row.source,
    type: row.type,
    subject: row.subject,
    receivedAt: row.received_at,
    unrouted: row.unrouted === 1,
    problem: row.problem,
    releasedAs: row.taken_up_by,
    enriching,
    counts,
  }
}

export function planOf(row: PlanRow, deliveries: readonly DeliveryRecord[]): PlanRecord {
  const routes: readonly PlannedRoute[] = JSON.parse(row.routes)
  return {
    number: row.number,
    at: row.at,
    cause: row.cause,
    fingerprint: row.fingerprint,
    unrouted: row.unrouted === 1,
    routes,
    deliveries,
  }
}

export function deliveryOf(row: DeliveryRow): Delivery {
  return deliveryTo({ channel: row.channel, target: row.target, rateKey: row.rate_key }, row.event_id, row)
}

export function deliveryTo(destination: Destination, eventId: string, row: DeliveryColumns): Delivery {
  return {
    id: row.id,
    eventId,
    plan: row.plan,
    route: row.route,
    receiver: row.receiver,
    destination,
    template: row.template,
    conversation: row.conversation,
    group: row.grouping,
    standsInFor: standInOf(row.stands_in_for),
    state: row.state,
    reason: row.reason,
    dueAt: row.due_at,
    attempts: row.attempts,
    ambiguousAttempts: row.ambiguous_attempts,
    createdAt: row.created_at,
    retryingSince: row.retrying_since,
  }
}

/** Stores of early checkouts say `afresh`. */
export function stepOf(text: string): Step {
  const step = JSON.parse(text)
  return step.how === 'afresh' ? { ...step, how: 'restarted' } : step
}

/** Throws SyntaxError where it is damaged. */
export function outcomeOf(json: string): Outcome {
  const outcome = JSON.parse(json)
  if (typeof outcome?.kind !== 'string') throw new SyntaxError('a stored outcome has no kind')
  return outcome
}

/** For what a person looks at: a damaged attempt must not hide its delivery. It may have delivered. */
function readableOutcome(json: string): Outcome {
  try {
    return outcomeOf(json)
  } catch {
    return { kind: 'ambiguous', reason: 'the stored outcome cannot be read' }
  }
}

export function attemptOf(row: AttemptRow, deliveryId: string): Attempt {
  const outcome = readableOutcome(row.outcome)
  const notes: readonly string[] = row.notes === null ? [] : JSON.parse(row.notes)
  const { number, started_at: startedAt, duration_ms: durationMs } = row
  const step = row.step === null ? null : stepOf(row.step)
  return { deliveryId, number, startedAt, durationMs, outcome, notes, ...(step !== null && { step }) }
}

/** For a list of names in SQL; none comes from outside. */
export function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ')
}

export function standInOf(json: string | null): StandIn | null {
  return json === null ? null : JSON.parse(json)
}
