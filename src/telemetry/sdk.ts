/** Turns our spans into OpenTelemetry's, and exports them. Only this file and export-watch.ts import its packages. */
import { readFileSync } from 'node:fs'
import {
  type Context,
  diag,
  type Link,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
  serviceNameEnvDetector,
} from '@opentelemetry/resources'
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  ConsoleSpanExporter,
  type IdGenerator,
  RandomIdGenerator,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { codeOf } from '../network/connect-failure.ts'
import type { Fact } from '../pipeline/fact.ts'
import { logDiagnostics, reasonOf, SUCCESS, type TraceLog, WatchedExporter } from './export-watch.ts'
import { type RemoteSpan, rootOf, type SpanId } from './identity.ts'
import type { Exporter, TraceSettings } from './settings.ts'
import { type EventSpan, eventIdOf, type Span, type StatusOf, spanOf } from './spans.ts'

export interface TraceDeps {
  readonly version: string
  readonly statusOf: StatusOf
  readonly log: TraceLog
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Milliseconds of the clock that the pipeline measures with. */
  readonly clock: () => number
}

export interface Traces {
  /** Records a fact as spans. Returns the fields that link its log line to them, if it belongs to an event. Never throws. */
  record(fact: Fact): LogContext | undefined
  /** Exports what is waiting. The caller limits how long it waits for that. */
  stop(): Promise<void>
}

/** Log fields, named as OpenTelemetry names them in logs of other formats. */
export interface LogContext {
  readonly trace_id: string
  readonly span_id: string
  readonly trace_flags: string
}

const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const

/** Reads the variables of the exporter and the resource from the process's own environment, as the SDK does. */
export function openTraces(settings: TraceSettings, deps: TraceDeps): Traces {
  logDiagnostics(deps.log, settings.secrets, deps.clock)
  const sampler = new TraceIdRatioBasedSampler(settings.ratio)
  const ids = new PresetIds()
  const provider = new TracerProvider({
    resource: resourceOf(deps.version),
    idGenerator: ids,
    // Whether a trace is kept is decided before its spans are made: see `record`.
    sampler: new AlwaysOnSampler(),
    spanProcessors: settings.exporters.map(
      (name) => new BatchSpanProcessor({ exporter: exporterOf(name, settings, deps), ...settings.batch }),
    ),
  })
  const writer = new SpanWriter(provider.getTracer('hookbridge', deps.version), ids, deps)

  function record(fact: Fact): LogContext | undefined {
    const eventId = eventIdOf(fact)
    if (eventId === undefined) return undefined
    const root = rootOf(eventId)
    // Decided by the trace id alone, so that later attempts, by any process, decide the same.
    const { decision } = sampler.shouldSample(ROOT_CONTEXT, root.traceId)
    if (decision !== SamplingDecision.RECORD_AND_SAMPLED) return logContext(contextOf(root, false))
    const context = contextOf(root, true)
    const found = spanOf(fact, deps.statusOf)
    return logContext(found === null ? context : writer.write(found, context))
  }

  return {
    record(fact) {
      try {
        return record(fact)
      } catch (error) {
        // A bug in tracing must not fail the request.
        diag.error(`no spans of "${fact.kind}": ${error instanceof Error ? error.message : 'unknown error'}`)
        return undefined
      }
    },
    stop: () => provider.shutdown().catch((error: unknown) => diag.error(`not stopped: ${String(error)}`)),
  }
}

export interface ExportProblem {
  readonly reason: string
  /** The code of an error from the system or TLS; empty if there is none. */
  readonly code: string
}

/** Exports an empty batch. Resolves with why that failed, or null. `timeout`: milliseconds. */
export function tryExport(settings: TraceSettings, timeout: number): Promise<ExportProblem | null> {
  const exporter = new OTLPTraceExporter({ timeoutMillis: timeout, ...throughProxy(settings) })
  return new Promise((resolve) => {
    exporter.export([], ({ code, error }) => {
      const problem = { reason: reasonOf(error, settings.secrets), code: codeOf(error) }
      resolve(code === SUCCESS ? null : problem)
      void exporter.shutdown()
    })
  })
}

