/** What the log says of a fact. */
import type { Delivery } from '../core/delivery/delivery.ts'
import { enrichmentEntry } from './enrichment/enrichment-fact.ts'
import type { Fact } from './fact.ts'
import type { LogEntry } from './log-entry.ts'

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
    case 'released': {
      const { id, from, source, type, unrouted, deliveries } = fact
      const fields = { id, quarantined: from, source, type, unrouted, deliveries }
      const message = unrouted
        ? 'request released from quarantine, but no route takes it'
        : 'request released from quarantine'
      return { level: unrouted ? 'warn' : 'info', message, fields }
    }
    case 'enrichment_tried':
    case 'enriched':
    case 'enrichment_refused':
    case 'enrichment_accepted':
    case 'enrichment_host':
      return enrichmentEntry(fact)
    case 'noticed': {
      const { id, type, subject, title, deliveries } = fact
      return { level: 'warn', message: `notice: ${title}`, fields: { id, type, subject, deliveries } }
    }
    case 'heartbeat':
      return heartbeatEntry(fact)
    case 'reloaded': {
      const { ok, trigger, changed, fingerprint, reason } = fact
      if (!ok)
        return { level: 'error', message: `configuration not reloaded: ${reason}`, fields: { trigger } }
      return { level: 'info', message: 'configuration reloaded', fields: { trigger, changed, fingerprint } }
    }
  }
}

/** Only what is new: there is one a minute. */
function heartbeatEntry({ host, result, reason, isNews }: Extract<Fact, { kind: 'heartbeat' }>): LogEntry {
  const bad = result === 'withheld' ? 'error' : 'warn'
  const level = !isNews ? 'debug' : result === 'sent' ? 'info' : bad
  return { level, message: `heartbeat ${result}${reason === null ? '' : `: ${reason}`}`, fields: { host } }
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
