import { collectDefaultMetrics, Gauge, Histogram, type Registry } from 'prom-client'

export interface ProcessDeps {
  readonly version: string
  /** Webhook requests being handled now. */
  readonly inFlight: () => number
}

// prom-client's own measure of the event loop's lag wakes the process a hundred times a second, includes the timer's own
// ten milliseconds, and restarts with each scrape. It cannot be left out, only made rare and removed; ours is below.
const NEVER_MS = 2 ** 31
const lags = ['', '_min', '_max', '_mean', '_stddev', '_p50', '_p90', '_p99']
// Gauges with names of counters, and the same values as nodejs_active_resources.
const misnamed = [
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/** The process itself. */
export function createProcessMetrics(registry: Registry, deps: ProcessDeps) {
  const registers = [registry]
  let connections = () => Promise.resolve(0)
  new Gauge({
    name: 'hookbridge_build_info',
    help: 'Always 1; the label is the version that runs.',
    labelNames: ['version'],
    registers,
  }).set({ version: deps.version }, 1)
  new Gauge({
    name: 'hookbridge_http_requests_in_flight',
    help: 'Webhook requests being handled; at server.max_pending further ones are answered 429.',
    registers,
    collect() {
      this.set(deps.inFlight())
    },
  })
  new Gauge({
    name: 'hookbridge_http_connections',
    help: 'Connections that are open.',
    registers,
    async collect() {
      this.set(await connections())
    },
  })
  const lag = new Histogram({
    name: 'hookbridge_event_loop_lag_seconds',
    help: 'How late a timer that is due fires, sampled ten times a second.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  })
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER_MS })
  for (const lag of lags) registry.removeSingleMetric(`nodejs_eventloop_lag${lag}_seconds`)
  for (const name of misnamed) registry.removeSingleMetric(name)

  const stop = sampleLag((seconds) => lag.observe(seconds))
  return {
    stop,
    measureConnections(count: () => Promise<number>): void {
      connections = count
    },
  }
}

const SAMPLE_INTERVAL_MS = 100
/** Limits the number of samples for a time in which the machine was suspended. */
const MAX_SAMPLES_AT_ONCE = 600

function sampleLag(observe: (seconds: number) => void): () => void {
  let last: number | undefined
  const timer = setInterval(() => {
    const now = performance.now()
    // Before the first sample, the service was starting.
    const late = last === undefined ? 0 : Math.max(0, now - last - SAMPLE_INTERVAL_MS)
    last = now
    // Samples that became due while the event loop was blocked would have been late as well.
    for (let missed = 0; missed < MAX_SAMPLES_AT_ONCE; missed++) {
      if (missed > 0 && late <= missed * SAMPLE_INTERVAL_MS) break
      observe((late - missed * SAMPLE_INTERVAL_MS) / 1000)
    }
  }, SAMPLE_INTERVAL_MS)
  timer.unref()
  return () => clearInterval(timer)
}
