import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Fact } from '../pipeline/fact.ts'

export interface Metrics {
  readonly contentType: string
  readonly text: () => Promise<string>
  readonly count: (fact: Fact) => void
}

/** Counts the facts of the pipeline for Prometheus. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const events = new Counter({
    name: 'hookbridge_events_total',
    help: 'Verified webhooks, by source and result (stored, unrouted, duplicate, quarantined).',
    labelNames: ['source', 'result'],
    registers,
  })
  const rejected = new Counter({
    name: 'hookbridge_requests_rejected_total',
    help: 'Webhook requests that were refused, by error code.',
    labelNames: ['code'],
    registers,
  })
  const attempts = new Counter({
    name: 'hookbridge_attempts_total',
    help: 'Attempts at deliveries, by channel and outcome (sent, retry, ambiguous, park, refuse).',
    labelNames: ['channel', 'outcome'],
    registers,
  })
  const duration = new Histogram({
    name: 'hookbridge_attempt_duration_seconds',
    help: 'How long an attempt took, by channel.',
    labelNames: ['channel'],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  })
  const finished = new Counter({
    name: 'hookbridge_deliveries_finished_total',
    help: 'Deliveries that reached a final state (delivered, parked, dead), by channel and receiver.',
    labelNames: ['channel', 'receiver', 'state'],
    registers,
  })
  const storeFailures = new Counter({
    name: 'hookbridge_store_failures_total',
    help: 'Changes that the store could not take, by what was being done (append, claim, record, purge).',
    labelNames: ['during'],
    registers,
  })

  const reloads = createReloadMetrics(registers)

  function count(fact: Fact): void {
    switch (fact.kind) {
      case 'received': {
        const result = fact.result === 'stored' && fact.unrouted ? 'unrouted' : fact.result
        events.inc({ source: fact.source, result })
        return
      }
      case 'rejected':
        rejected.inc({ code: fact.code })
        return
      case 'attempted': {
        const { channel, receiver } = fact.delivery
        attempts.inc({ channel, outcome: fact.outcome.kind })
        duration.observe({ channel }, fact.took / 1000)
        if (fact.next.dueAt === null) finished.inc({ channel, receiver, state: fact.next.state })
        return
      }
      case 'store_failed':
        storeFailures.inc({ during: fact.during })
        return
      case 'purged':
        return
      case 'reloaded':
        reloads(fact.ok)
        return
    }
  }

  return { contentType: registry.contentType, text: () => registry.metrics(), count }
}

/** Named as Prometheus and Alertmanager name theirs. What a service starts with counts as loaded. */
function createReloadMetrics(registers: Registry[]): (ok: boolean) => void {
  const successful = new Gauge({
    name: 'hookbridge_config_last_reload_successful',
    help: 'Whether the configuration on disk could be loaded the last time (1) or has mistakes (0).',
    registers,
  })
  const at = new Gauge({
    name: 'hookbridge_config_last_reload_success_timestamp_seconds',
    help: 'When the configuration in effect was loaded.',
    registers,
  })
  const total = new Counter({
    name: 'hookbridge_config_reloads_total',
    help: 'Reloads of the configuration, by result (ok, failed).',
    labelNames: ['result'],
    registers,
  })
  for (const result of ['ok', 'failed']) total.inc({ result }, 0)
  successful.set(1)
  at.setToCurrentTime()
  return (ok) => {
    total.inc({ result: ok ? 'ok' : 'failed' })
    successful.set(ok ? 1 : 0)
    if (ok) at.setToCurrentTime()
  }
}
