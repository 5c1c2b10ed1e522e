import { Counter, type Registry } from 'prom-client'
import { type ErrorCode, errors } from '../../core/errors.ts'
import type { Fact } from '../../pipeline/fact.ts'
import type { MetricLabels } from './metrics.ts'

/** How a verification fails. Only a source that is configured verifies, so that no stranger makes a label. */
const verificationCodes = [
  'missing_signature',
  'malformed_signature',
  'timestamp_out_of_range',
  'wrong_signature',
] as const satisfies readonly ErrorCode[]
const ofVerification: ReadonlySet<ErrorCode> = new Set(verificationCodes)
const codes = Object.keys(errors) as readonly ErrorCode[]
const results = ['stored', 'unrouted', 'duplicate'] as const

/** What came in. */
export function createEventMetrics(registers: Registry[]) {
  const types = new EventTypes()
  const events = new Counter({
    name: 'hookbridge_events_total',
    help: 'Verified webhooks, by result: stored, unrouted (stored, but no route took it), duplicate, quarantined (no event could be read; without a type).',
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
    help: 'Requests that were answered with an error, by its code.',
    labelNames: ['code'],
    registers,
  })
  for (const code of codes) rejected.inc({ code }, 0)

  return {
    received(fact: Extract<Fact, { kind: 'received' }>): void {
      const result = fact.result === 'stored' && fact.unrouted ? 'unrouted' : fact.result
      events.inc({ source: fact.source, type: types.labelOf(fact.type), result })
    },
    rejected({ source, code }: Extract<Fact, { kind: 'rejected' }>): void {
      if (ofVerification.has(code)) unverified.inc({ source, reason: code })
    },
    countError(code: ErrorCode): void {
      rejected.inc({ code })
    },
    configure(known: Pick<MetricLabels, 'sources' | 'types'>): void {
      types.configure(known.types)
      for (const source of known.sources) {
        for (const reason of verificationCodes) unverified.inc({ source, reason }, 0)
        events.inc({ source, type: '', result: 'quarantined' }, 0)
        for (const type of [...types.known, BEYOND])
          for (const result of results) events.inc({ source, type, result }, 0)
      }
    },
  }
}

// A sender chooses its types, and each is as many time series as there are results: who names them by the thousand is
// cut off. Those of the configuration are the operator's choice, within reason.
const MOST_KNOWN = 100
const MOST_OTHERS = 20
const BEYOND = 'other'

/** The event types that are a label: those that the configuration names, and the first others that come. */
class EventTypes {
  #known: ReadonlySet<string> = new Set()
  readonly #others = new Set<string>()

  get known(): Iterable<string> {
    return this.#known
  }

  configure(types: readonly string[]): void {
    this.#known = new Set(types.slice(0, MOST_KNOWN))
  }

  /** A request in quarantine has no type, which to Prometheus is an empty label. */
  labelOf(type: string | null): string {
    if (type === null) return ''
    if (this.#known.has(type) || this.#others.has(type)) return type
    if (this.#others.size >= MOST_OTHERS) return BEYOND
    this.#others.add(type)
    return type
  }
}
