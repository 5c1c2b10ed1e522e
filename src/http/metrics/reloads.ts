import { Counter, Gauge, type Registry } from 'prom-client'

/** Named as Prometheus and Alertmanager name theirs. The configuration at the start counts as loaded. */
export function createReloadMetrics(registers: Registry[]): (ok: boolean) => void {
  const successful = new Gauge({
    name: 'hookbridge_config_last_reload_successful',
    help: '1 if the last reload succeeded, or none was tried; 0 if the configuration on disk has mistakes.',
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
