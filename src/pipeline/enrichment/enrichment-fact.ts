/** What happens while an event is enriched. */

import type { StepResult } from '../../core/enrichment/progress.ts'
import type { MutedCounts } from '../../core/routing/plan.ts'
import type { LogEntry } from '../log-entry.ts'

export type EnrichmentFact =
  /** A step of an event's enrichment was asked once, or cannot be asked. */
  | {
      readonly kind: 'enrichment_tried'
      /** Of the event. */
      readonly id: string
      readonly source: string
      readonly type: string
      readonly step: string
      readonly host: string
      readonly result: 'fetched' | 'again' | 'failed'
      readonly reason: string | null
      /** An earlier answer served again. */
      readonly kept: boolean
      readonly durationMs: number
      /** When it is asked again. */
      readonly againAt: number | null
      /** By the pipeline's `clock`. */
      readonly ended: number
    }
  /** The enrichment of an event has ended, and it was planned. */
  | {
      readonly kind: 'enriched'
      readonly id: string
      readonly source: string
      readonly type: string
      readonly steps: readonly StepResult[]
      readonly unrouted: boolean
      readonly deliveries: number
      /** Of these; left out where there are none. */
      readonly muted?: MutedCounts
      /** Milliseconds since the epoch. */
      readonly receivedAt: number
      /** Since then. */
      readonly waitedMs: number
    }
  /** A step was refused with 401 or 403, which a person must put right; once, until it is accepted again or after a reload. */
  | {
      readonly kind: 'enrichment_refused'
      readonly step: string
      readonly host: string
      readonly status: 401 | 403
      readonly reason: string
      /** Of the first event that goes without it. */
      readonly id: string
      /** When it was last accepted, in milliseconds since the epoch; 0 where that is not known. */
      readonly acceptedAt: number
    }
  | { readonly kind: 'enrichment_accepted'; readonly step: string; readonly host: string }
  /** A host begins to fail, so that it gets one request at a time at growing intervals, or works again. */
  | ({ readonly kind: 'enrichment_host'; readonly host: string } & (
      | { readonly failing: true; readonly reason: string }
      | { readonly failing: false }
    ))

export function describeEnrichment(fact: EnrichmentFact): LogEntry {
  switch (fact.kind) {
    case 'enrichment_tried': {
      const { id, step, host, result, reason, kept, durationMs, againAt } = fact
      const fields = {
        id,
        step,
        host,
        duration_ms: Math.round(durationMs),
        ...(kept && { from_cache: true }),
        ...(againAt !== null && { next_try: new Date(againAt).toISOString() }),
      }
      const message = `enrichment ${result === 'again' ? 'will be tried again' : result}`
      const level = result === 'fetched' ? 'debug' : result === 'again' ? 'info' : 'warn'
      return { level, message: reason === null ? message : `${message}: ${reason}`, fields }
    }
    case 'enriched': {
      const { id, source, type, steps, unrouted, deliveries, waitedMs } = fact
      const results = Object.fromEntries(steps.map(({ step, result }) => [step, result]))
      const fields = { id, source, type, steps: results, deliveries, ...fact.muted, waited_ms: waitedMs }
      const message = unrouted ? 'event enriched, but no route takes it' : 'event enriched'
      return { level: unrouted ? 'warn' : 'info', message, fields }
    }
    case 'enrichment_refused': {
      const { step, host, reason, id } = fact
      const message = `the step ${step} of enrich is refused: ${reason}; until that is corrected, messages are sent without what it fetches`
      return { level: 'error', message, fields: { step, host, id } }
    }
    case 'enrichment_host': {
      const { host } = fact
      if (!fact.failing) return { level: 'info', message: `${host} answers again`, fields: { host } }
      const message = `${host} fails: ${fact.reason}; it gets fewer requests until it answers`
      return { level: 'warn', message, fields: { host } }
    }
    case 'enrichment_accepted': {
      const { step, host } = fact
      return {
        level: 'info',
        message: `the step ${step} of enrich is accepted again`,
        fields: { step, host },
      }
    }
  }
}
