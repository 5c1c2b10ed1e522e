import { Counter, type Registry } from 'prom-client'
import { type ErrorCode, errors } from '../../core/errors.ts'
import { noticeTypes } from '../../core/notice/notice.ts'
import type { Fact } from '../../pipeline/fact.ts'
import type { MetricLabels } from './labels.ts'

/** How a verification fails. Only configured sources verify, so clients cannot create series. */
const verificationCodes = [
  'missing_signature',
  'malformed_signature',
  'timestamp_out_of_range',
  'wrong_signature',
] as const satisfies readonly ErrorCode[]
const ofVerification: ReadonlySet<ErrorCode> = new Set(verificationCodes)
const codes = Object.keys(errors) as readonly ErrorCode[]
const results = ['stored', 'unrouted', 'duplicate', 'released'] as const

/** What came in. */
export function createEventMetrics(registers: Registry[]) {
  const typeLabels = new TypeLabels()
  const events = new Counter({
    name: 'hookbridge_events_total',
    help: 'Verified webhooks, by result: stored, unrouted (stored, but no route took it), duplicate, quarantined (could not be read or routed; without a type), released (was in quarantine, and is an event now).',
    labelNames: ['source', 'type', 'result'],
    registers,
  })
  const unverified = new Counter({
    name: 'hookbridge_verification_failures_total',
    help: `Requests to a source that did not verify, by reason: ${verificationCodes.join(', ')}.`,
    labelNames: ['source', 'reason'],
    registers,
  })
  const rejected = new Counter({
    name: 'hookbridge_requests_rejected_total',
    help: 'Requests that were answered with an error, by its code; connections beyond server.max_connections as overloaded.',
    labelNames: ['code'],
    registers,
  })
  const notices = new Counter({
    name: 'hookbridge_notices_total',
    help: `Notices of the service itself, by type: ${noticeTypes.join(', ')}.`,
    labelNames: ['type'],
    registers,
  })
  for (const type of noticeTypes) notices.inc({ type }, 0)
  for (const code of codes) rejected.inc({ code }, 0)

  return {
    received(fact: Extract<Fact, { kind: 'received' }>): void {
      // Counted when it is planned.
      if (fact.enriching) return
      const result = fact.result === 'stored' && fact.unrouted ? 'unrouted' : fact.result
      events.inc({ source: fact.source, type: typeLabels.labelOf(fact.type), result })
    },
    enriched({ source, type, unrouted }: Extract<Fact, { kind: 'enriched' }>): void {
      events.inc({ source, type: typeLabels.labelOf(type), result: unrouted ? 'unrouted' : 'stored' })
    },
    released({ source, type }: Extract<Fact, { kind: 'released' }>): void {
      events.inc({ source, type: typeLabels.labelOf(type), result: 'released' })
    },
    noticed({ type }: Extract<Fact, { kind: 'noticed' }>): void {
      notices.inc({ type })
    },
    rejected({ source, code }: Extract<Fact, { kind: 'rejected' }>): void {
      if (ofVerification.has(code)) unverified.inc({ source, reason: code })
    },
    countError(code: ErrorCode): void {
      rejected.inc({ code })
    },
    configure({ sources, types }: Pick<MetricLabels, 'sources' | 'types'>): void {
      typeLabels.configure(types)
      for (const source of sources) {
        for (const reason of verificationCodes) unverified.inc({ source, reason }, 0)
        events.inc({ source, type: '', result: 'quarantined' }, 0)
        for (const type of [...typeLabels.configured, OTHER])
          for (const result of results) events.inc({ source, type, result }, 0)
      }
    },
  }
}

// Senders choose their event types, and each is several time series: the number of those that are not configured is
// bounded.
const MAX_CONFIGURED = 100
const MAX_UNCONFIGURED = 20
const OTHER = 'other'

/** The event types that become a label: those that the configuration names, and the first others that come. */
class TypeLabels {
  #configured: ReadonlySet<string> = new Set()
  readonly #unconfigured = new Set<string>()

  get configured(): Iterable<string> {
    return this.#configured
  }

  configure(types: readonly string[]): void {
    this.#configured = new Set(types.slice(0, MAX_CONFIGURED))
  }

  /** Empty for a quarantined request, which has no type. */
  labelOf(type: string | null): string {
    if (type === null) return ''
    if (this.#configured.has(type) || this.#unconfigured.has(type)) return type
    if (this.#unconfigured.size >= MAX_UNCONFIGURED) return OTHER
    this.#unconfigured.add(type)
    return type
  }
}
