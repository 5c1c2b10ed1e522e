import { diag } from '@opentelemetry/api'
import t from 'tap'
import { Secret } from '../../src/core/secret.ts'
import { logDiagnostics } from '../../src/telemetry/export-watch.ts'

t.test('what OpenTelemetry says of itself is told whole, without secrets', (t) => {
  const told: string[] = []
  const log = { info: () => t.fail('nothing to tell'), warn: (message: string) => told.push(message) }
  logDiagnostics(log, [new Secret('letmein')], () => 0)
  t.teardown(() => diag.disable())
  diag.createComponentLogger({ namespace: 'exporter' }).warn('cannot read', new Error('letmein\nno'))
  t.strictSame(told, ['OpenTelemetry: exporter cannot read *** no'])
  t.end()
})
