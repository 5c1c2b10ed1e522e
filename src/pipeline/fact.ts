/** What happens in the pipeline: the log, the metrics and the traces are made from these. */
import type { Delivery } from '../core/delivery/delivery.ts'
import type { Outcome } from '../core/delivery/outcome.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { Step } from '../core/lifecycle/lifecycle.ts'
import type { NoticeType } from '../core/notice/notice.ts'
import type { QuarantineCode } from '../core/plan.ts'
import type { Completed } from '../store/store.ts'
import { type EnrichmentFact, enrichmentEntry } from './enrichment-fact.ts'
import type { LogEntry } from './log-entry.ts'

export type Fact =
  | {
      readonly kind: 'received'
      readonly source: string
      /** Null for a quarantined request. */
      readonly type: string | null
      readonly subject: string | null
      readonly result: 'stored' | 'duplicate' | 'quarantined'
      readonly unrouted: boolean
      readonly id: string
      readonly messageId: string
      readonly secretIndex: number
      readonly deliveries: number
      /** It is planned after its enrichment. */
      readonly enriching: boolean
      /** Why it is quarantined. */
      readonly problem?: string
      readonly code?: QuarantineCode
      readonly handling: Handling
    }
  | {
      readonly kind: 'rejected'
      readonly source: string
      readonly code: ErrorCode
      readonly address?: string
      /** The sender's id, where the request's headers name one. */
      readonly messageId?: string
      readonly method?: string
      readonly path?: string
      /** For the operator: how to correct the sender, or this machine. */
      readonly hint?: string
    }
  | {
      readonly kind: 'attempted'
      readonly delivery: Delivery
      readonly outcome: Outcome
      readonly next: Completed
      /** 0 where it was interrupted. */
      readonly durationMs: number
      readonly notes: readonly string[]
      /** The template that made the message; null where none did. */
      readonly template: string | null
      readonly startedAt: number
      /** Null if the process that made the attempt ended before the attempt did. */
      readonly times: AttemptTimes | null
      /** What the message did in its conversation, if it was sent in one. */
      readonly step?: Step
    }
  /** It was skipped: a later message of its conversation had been sent. */
  | { readonly kind: 'skipped'; readonly delivery: Delivery; readonly reason: string }
  | {
      readonly kind: 'store_failed'
      readonly during: string
      readonly message: string
      /** The verified request that was not stored. */
      readonly request?: UnstoredRequest
      /** The delivery whose attempt was not recorded yet. */
      readonly delivery?: Delivery
    }
  /** Old events were removed; `unresolved` of them were quarantined or had a parked or dead delivery. */
  | { readonly kind: 'purged'; readonly events: number; readonly unresolved: number }
  /** A quarantined request was read again, and is an event now. */
  | {
      readonly kind: 'taken_up'
      readonly id: string
      readonly from: string
      readonly source: string
      readonly type: string
      readonly deliveries: number
    }
  | EnrichmentFact
  /** The service had something to say itself, and stored it as an event. */
  | {
      readonly kind: 'noticed'
      readonly id: string
      readonly type: NoticeType
      readonly subject: string | null
      readonly title: string
      readonly deliveries: number
    }
  | {
      readonly kind: 'reloaded'
      readonly ok: boolean
      /** What asked for it. */
      readonly trigger: string
      /** The keys whose change takes effect. */
      readonly changed: readonly string[]
      /** Of the configuration in effect. */
      readonly fingerprint: string
      /** Why the reload failed; empty if it succeeded. */
      readonly reason: string
    }

export type Observe = (fact: Fact) => void

/** How a verified request was handled. Times are those of the pipeline's `clock`. */
export interface Handling {
  /** When its head had arrived. */
  readonly began: number
  readonly verifying: number
  readonly verified: number
  /** It was read as an event and planned, or could not be. */
  readonly routed: number
  /** The store has committed it, or refused it. */
  readonly stored: number
  /** The routes that take it. */
  readonly routes: readonly string[]
  readonly bytes: number
  /** The header of that name, as received; it is not signed. */
  readonly traceparent: string | undefined
}

export interface UnstoredRequest {
  readonly source: string
  readonly type: string | null
  /** The id that the event would have. */
  readonly id: string
  readonly messageId: string
  readonly handling: Handling
}

