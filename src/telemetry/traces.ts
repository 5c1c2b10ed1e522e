/** OpenTelemetry traces, if the OTEL_* variables ask for them; otherwise nothing of OpenTelemetry is loaded. */
import type { TraceDeps, Traces } from './sdk.ts'
import { type Env, readTraceSettings } from './settings.ts'

/** Undefined if no traces are wanted. */
export async function startTraces({
  env,
  ...deps
}: TraceDeps & { readonly env: Env }): Promise<Traces | undefined> {
  const { settings, warnings } = readTraceSettings(env)
  for (const warning of warnings) deps.log.warn(warning)
  if (settings === null) return undefined
  const { openTraces } = await import('./sdk.ts')
  return openTraces(settings, deps)
}
