import { Counter, Gauge, type Registry } from 'prom-client'
import type { Fact } from '../../pipeline/fact.ts'

const results = ['sent', 'failed', 'withheld'] as const satisfies readonly Heartbeat['result'][]

type Heartbeat = Extract<Fact, { kind: 'heartbeat' }>

export function createHeartbeatMetrics(registers: Registry[], now: () => number) {
  const heartbeats = new Counter({
    name: 'hookbridge_heartbeats_total',
    help: 'Heartbeats to server.heartbeat_url, by result: sent, failed (not answered, or with an error), withheld (the service did not work).',
    labelNames: ['result'],
    registers,
  })
  const succeeded = new Gauge({
    name: 'hookbridge_heartbeat_last_success_timestamp_seconds',
    help: 'When a heartbeat was last answered; 0 before the first.',
    registers,
  })
  for (const result of results) heartbeats.inc({ result }, 0)

  return ({ result }: Heartbeat): void => {
    heartbeats.inc({ result })
    if (result === 'sent') succeeded.set(now() / 1000)
  }
}