function resourceOf(version: string) {
  const ours = resourceFromAttributes({ 'service.name': 'hookbridge', 'service.version': version })
  const theirs = detectResources({
    detectors: [serviceInstanceIdDetector, resourceAttributesEnvDetector, serviceNameEnvDetector],
  })
  return defaultResource().merge(ours).merge(theirs)
}

function exporterOf(name: Exporter, settings: TraceSettings, { log, clock }: TraceDeps) {
  if (name === 'console') return new ConsoleSpanExporter()
  return new WatchedExporter(new OTLPTraceExporter(throughProxy(settings)), log, settings.secrets, clock)
}

/** Uses Node's own agent, available from Node 24.5: the exporter sends with Node's http and https. */
function throughProxy({ proxy }: TraceSettings) {
  if (proxy === undefined) return {}
  const url = proxy.url.reveal()
  const files = Object.entries(proxy.files).map(([option, path]) => [option, readPem(path)] as const)
  const proxyEnv = { HTTP_PROXY: url, HTTPS_PROXY: url }
  return { httpAgentOptions: { keepAlive: true, ...Object.fromEntries(files), proxyEnv } }
}

/** Like the exporter, it ignores a file that cannot be read. */
function readPem(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    diag.warn(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
}

/** Creates finished spans, parents before children. */
class SpanWriter {
  readonly #tracer: Tracer
  readonly #ids: PresetIds
  readonly #deps: Pick<TraceDeps, 'now' | 'clock'>

  constructor(tracer: Tracer, ids: PresetIds, deps: Pick<TraceDeps, 'now' | 'clock'>) {
    this.#tracer = tracer
    this.#ids = ids
    this.#deps = deps
  }

  /** `root` is the root span of the event's trace. */
  write({ root: isRoot, span }: EventSpan, root: SpanContext): SpanContext {
    // The monotonic clock drifts from the wall clock (NTP, suspend), so the offset is read each time.
    const offset = this.#deps.now() - this.#deps.clock()
    if (!isRoot) return this.#write(span, trace.setSpanContext(ROOT_CONTEXT, root), offset)
    this.#ids.setNext(root)
    return this.#write(span, ROOT_CONTEXT, offset)
  }

  #write(span: Span, parent: Context, offset: number): SpanContext {
    const shift = span.wall === true ? 0 : offset
    const links = span.link === undefined ? [] : [linkTo(span.link)]
    const { name, attributes } = span
    const options = { kind: kinds[span.kind], startTime: span.begin + shift, attributes, links }
    const made = this.#tracer.startSpan(name, options, parent)
    const context = trace.setSpan(ROOT_CONTEXT, made)
    for (const child of span.children) this.#write(child, context, offset)
    if (span.error !== undefined) made.setStatus({ code: SpanStatusCode.ERROR, message: span.error })
    made.end(span.end + shift)
    return made.spanContext()
  }
}

/** Uses the ids that were set for the next span, otherwise random ones. */
class PresetIds implements IdGenerator {
  readonly #random = new RandomIdGenerator()
  #spanId: string | undefined
  #traceId: string | undefined

  setNext({ traceId, spanId }: SpanId): void {
    this.#traceId = traceId
    this.#spanId = spanId
  }

  generateTraceId(): string {
    const id = this.#traceId ?? this.#random.generateTraceId()
    this.#traceId = undefined
    return id
  }

  generateSpanId(): string {
    const id = this.#spanId ?? this.#random.generateSpanId()
    this.#spanId = undefined
    return id
  }
}

function contextOf({ traceId, spanId }: SpanId, sampled: boolean): SpanContext {
  return {
    traceId,
    spanId,
    traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
  }
}

function linkTo({ sampled, ...ids }: RemoteSpan): Link {
  return { context: contextOf(ids, sampled) }
}

function logContext({ traceId, spanId, traceFlags }: SpanContext): LogContext {
  return {
    trace_id: traceId,
    span_id: spanId,
    trace_flags: traceFlags.toString(16).padStart(2, '0'),
  }
}
