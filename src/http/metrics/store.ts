import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Observe } from '../../pipeline/fact.ts'
import { backlogStates, type Store } from '../../store/store.ts'
import { cached } from './cached.ts'
import type { MetricLabels } from './labels.ts'

export interface StoreDeps {
  readonly backlog: Store['backlog']
  readonly now: () => number
  /** Monotonic milliseconds. */
  readonly clock: () => number
  /** Called when the backlog cannot be read. */
  readonly observe: Observe
}

const activities = [
  'append',
  'claim',
  'complete',
  'reconfigure',
  'quarantine',
  'enrich',
  'purge',
  'backlog',
  'destinations',
  'files',
] as const

/** The store and its queue. */
export function createStoreMetrics(registers: Registry[], deps: StoreDeps) {
  const failures = new Counter({
    name: 'hookbridge_store_failures_total',
    help: `Failed operations of the store, by operation: ${activities.join(', ')}.`,
    labelNames: ['during'],
    registers,
  })
  for (const during of activities) failures.inc({ during }, 0)
  const purged = new Counter({
    name: 'hookbridge_events_purged_total',
    help: 'Events that were removed after store.retain or store.retain_unresolved.',
    registers,
  })
  const purgedUnresolved = new Counter({
    name: 'hookbridge_unresolved_events_purged_total',
    help: 'Events that were removed after store.retain_unresolved, although a delivery was parked or dead, or the request in quarantine.',
    registers,
  })
  const commit = new Histogram({
    name: 'hookbridge_store_commit_duration_seconds',
    help: 'How long commits that wrote something took, including the fsync.',
    buckets: [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers,
  })
  const batch = new Histogram({
    name: 'hookbridge_store_commit_batch_size',
    help: 'Changes (events, claims, records of attempts) in one commit.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
    registers,
  })
  const queue = createQueueMetrics(registers, deps)

  return {
    failed: (during: string): void => failures.inc({ during }),
    purged(events: number, unresolved: number): void {
      purged.inc(events)
      purgedUnresolved.inc(unresolved)
    },
    committed(changes: number, durationMs: number): void {
      commit.observe(durationMs / 1000)
      batch.observe(changes)
    },
    configure: queue.configure,
  }
}

function createQueueMetrics(registers: Registry[], { backlog, now, clock, observe }: StoreDeps) {
  let channels: readonly string[] = []
  const read = cached(backlog, clock, (error) => {
    const message = error instanceof Error ? error.message : String(error)
    observe({ kind: 'store_failed', during: 'backlog', message })
  })
  new Gauge({
    name: 'hookbridge_queue_depth',
    help: `Undelivered messages, by state: ${backlogStates.join(', ')}. For parked ones a person must act; dead ones were given up or refused.`,
    labelNames: ['channel', 'state'],
    registers,
    async collect() {
      const found = await read()
      this.reset()
      // A missing series is better than a wrong 0.
      if (found === null) return
      for (const channel of channels) for (const state of backlogStates) this.set({ channel, state }, 0)
      for (const { channel, counts } of found)
        for (const state of backlogStates) this.set({ channel, state }, counts[state])
    },
  })
  new Gauge({
    name: 'hookbridge_queue_oldest_due_age_seconds',
    help: 'How long the oldest due delivery has been due; 0 if none is due.',
    labelNames: ['channel'],
    registers,
    async collect() {
      const found = await read()
      this.reset()
      if (found === null) return
      for (const channel of channels) this.set({ channel }, 0)
      for (const { channel, firstDueAt } of found)
        this.set({ channel }, firstDueAt === null ? 0 : Math.max(0, now() - firstDueAt) / 1000)
    },
  })
  return {
    configure(labels: Pick<MetricLabels, 'channels'>): void {
      channels = labels.channels
    },
  }
}
