/** Logs failures of the export, but not for every batch, and without secrets. */
import { DiagLogLevel, diag } from '@opentelemetry/api'
import type { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import { redact, type Secret } from '../core/secret.ts'

type ExportResult = Parameters<Parameters<SpanExporter['export']>[1]>[0]

export interface TraceLog {
  info(message: string): void
  warn(message: string): void
}

const LOG_AGAIN_AFTER_MS = 5 * 60_000
const MAX_REASON_LENGTH = 200
const MAX_KINDS = 100
/** OpenTelemetry's code of an export that succeeded. */
export const SUCCESS = 0

/** Logs when the export begins to fail and when it works again. For the span processor, every export succeeds. */
export class WatchedExporter implements SpanExporter {
  readonly #exporter: OTLPTraceExporter
  readonly #log: TraceLog
  readonly #secrets: readonly Secret[]
  readonly #clock: () => number
  #lost = 0
  #loggedAt = -Infinity

  constructor(exporter: OTLPTraceExporter, log: TraceLog, secrets: readonly Secret[], clock: () => number) {
    this.#exporter = exporter
    this.#log = log
    this.#secrets = secrets
    this.#clock = clock
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#exporter.export(spans, (result) => {
      if (result.code === SUCCESS) this.#succeeded()
      else this.#failed(spans.length, result.error)
      done({ code: SUCCESS })
    })
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush()
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown()
  }

  #succeeded(): void {
    if (this.#lost > 0) this.#log.info(`traces are exported again; ${spans(this.#lost)} lost meanwhile`)
    this.#lost = 0
    this.#loggedAt = -Infinity
  }

  #failed(count: number, error: Error | undefined): void {
    this.#lost += count
    const now = this.#clock()
    if (now - this.#loggedAt < LOG_AGAIN_AFTER_MS) return
    this.#loggedAt = now
    const reason = reasonOf(error, this.#secrets)
    this.#log.warn(
      `traces cannot be exported (${reason}), ${spans(this.#lost)} lost so far; events are not affected; check the collector and OTEL_EXPORTER_OTLP_*`,
    )
  }
}

function spans(count: number): string {
  return count === 1 ? '1 span' : `${count} spans`
}

export function reasonOf(error: Error | undefined, secrets: readonly Secret[]): string {
  const code = error !== undefined && 'code' in error ? error.code : undefined
  const parts = [code, error?.message].filter((part) => part !== undefined && part !== '' && part !== null)
  return clean(parts.length > 0 ? parts.join(' ') : 'unexpected answer', secrets)
}

/** Logs OpenTelemetry's own diagnostics, each kind of message once in five minutes. */
export function logDiagnostics(log: TraceLog, secrets: readonly Secret[], clock: () => number): void {
  const loggedAt = new Map<string, number>()
  const logOnce = (...parts: readonly unknown[]) => {
    const text = clean(parts.map(textOf).join(' '), secrets)
    const kind = text.replace(/\d+/g, '0')
    const now = clock()
    if (now - (loggedAt.get(kind) ?? -Infinity) < LOG_AGAIN_AFTER_MS) return
    if (loggedAt.size >= MAX_KINDS) loggedAt.clear()
    loggedAt.set(kind, now)
    log.warn(`OpenTelemetry: ${text}`)
  }
  const silent = () => {}
  const logger = { error: logOnce, warn: logOnce, info: silent, debug: silent, verbose: silent }
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
}

function textOf(part: unknown): string {
  return part instanceof Error ? part.message : String(part)
}

function clean(text: string, secrets: readonly Secret[]): string {
  const line = redact(text, secrets).replace(/\s+/g, ' ').trim()
  return line.length > MAX_REASON_LENGTH ? `${line.slice(0, MAX_REASON_LENGTH)}…` : line
}
