/** What the pipeline tells of itself: the log and the metrics are both made from these. */
import type { Delivery, NextState, Outcome } from '../core/delivery.ts'
import type { ErrorCode } from '../core/errors.ts'

export type Fact =
  | {
      readonly kind: 'received'
      readonly source: string
      /** Null for a quarantined request. */
      readonly type: string | null
      readonly result: 'stored' | 'duplicate' | 'quarantined'
      readonly unrouted: boolean
      readonly id: string
      readonly messageId: string
      readonly secretIndex: number
      readonly deliveries: number
      /** Why it is quarantined. */
      readonly problem?: string
    }
  | {
      readonly kind: 'rejected'
      readonly source: string
      readonly code: ErrorCode
      readonly address?: string
    }
  | {
      readonly kind: 'attempted'
      readonly delivery: Delivery
      readonly outcome: Outcome
      readonly next: NextState
      /** Milliseconds. */
      readonly took: number
      /** An earlier process began it: nobody saw its end, and `took` is 0. */
      readonly interrupted: boolean
      readonly notes: readonly string[]
    }
  | { readonly kind: 'store_failed'; readonly during: string; readonly message: string }
  | { readonly kind: 'purged'; readonly events: number }
  | {
      readonly kind: 'reloaded'
      readonly ok: boolean
      /** What asked for it. */
      readonly trigger: string
      /** The keys of the configuration that are different and take effect. */
      readonly changed: readonly string[]
      /** Why the configuration stays as it was; empty where it does not. */
      readonly reason: string
    }

export type Observe = (fact: Fact) => void

export interface LogEntry {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** What the log says of a fact. */
export function logEntry(fact: Fact): LogEntry {
  switch (fact.kind) {
    case 'received': {
      const { result, problem, id, messageId, source, type, secretIndex, unrouted, deliveries } = fact
      const fields = { id, message_id: messageId, source, type, secret_index: secretIndex, deliveries }
      if (result === 'quarantined') return { level: 'warn', message: `event quarantined: ${problem}`, fields }
      return {
        level: result === 'stored' && unrouted ? 'warn' : 'info',
        message: receivedMessage(fact),
        fields,
      }
    }
    case 'rejected': {
      const { source, code, address } = fact
      return { level: 'warn', message: 'request rejected', fields: { source, code, address } }
    }
    case 'attempted':
      return attemptedEntry(fact)
    case 'store_failed':
      return {
        level: 'error',
        message: `store unavailable: ${fact.message}`,
        fields: { during: fact.during },
      }
    case 'purged':
      return { level: 'debug', message: 'old events purged', fields: { events: fact.events } }
    case 'reloaded': {
      const { ok, trigger, changed, reason } = fact
      if (!ok)
        return { level: 'error', message: `configuration not reloaded: ${reason}`, fields: { trigger } }
      return { level: 'info', message: 'configuration reloaded', fields: { trigger, changed } }
    }
  }
}

function receivedMessage(fact: Extract<Fact, { kind: 'received' }>): string {
  if (fact.result === 'duplicate') return 'event seen before'
  return fact.unrouted ? 'event stored, but no route takes it' : 'event stored'
}

function attemptedEntry(fact: Extract<Fact, { kind: 'attempted' }>): LogEntry {
  const { delivery, outcome, next, took, notes } = fact
  const fields = {
    id: delivery.eventId,
    delivery: delivery.id,
    route: delivery.route,
    channel: delivery.channel,
    target: delivery.target,
    attempt: delivery.attempts + 1,
    took,
    ...(notes.length > 0 && { notes }),
    ...(next.dueAt !== null && { next_attempt: new Date(next.dueAt).toISOString() }),
  }
  const message = next.reason === null ? next.state : `${next.state}: ${next.reason}`
  const bad = next.state === 'parked' || next.state === 'dead'
  const level = bad ? 'error' : outcome.kind === 'sent' ? (notes.length > 0 ? 'warn' : 'info') : 'warn'
  return { level, message: `delivery ${message}`, fields }
}
