import { type Finding, fine, warning } from '../core/finding.ts'
import { isUnknownIssuer } from '../network/certificate-failure.ts'
import type { ExportProblem } from './sdk.ts'
import { type Env, readTraceSettings, type TraceSettings } from './settings.ts'

/** Checks the collector with an empty batch; no findings if traces are off. `timeout`: milliseconds. */
export async function checkTraces(env: Env, timeout: number): Promise<readonly Finding[]> {
  const { settings, warnings } = readTraceSettings(env)
  const findings = warnings.map((words) =>
    warning('trace_settings', words, 'Events and messages are not affected.', ''),
  )
  if (settings === null) return findings
  const share = `${Number((settings.ratio * 100).toFixed(3))} % of the traces are kept`
  if (!settings.exporters.includes('otlp'))
    return [...findings, fine('traces_printed', `traces are printed, ${share}`)]
  const { tryExport } = await import('./sdk.ts')
  const problem = await tryExport(settings, timeout)
  const through = settings.proxy === undefined ? '' : `, through the proxy ${settings.proxy.name}`
  if (problem === null)
    return [...findings, fine('collector_ok', `the collector accepts traces${through}, ${share}`)]
  return [
    ...findings,
    warning(
      'collector_failed',
      `traces cannot be exported${through}: ${problem.reason}`,
      'Traces are lost until this is fixed. Events and messages are not affected.',
      hintFor(problem, settings),
    ),
  ]
}

function hintFor({ code }: ExportProblem, { proxy }: TraceSettings): string {
  if (isUnknownIssuer(code)) {
    const authority =
      proxy === undefined
        ? "the collector's authority"
        : 'the authority of the collector, or of the proxy if that reads TLS,'
    return `name the PEM file of ${authority} in OTEL_EXPORTER_OTLP_CERTIFICATE`
  }
  const endpoint =
    'check that the collector runs, and that OTEL_EXPORTER_OTLP_ENDPOINT is its OTLP/HTTP port (usually 4318)'
  if (proxy === undefined) return endpoint
  return `${endpoint}; if it is to be reached without the proxy, name its host in NO_PROXY`
}
