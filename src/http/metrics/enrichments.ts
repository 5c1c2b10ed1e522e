import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Fact } from '../../pipeline/fact.ts'
import type { Enrichments } from '../../store/store.ts'
import { cached } from './cached.ts'
import type { StoreDeps } from './store.ts'

export interface EnrichmentDeps extends Pick<StoreDeps, 'clock' | 'observe'> {
  readonly waitingEnrichments: Enrichments['waitingEnrichments']
}

const results = ['fetched', 'again', 'failed'] as const

type Of<Kind> = Extract<Fact, { readonly kind: Kind }>

/** What events wait for before they are planned. */
export function createEnrichmentMetrics(registers: Registry[], deps: EnrichmentDeps) {
  const { waitingEnrichments, clock, observe } = deps
  const read = cached(waitingEnrichments, clock, (error) => {
    const message = error instanceof Error ? error.message : String(error)
    observe({ kind: 'store_failed', during: 'backlog', message })
  })
  const tries = new Counter({
    name: 'hookbridge_enrichment_tries_total',
    help: 'Tries at the steps of enrich, by result: fetched, again (not ready or failed, and another try follows), failed.',
    labelNames: ['step', 'result'],
    registers,
  })
  const durations = new Histogram({
    name: 'hookbridge_enrichment_duration_seconds',
    help: 'How long the tries at a step took, except those answered from the cache.',
    labelNames: ['step'],
    buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  })
  const refused = new Gauge({
    name: 'hookbridge_enrichment_refused',
    help: '1 if the requests of a step are refused with 401 or 403, so that a person must act; otherwise 0.',
    labelNames: ['step'],
    registers,
  })
  new Gauge({
    name: 'hookbridge_enrichments_waiting',
    help: 'Events that wait for their enrichment.',
    registers,
    async collect() {
      const waiting = await read()
      if (waiting !== null) this.set(waiting)
    },
  })

  return {
    tried({ step, result, kept, durationMs }: Of<'enrichment_tried'>): void {
      tries.inc({ step, result })
      if (!kept) durations.observe({ step }, durationMs / 1000)
    },
    refused({ step }: Of<'enrichment_refused'>): void {
      refused.set({ step }, 1)
    },
    accepted({ step }: Of<'enrichment_accepted'>): void {
      refused.set({ step }, 0)
    },
    configure(steps: readonly string[]): void {
      refused.reset()
      for (const step of steps) {
        refused.set({ step }, 0)
        durations.zero({ step })
        for (const result of results) tries.inc({ step, result }, 0)
      }
    },
  }
}
