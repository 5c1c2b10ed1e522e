import { diag } from '@opentelemetry/api'
import t from 'tap'
import { Secret } from '../../src/core/secret.ts'
import { logDiagnostics } from '../../src/telemetry/export-watch.ts'

t.test('diagnostics of OpenTelemetry are logged whole, without secrets', (t) => {
  const reported: string[] = []
  const log = { info: () => t.fail('nothing to log'), warn: (message: string) => reported.push(message) }
  logDiagnostics(log, [new Secret('letmein')], () => 0)
  t.teardown(() => diag.disable())
  diag.createComponentLogger({ namespace: 'exporter' }).warn('cannot read', new Error('letmein\nno'))
  t.strictSame(reported, ['OpenTelemetry: exporter cannot read *** no'])
  t.end()
})
