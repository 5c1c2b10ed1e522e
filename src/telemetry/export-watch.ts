/** Tells in the log what goes wrong with exporting, now and then and not for every batch, and without secrets. */
import { DiagLogLevel, diag } from '@opentelemetry/api'
import type { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import { redact, type Secret } from '../core/secret.ts'
import type { TraceLog } from './traces.ts'

type ExportResult = Parameters<Parameters<SpanExporter['export']>[1]>[0]

const TOLD_AGAIN_AFTER = 5 * 60_000
const LONGEST_REASON = 200
/** Of an export, by OpenTelemetry's numbers. */
export const SUCCESS = 0

/** An exporter whose failures are told, and the end of them; the processor never hears of them. */
export class WatchedExporter implements SpanExporter {
  readonly #exporter: OTLPTraceExporter
  readonly #log: TraceLog
  readonly #secrets: readonly Secret[]
  readonly #clock: () => number
  #lost = 0
  #toldAt = -Infinity

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
    if (this.#lost > 0) this.#log.info(`traces are exported again; ${spans(this.#lost)} were lost meanwhile`)
    this.#lost = 0
    this.#toldAt = -Infinity
  }

  #failed(count: number, error: Error | undefined): void {
    this.#lost += count
    const now = this.#clock()
    if (now - this.#toldAt < TOLD_AGAIN_AFTER) return
    this.#toldAt = now
    const reason = reasonOf(error, this.#secrets)
    this.#log.warn(
      `traces cannot be exported (${reason}), ${spans(this.#lost)} are lost so far; events are not affected; look at the collector and OTEL_EXPORTER_OTLP_*`,
    )
  }
}

function spans(count: number): string {
  return count === 1 ? '1 span' : `${count} spans`
}

export function reasonOf(error: Error | undefined, secrets: readonly Secret[]): string {
  const code = error !== undefined && 'code' in error ? error.code : undefined
  const words = [code, error?.message].filter((part) => part !== undefined && part !== '' && part !== null)
  return clean(words.length > 0 ? words.join(' ') : 'it does not answer as it should', secrets)
}

/** Sends what OpenTelemetry tells of itself to the log: each kind of message once in five minutes. */
export function tellDiagnostics(log: TraceLog, secrets: readonly Secret[], clock: () => number): void {
  const toldAt = new Map<string, number>()
  // Its parts say who speaks, and then what is wrong.
  const tell = (...parts: readonly unknown[]) => {
    const text = clean(parts.map(wordsOf).join(' '), secrets)
    const kind = text.replace(/\d+/g, '0')
    const now = clock()
    if (now - (toldAt.get(kind) ?? -Infinity) < TOLD_AGAIN_AFTER) return
    // Whatever makes so many kinds of messages must not fill the memory.
    if (toldAt.size >= 100) toldAt.clear()
    toldAt.set(kind, now)
    log.warn(`OpenTelemetry: ${text}`)
  }
  const silent = () => {}
  const logger = { error: tell, warn: tell, info: silent, debug: silent, verbose: silent }
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
}

function wordsOf(part: unknown): string {
  return part instanceof Error ? part.message : String(part)
}

function clean(text: string, secrets: readonly Secret[]): string {
  const line = redact(text, secrets).replace(/\s+/g, ' ').trim()
  return line.length > LONGEST_REASON ? `${line.slice(0, LONGEST_REASON)}…` : line
}
