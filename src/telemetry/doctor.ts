import { type Finding, fine, warning } from '../core/finding.ts'
import { type Env, readTraceSettings } from './settings.ts'

/** Nothing where no traces are wanted. `timeout`: milliseconds to wait for the collector. Sends it no span. */
export async function examineTraces(env: Env, timeout: number): Promise<readonly Finding[]> {
  const { settings, warnings } = readTraceSettings(env)
  const told = warnings.map((words) => warning(words, 'Events and messages are not affected.', ''))
  if (settings === null) return told
  const share = `${settings.ratio * 100} % of the traces are kept`
  if (!settings.exporters.includes('otlp')) return [...told, fine(`traces are printed, ${share}`)]
  const { probe } = await import('./sdk.ts')
  const refusal = await probe(settings, timeout)
  if (refusal === null) return [...told, fine(`the collector takes traces, ${share}`)]
  return [
    ...told,
    warning(
      `the collector takes no traces: ${refusal}`,
      'Traces are lost until it does. Events and messages are not affected.',
      'see that it runs, and that OTEL_EXPORTER_OTLP_ENDPOINT is its OTLP/HTTP port (usually 4318)',
    ),
  ]
}
