/** What Prometheus reads at /metrics: the facts of the pipeline, counted, and what is asked when it reads. */
import { Registry } from 'prom-client'
import type { ErrorCode } from '../core/errors.ts'
import type { Fact } from '../pipeline/fact.ts'
import type { Committed } from '../store/store.ts'
import { createDeliveryMetrics } from './metrics/deliveries.ts'
import { createEventMetrics } from './metrics/events.ts'
import { createProcessMetrics, type ProcessParts } from './metrics/process.ts'
import { createReloadMetrics } from './metrics/reloads.ts'
import { createStoreMetrics, type StoreParts } from './metrics/store.ts'

export interface Metrics {
  readonly contentType: string
  readonly text: () => Promise<string>
  readonly count: (fact: Fact) => void
  /** A request was answered with this error. */
  readonly refused: (code: ErrorCode) => void
  readonly committed: Committed
  /** Lets whatever the configuration names start at 0: Prometheus sees the first of something only where it saw none before. */
  readonly configure: (known: Known) => void
  /** Idempotent. */
  readonly stop: () => void
}

export interface MetricsParts extends ProcessParts, StoreParts {}

/** What the configuration says can happen. */
export interface Known {
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

export function createMetrics(parts: MetricsParts): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const events = createEventMetrics(registers)
  const deliveries = createDeliveryMetrics(registers, parts.now)
  const store = createStoreMetrics(registers, parts)
  const reloads = createReloadMetrics(registers)
  const stop = createProcessMetrics(registry, parts)

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
    refused: events.refused,
    committed: store.committed,
    configure(known) {
      events.configure(known)
      deliveries.configure(known)
      store.configure(known)
    },
    stop,
  }
}
