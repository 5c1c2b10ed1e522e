/** Traces in OpenTelemetry, where the OTEL_* variables ask for them; else nothing of it is loaded. */
import type { Fact } from '../pipeline/fact.ts'
import { type Env, readTraceSettings } from './settings.ts'
import type { StatusOf } from './spans.ts'

export interface TraceDeps {
  readonly env: Env
  readonly version: string
  readonly statusOf: StatusOf
  readonly log: TraceLog
  /** Milliseconds since the epoch, and on the clock that the pipeline measures with. */
  readonly now: () => number
  readonly clock: () => number
}

export interface TraceLog {
  info(message: string): void
  warn(message: string): void
}

export interface Traces {
  /** Makes spans of a fact. Returns what ties the fact's log line to them, if it belongs to an event. Never throws. */
  record(fact: Fact): LogContext | undefined
  /** Exports what waits. The caller bounds how long it waits for it. */
  stop(): Promise<void>
}

/** As OpenTelemetry names them in logs that are not its own. */
export interface LogContext {
  readonly trace_id: string
  readonly span_id: string
  readonly trace_flags: string
}

/** Undefined where no traces are wanted. */
export async function startTraces(deps: TraceDeps): Promise<Traces | undefined> {
  const { settings, warnings } = readTraceSettings(deps.env)
  for (const warning of warnings) deps.log.warn(warning)
  if (settings === null) return undefined
  const { openTraces } = await import('./sdk.ts')
  return openTraces(settings, deps)
}
