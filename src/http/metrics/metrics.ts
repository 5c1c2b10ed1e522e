/** The metrics at /metrics: facts of the pipeline, counted, and values that are read when Prometheus scrapes. */
import { Registry } from 'prom-client'
import type { ErrorCode } from '../../core/errors.ts'
import type { Fact } from '../../pipeline/fact.ts'
import type { Committed } from '../../store/store.ts'
import { createDeliveryMetrics } from './deliveries.ts'
import { createDestinationMetrics, type DestinationDeps } from './destinations.ts'
import { createEnrichmentMetrics, type EnrichmentDeps } from './enrichments.ts'
import { createEventMetrics } from './events.ts'
import { createHeartbeatMetrics } from './heartbeats.ts'
import type { MetricLabels } from './labels.ts'
import { createProcessMetrics, type ProcessDeps } from './process.ts'
import { createReloadMetrics } from './reloads.ts'
import { createStoreMetrics, type StoreDeps } from './store.ts'

export interface Metrics {
  readonly contentType: string
  readonly text: () => Promise<string>
  readonly count: (fact: Fact) => void
  /** A request was answered with this error. */
  readonly countError: (code: ErrorCode) => void
  readonly committed: Committed
  /** Starts the series that the configuration names at 0, so that `rate` and `increase` see the first increment. */
  readonly configure: (labels: MetricLabels) => void
  /** Counts the open connections of the server; until then there are none. */
  readonly measureConnections: (count: () => Promise<number>) => void
  /** Idempotent. */
  readonly stop: () => void
}

export interface MetricsDeps extends ProcessDeps, StoreDeps, DestinationDeps, EnrichmentDeps {}

export function createMetrics(deps: MetricsDeps): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const events = createEventMetrics(registers)
  const deliveries = createDeliveryMetrics(registers, deps.now)
  const destinations = createDestinationMetrics(registers, deps)
  const store = createStoreMetrics(registers, deps)
  const enrichments = createEnrichmentMetrics(registers, deps)
  const heartbeats = createHeartbeatMetrics(registers, deps.now)
  const reloads = createReloadMetrics(registers)
  const measured = createProcessMetrics(registry, deps)

  function count(fact: Fact): void {
    if ('muted' in fact && fact.muted !== undefined) deliveries.muted(fact.muted)
    switch (fact.kind) {
      case 'received':
        events.received(fact)
        return
      case 'rejected':
        events.rejected(fact)
        return
      case 'attempted':
        deliveries.attempted(fact)
        return
      case 'skipped':
        deliveries.skipped(fact)
        return
      case 'store_failed':
        store.failed(fact.during)
        return
      case 'purged':
        store.purged(fact.events, fact.unresolved)
        return
      case 'released':
        events.released(fact)
        return
      case 'enrichment_tried':
        enrichments.tried(fact)
        return
      case 'enriched':
        events.enriched(fact)
        return
      case 'enrichment_refused':
        enrichments.refused(fact)
        return
      case 'enrichment_accepted':
        enrichments.accepted(fact)
        return
      case 'noticed':
        events.noticed(fact)
        return
      case 'heartbeat':
        heartbeats(fact)
        return
      case 'reloaded':
        reloads(fact.ok)
        return
    }
  }

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    count,
    countError: events.countError,
    committed: store.committed,
    configure(labels) {
      events.configure(labels)
      deliveries.configure(labels)
      destinations.configure(labels)
      store.configure(labels)
      enrichments.configure(labels.steps)
    },
    measureConnections: measured.measureConnections,
    stop: measured.stop,
  }
}
