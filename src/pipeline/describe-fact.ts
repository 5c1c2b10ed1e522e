/** What the log says of a fact. */
import type { Delivery } from '../core/delivery/delivery.ts'
import { describeEnrichment } from './enrichment/enrichment-fact.ts'
import type { Fact } from './fact.ts'
import type { LogEntry } from './log-entry.ts'

type Of<Kind> = Extract<Fact, { readonly kind: Kind }>

export function describeFact(fact: Fact): LogEntry {
  switch (fact.kind) {
    case 'received':
      return received(fact)
    case 'rejected':
      return rejected(fact)
    case 'attempted':
      return attempted(fact)
    case 'skipped':
      return {
        level: 'info',
        message: `delivery skipped: ${fact.reason}`,
        fields: placeOf(fact.delivery),
      }
    case 'store_failed':
      return {
        level: 'error',
        message: `store unavailable: ${fact.message}`,
        fields: { during: fact.during },
      }
    case 'purged':
      return purged(fact)
    case 'released':
      return released(fact)
    case 'enrichment_tried':
    case 'enriched':
    case 'enrichment_refused':
    case 'enrichment_accepted':
    case 'enrichment_host':
      return describeEnrichment(fact)
    case 'noticed':
      return noticed(fact)
    case 'heartbeat':
      return heartbeat(fact)
    case 'reloaded':
      return reloaded(fact)
  }
}

function received(fact: Of<'received'>): LogEntry {
  const { result, problem, id, messageId, source, type, subject, secretIndex, unrouted, deliveries } = fact
  const fields = {
    id,
    message_id: messageId,
    source,
    type,
    subject,
    secret_index: secretIndex,
    deliveries,
    ...fact.muted,
  }
  if (result === 'quarantined') return { level: 'warn', message: `event quarantined: ${problem}`, fields }
  return { level: result === 'stored' && unrouted ? 'warn' : 'info', message: receivedMessage(fact), fields }
}

function rejected({ source, code, address, messageId, method, path, hint }: Of<'rejected'>): LogEntry {
  const fields = { source, code, address, message_id: messageId, method, path, hint }
  return { level: 'warn', message: 'request rejected', fields }
}

function released({ id, from, source, type, unrouted, deliveries, muted }: Of<'released'>): LogEntry {
  const fields = { id, quarantined: from, source, type, unrouted, deliveries, ...muted }
  const message = 'request released from quarantine'
  if (!unrouted) return { level: 'info', message, fields }
  return { level: 'warn', message: `${message}, but no route takes it`, fields }
}

function noticed({ id, type, subject, title, deliveries, muted }: Of<'noticed'>): LogEntry {
  return { level: 'warn', message: `notice: ${title}`, fields: { id, type, subject, deliveries, ...muted } }
}

function reloaded({ ok, trigger, changed, fingerprint, reason }: Of<'reloaded'>): LogEntry {
  if (!ok) return { level: 'error', message: `configuration not reloaded: ${reason}`, fields: { trigger } }
  return { level: 'info', message: 'configuration reloaded', fields: { trigger, changed, fingerprint } }
}

/** Only what is new: there is one a minute. */
function heartbeat({ host, result, reason, isNews }: Of<'heartbeat'>): LogEntry {
  const bad = result === 'withheld' ? 'error' : 'warn'
  const level = !isNews ? 'debug' : result === 'sent' ? 'info' : bad
  return { level, message: `heartbeat ${result}${reason === null ? '' : `: ${reason}`}`, fields: { host } }
}

function purged({ events, unresolved }: Of<'purged'>): LogEntry {
  if (unresolved === 0) return { level: 'debug', message: 'old events purged', fields: { events } }
  const message = `old events purged; ${unresolved} of them had parked or dead messages, or were in quarantine`
  return { level: 'warn', message, fields: { events, unresolved } }
}

function receivedMessage(fact: Of<'received'>): string {
  if (fact.result === 'duplicate') return 'duplicate request: already stored'
  if (fact.enriching) return 'event stored, to be enriched'
  return fact.unrouted ? 'event stored, but no route takes it' : 'event stored'
}

function attempted(fact: Of<'attempted'>): LogEntry {
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
