/** The history as --json prints it: keys in the style of the configuration, times in ISO 8601. */
import type { Delivery } from '../../core/delivery/delivery.ts'
import type {
  Attempt,
  DeliveryRecord,
  DeliverySummary,
  EnrichmentRecord,
  EventRecord,
  EventSummary,
  PlanRecord,
} from '../../store/store.ts'
import { fallbacksOf } from './describe.ts'
import { iso, isoOrNull } from './words.ts'

export function eventSummaryJson({ counts, ...event }: EventSummary): object {
  return { ...commonJson(event), deliveries: counts }
}

export function eventJson(event: EventRecord): object {
  return {
    ...commonJson(event),
    sent_at: iso(event.sentAt),
    secret_index: event.secretIndex,
    released_from: event.releasedFrom,
    body: new TextDecoder().decode(event.body),
    enriched: event.enriched,
    enrichment: event.enrichment && enrichmentJson(event.enrichment),
    plans: event.plans.map(planJson),
  }
}

function enrichmentJson({ steps, waiting }: EnrichmentRecord): object {
  return {
    steps: steps.map(({ since, endedAt, paused: _paused, ...step }) => ({
      ...step,
      since: iso(since),
      ended_at: iso(endedAt),
    })),
    waiting: waiting && {
      due_at: iso(waiting.dueAt),
      ...(waiting.current && {
        step: waiting.current.step,
        tries: waiting.current.tries,
        reason: waiting.current.reason,
      }),
    },
  }
}

export function deliverySummaryJson(delivery: DeliverySummary): object {
  const { type, source, subject } = delivery
  return { ...deliveryCommonJson(delivery), type, source, subject }
}

/** `others`: the deliveries of its event, which include its fallbacks. */
export function deliveryJson(delivery: DeliveryRecord, others: readonly DeliveryRecord[]): object {
  return {
    ...deliveryCommonJson(delivery),
    fallbacks: fallbacksOf(delivery, others).map(({ id }) => id),
    history: delivery.history.map(attemptJson),
  }
}

function commonJson(event: Omit<EventSummary, 'counts'>): object {
  return {
    id: event.id,
    message_id: event.messageId,
    source: event.source,
    type: event.type,
    subject: event.subject,
    received_at: iso(event.receivedAt),
    unrouted: event.unrouted,
    problem: event.problem,
    released_as: event.releasedAs,
    enriching: event.enriching,
  }
}

function planJson({ at, deliveries, ...plan }: PlanRecord): object {
  return { ...plan, at: iso(at), deliveries: deliveries.map((one) => deliveryJson(one, deliveries)) }
}

function deliveryCommonJson(delivery: Delivery): object {
  return {
    id: delivery.id,
    event_id: delivery.eventId,
    plan: delivery.plan,
    route: delivery.route,
    receiver: delivery.receiver,
    channel: delivery.destination.channel,
    target: delivery.destination.target,
    template: delivery.template,
    conversation: delivery.conversation,
    group: delivery.group,
    stands_in_for: delivery.standsInFor,
    state: delivery.state,
    reason: delivery.reason,
    due_at: isoOrNull(delivery.dueAt),
    attempts: delivery.attempts,
    ambiguous_attempts: delivery.ambiguousAttempts,
    created_at: iso(delivery.createdAt),
    retrying_since: iso(delivery.retryingSince),
  }
}

function attemptJson({ number, startedAt, durationMs, outcome: ended, notes, step }: Attempt): object {
  const { lookUp, ...outcome } = ended
  const lookedUp = lookUp === undefined ? {} : { look_up: lookUp }
  return {
    number,
    started_at: iso(startedAt),
    duration_ms: durationMs,
    outcome: { ...outcome, ...lookedUp },
    notes,
    step: step ?? null,
  }
}
