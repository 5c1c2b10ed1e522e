import { collectDefaultMetrics, Gauge, Histogram, type Registry } from 'prom-client'

export interface ProcessDeps {
  readonly version: string
  /** Webhook requests being handled now. */
  readonly inFlight: () => number
  readonly connections: () => Promise<number>
}

// prom-client measures the event loop's lag with a timer that fires a hundred times a second, idle or not, counts from
// the timer's own ten milliseconds on, and forgets with each scrape: ours is below, and this timer fires in weeks.
const NEVER = 2 ** 31
const lags = ['', '_min', '_max', '_mean', '_stddev', '_p50', '_p90', '_p99']
// Gauges that are named like counters, and count the same as nodejs_active_resources.
const misnamed = [
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/** The process itself. Returns how to stop measuring. */
export function createProcessMetrics(registry: Registry, deps: ProcessDeps): () => void {
  const registers = [registry]
  new Gauge({
    name: 'hookbridge_build_info',
    help: 'Always 1; the label is the version that runs.',
    labelNames: ['version'],
    registers,
  }).set({ version: deps.version }, 1)
  new Gauge({
    name: 'hookbridge_http_requests_in_flight',
    help: 'Webhook requests being handled; beyond server.max_pending they are told to come back.',
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
      this.set(await deps.connections())
    },
  })
  const lag = new Histogram({
    name: 'hookbridge_event_loop_lag_seconds',
    help: 'How late the event loop would have come to something that fell due, asked ten times a second.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  })
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER })
  for (const lag of lags) registry.removeSingleMetric(`nodejs_eventloop_lag${lag}_seconds`)
  for (const name of misnamed) registry.removeSingleMetric(name)

  return sampleLag((seconds) => lag.observe(seconds))
}

const EVERY = 100
/** A machine that slept for a night does not count each tenth of a second of it. */
const MOST_AT_ONCE = 600

function sampleLag(observe: (seconds: number) => void): () => void {
  let last: number | undefined
  const timer = setInterval(() => {
    const now = performance.now()
    // Until the first, the service started.
    const late = last === undefined ? 0 : Math.max(0, now - last - EVERY)
    last = now
    // While the loop stood still, the questions that were not asked then would have waited as well.
    for (let missed = 0; missed < MOST_AT_ONCE && (missed === 0 || late > missed * EVERY); missed++)
      observe((late - missed * EVERY) / 1000)
  }, EVERY)
  timer.unref()
  return () => clearInterval(timer)
}
