/** What Prometheus reads at /metrics: the facts of the pipeline, counted, and what is asked when it reads. */
import { Registry } from 'prom-client'
import type { ErrorCode } from '../../core/errors.ts'
import type { Fact } from '../../pipeline/fact.ts'
import type { Committed } from '../../store/store.ts'
import { createDeliveryMetrics } from './deliveries.ts'
import { createEventMetrics } from './events.ts'
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
  /** Lets whatever the configuration names start at 0: Prometheus sees the first of something only where it saw none before. */
  readonly configure: (known: MetricLabels) => void
  /** Idempotent. */
  readonly stop: () => void
}

export interface MetricsDeps extends ProcessDeps, StoreDeps {}

/** What the configuration says can happen. */
export interface MetricLabels {
  readonly sources: readonly string[]
  /** Event types that it names. */
  readonly types: readonly string[]
  readonly channels: readonly string[]
  readonly destinations: readonly Destination[]
}

export interface Destination {
  readonly channel: string
  readonly receiver: string
}

export function createMetrics(deps: MetricsDeps): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const events = createEventMetrics(registers)
  const deliveries = createDeliveryMetrics(registers, deps.now)
  const store = createStoreMetrics(registers, deps)
  const reloads = createReloadMetrics(registers)
  const stop = createProcessMetrics(registry, deps)

  function count(fact: Fact): void {
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
      case 'store_failed':
        store.failed(fact.during)
        return
      case 'purged':
        store.purged(fact.events)
        return
      case 'reloaded':
        if (fact.ok) deliveries.forgive()
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
    configure(known) {
      events.configure(known)
      deliveries.configure(known)
      store.configure(known)
    },
    stop,
  }
}