/** When the parts of an attempt were over, by the pipeline's `clock`. */
export interface AttemptTimes {
  readonly began: number
  /** Null where there was nothing to render with. */
  readonly rendered: number | null
  readonly ended: number
  readonly recorded: number
}

/** What the log says of a fact. */
export function logEntry(fact: Fact): LogEntry {
  switch (fact.kind) {
    case 'received': {
      const { result, problem, id, messageId, source, type, subject, secretIndex, unrouted, deliveries } =
        fact
      const fields = {
        id,
        message_id: messageId,
        source,
        type,
        subject,
        secret_index: secretIndex,
        deliveries,
      }
      if (result === 'quarantined') return { level: 'warn', message: `event quarantined: ${problem}`, fields }
      return {
        level: result === 'stored' && unrouted ? 'warn' : 'info',
        message: receivedMessage(fact),
        fields,
      }
    }
    case 'rejected': {
      const { source, code, address, messageId: message_id, method, path, hint } = fact
      const fields = { source, code, address, message_id, method, path, hint }
      return { level: 'warn', message: 'request rejected', fields }
    }
    case 'attempted':
      return attemptedEntry(fact)
    case 'skipped': {
      const { delivery, reason } = fact
      return { level: 'info', message: `delivery skipped: ${reason}`, fields: placeOf(delivery) }
    }
    case 'store_failed':
      return {
        level: 'error',
        message: `store unavailable: ${fact.message}`,
        fields: { during: fact.during },
      }
    case 'purged':
      return purgedEntry(fact)
    case 'taken_up': {
      const { id, from, source, type, deliveries } = fact
      const fields = { id, quarantined: from, source, type, deliveries }
      return { level: 'info', message: 'quarantined request taken up', fields }
    }
    case 'enrichment_tried':
    case 'enriched':
    case 'enrichment_refused':
    case 'enrichment_accepted':
      return enrichmentEntry(fact)
    case 'noticed': {
      const { id, type, subject, title, deliveries } = fact
      return { level: 'warn', message: `notice: ${title}`, fields: { id, type, subject, deliveries } }
    }
    case 'reloaded': {
      const { ok, trigger, changed, fingerprint, reason } = fact
      if (!ok)
        return { level: 'error', message: `configuration not reloaded: ${reason}`, fields: { trigger } }
      return { level: 'info', message: 'configuration reloaded', fields: { trigger, changed, fingerprint } }
    }
  }
}

function purgedEntry({ events, unresolved }: Extract<Fact, { kind: 'purged' }>): LogEntry {
  if (unresolved === 0) return { level: 'debug', message: 'old events purged', fields: { events } }
  const message = `old events purged, ${unresolved} of them with messages that were never delivered or dismissed`
  return { level: 'warn', message, fields: { events, unresolved } }
}

function receivedMessage(fact: Extract<Fact, { kind: 'received' }>): string {
  if (fact.result === 'duplicate') return 'event seen before'
  if (fact.enriching) return 'event stored, to be enriched'
  return fact.unrouted ? 'event stored, but no route takes it' : 'event stored'
}

function attemptedEntry(fact: Extract<Fact, { kind: 'attempted' }>): LogEntry {
  const { delivery, outcome, next, durationMs, notes, step } = fact
  const fields = {
    ...placeOf(delivery),
    ...(step && { conversation: delivery.conversation, how: step.how }),
    attempt: delivery.attempts + 1,
    duration_ms: durationMs,
    ...(notes.length > 0 && { notes }),
    ...(next.fallbacks && { fallbacks: next.fallbacks.map(({ id }) => id) }),
    ...(next.dueAt !== null && { next_attempt: new Date(next.dueAt).toISOString() }),
  }
  const message = next.reason === null ? next.state : `${next.state}: ${next.reason}`
  const bad = next.state === 'parked' || next.state === 'dead'
  const level = bad ? 'error' : outcome.kind === 'sent' ? (notes.length > 0 ? 'warn' : 'info') : 'warn'
  return { level, message: `delivery ${message}`, fields }
}

function placeOf({ id, eventId, route, destination }: Delivery) {
  const { channel, target } = destination
  return { id: eventId, delivery: id, route, channel, target }
}
