/** An OpenTelemetry collector for tests: it takes traces over OTLP/HTTP, and fails where a test wants it to. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo, BoundSocket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { type ExportedSpan, readExport } from './protobuf.ts'
import { until } from './until.ts'

export interface Collector {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string
  readonly requests: readonly CollectorRequest[]
  /** Of the exports that it accepted. */
  readonly spans: readonly ExportedSpan[]
  /** A status with which it answers, or `hang`: it does not. */
  behave: number | 'hang'
  close(): Promise<void>
  trace(traceId: string): readonly ExportedSpan[]
  /** Waits for a span of this name for which the condition holds. */
  span(name: string, condition?: (span: ExportedSpan) => boolean): Promise<ExportedSpan>
}

export interface CollectorRequest {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** The environment of a service that exports to it at once. */
export function exportingTo(collector: Pick<Collector, 'url'>): Record<string, string> {
  return { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '20' }
}

/** `socket`: where it listens; without it, at a free port. */
export async function startCollector(
  t: { teardown(action: () => unknown): unknown },
  socket?: BoundSocket,
): Promise<Collector> {
  const requests: CollectorRequest[] = []
  const spans: ExportedSpan[] = []
  const server = createServer(async (request, response) => {
    const sent = await buffer(request)
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent
    requests.push({ path: request.url ?? '', headers: request.headers, body })
    const { behave } = collector
    if (behave === 'hang') return
    if (behave === 200) spans.push(...readExport(body))
    response.writeHead(behave, { 'content-type': 'application/x-protobuf' })
    // An error repeats the client's headers, as some proxies do.
    response.end(behave === 200 ? '' : JSON.stringify(request.headers))
  })
  await new Promise<void>((resolve) => {
    if (socket === undefined) server.listen(0, '127.0.0.1', resolve)
    else server.listen(socket, resolve)
  })
  const close = async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }
  t.teardown(close)
  const collector: Collector = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    spans,
    behave: 200,
    close,
    trace: (traceId) => spans.filter((span) => span.traceId === traceId),
    async span(name, condition = () => true) {
      const find = () => spans.find((span) => span.name === name && condition(span))
      await until(() => find() !== undefined, `a span ${name}`)
      const span = find()
      if (span === undefined) throw new Error(`the span ${name} went away`)
      return span
    },
  }
  return collector
}

/** A line for each span, children under their parents in the order of their beginnings. */
export function drawing(spans: readonly ExportedSpan[], parentId = '', indent = ''): string[] {
  return spans
    .filter((span) => span.parentId === parentId)
    .sort((a, b) => Number(a.start - b.start))
    .flatMap((span) => [indent + span.name, ...drawing(spans, span.spanId, `${indent}  `)])
}
