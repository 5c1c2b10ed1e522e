import { type Finding, fine, warning } from '../core/finding.ts'
import { type Env, readTraceSettings } from './settings.ts'

/** Checks the collector with an empty batch; no findings where traces are off. `timeout`: milliseconds. */
export async function checkTraces(env: Env, timeout: number): Promise<readonly Finding[]> {
  const { settings, warnings } = readTraceSettings(env)
  const findings = warnings.map((words) =>
    warning('trace_settings', words, 'Events and messages are not affected.', ''),
  )
  if (settings === null) return findings
  const share = `${settings.ratio * 100} % of the traces are kept`
  if (!settings.exporters.includes('otlp'))
    return [...findings, fine('traces_printed', `traces are printed, ${share}`)]
  const { tryExport } = await import('./sdk.ts')
  const problem = await tryExport(settings, timeout)
  if (problem === null) return [...findings, fine('collector_ok', `the collector accepts traces, ${share}`)]
  return [
    ...findings,
    warning(
      'collector_failed',
      `traces cannot be exported: ${problem}`,
      'Traces are lost until then. Events and messages are not affected.',
      'check that the collector runs, and that OTEL_EXPORTER_OTLP_ENDPOINT is its OTLP/HTTP port (usually 4318)',
    ),
  ]
}
