import { type Finding, fine, warning } from '../core/finding.ts'
import { type Env, readTraceSettings } from './settings.ts'

/** Nothing where no traces are wanted. `timeout`: milliseconds to wait for the collector. Sends it no span. */
export async function checkTraces(env: Env, timeout: number): Promise<readonly Finding[]> {
  const { settings, warnings } = readTraceSettings(env)
  const findings = warnings.map((words) =>
    warning('trace_settings', words, 'Events and messages are not affected.', ''),
  )
  if (settings === null) return findings
  const share = `${settings.ratio * 100} % of the traces are kept`
  if (!settings.exporters.includes('otlp'))
    return [...findings, fine('traces_printed', `traces are printed, ${share}`)]
  const { probe } = await import('./sdk.ts')
  const refusal = await probe(settings, timeout)
  if (refusal === null) return [...findings, fine('collector_ok', `the collector takes traces, ${share}`)]
  return [
    ...findings,
    warning(
      'collector_failed',
      `the collector takes no traces: ${refusal}`,
      'Traces are lost until it does. Events and messages are not affected.',
      'see that it runs, and that OTEL_EXPORTER_OTLP_ENDPOINT is its OTLP/HTTP port (usually 4318)',
    ),
  ]
}
