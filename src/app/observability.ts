import type { Logger } from 'pino'
import type { CompiledConfig } from '../config/compiled.ts'
import { packageVersion } from '../config/package.ts'
import { createMetrics, type Metrics } from '../http/metrics/metrics.ts'
import { statusOf } from '../http/webhooks.ts'
import type { Store } from '../store/store.ts'
import { startTraces } from '../telemetry/traces.ts'
import { createReadiness, type Readiness } from './health/readiness.ts'
import type { Supervisor } from './health/supervisor.ts'
import { createFacts, type Facts, logFacts } from './log/facts.ts'
import { createRequestLog } from './log/request-log.ts'
import { metricLabelsOf } from './metric-labels.ts'

export interface ObservabilityOptions {
  readonly compiled: CompiledConfig
  readonly store: Store
  readonly log: Logger
  /** A monotonic clock: milliseconds with fractions, for measuring. */
  readonly clock: () => number
  readonly supervisor: Supervisor | undefined
  readonly inFlight: { readonly count: number }
  readonly isStopping: () => boolean
}

/** Reports the work of the service: each fact is passed to metrics, systemd, readiness, log and traces, in this order. */
export interface Observability {
  readonly facts: Facts
  readonly metrics: Metrics
  readonly readiness: Readiness
  /** Writes the last summaries of requests. */
  stopLogs(): void
  stopTraces(): Promise<void> | undefined
}

export async function openObservability(options: ObservabilityOptions): Promise<Observability> {
  const { compiled, store, log, clock, supervisor, inFlight, isStopping } = options
  const { now } = store
  const version = packageVersion()
  // Not the variables that a program may have passed, because the exporter reads the environment of the process itself.
  const traces = await startTraces({ env: process.env, version, statusOf, log, now: Date.now, clock })
  const facts = createFacts()
  const { observe } = facts
  const metrics = createMetrics({
    version,
    now,
    clock,
    backlog: store.backlog,
    destinations: store.destinations,
    waitingEnrichments: store.waitingEnrichments,
    observe,
    inFlight: () => inFlight.count,
  })
  metrics.configure(metricLabelsOf(compiled))
  store.onCommit(metrics.committed)
  store.onLoss((message) => observe({ kind: 'store_failed', during: 'files', message }))
  const requestLogs = {
    rejected: createRequestLog(log, 'requests rejected'),
    repeated: createRequestLog(log, 'events seen before'),
  }
  const readiness = createReadiness({ storeLoss: store.loss, isStopping, now })
  facts.subscribe(metrics.count)
  if (supervisor !== undefined) facts.subscribe((fact) => supervisor.observe(fact))
  facts.subscribe(readiness.observe)
  facts.subscribe(logFacts(log, requestLogs, traces && ((fact) => traces.record(fact))))
  return {
    facts,
    metrics,
    readiness,
    stopLogs() {
      requestLogs.rejected.stop()
      requestLogs.repeated.stop()
    },
    stopTraces: () => traces?.stop(),
  }
}
