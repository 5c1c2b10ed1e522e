/** Traces of the real process, as a collector gets them. */
import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import { type Collector, drawing, exportingTo, startCollector } from '../support/collector.ts'
import { startJsonApi } from '../support/json-api.ts'
import {
  environment,
  newEvent,
  post,
  type Service,
  type SignedEvent,
  signedHeaders,
  startService,
  temporaryFolder,
  writeConfig,
} from '../support/service.ts'
import { type Sinks, startSinks } from '../support/sinks.ts'
import { until } from '../support/until.ts'

interface CompiledConfig {
  readonly collector: Collector
  readonly sinks: Sinks
  readonly service: Service
}

async function setUp(
  t: Test,
  env: NodeJS.ProcessEnv = {},
  behave?: Collector['behave'],
): Promise<CompiledConfig> {
  const collector = await startCollector(t)
  if (behave !== undefined) collector.behave = behave
  const sinks = await startSinks(t)
  const folder = temporaryFolder(t)
  const config = writeConfig({ folder, slackUrl: sinks.slack.url, smtpUrl: sinks.mail.url })
  const service = await startService(config, { ...environment, ...exportingTo(collector), ...env })
  t.teardown(() => service.end('SIGKILL'))
  return { collector, sinks, service }
}

async function idOf(response: Promise<Response>): Promise<string> {
  const { id } = (await (await response).json()) as { id: string }
  return id
}

/** As docs/tracing.md says. */
function traceOf(eventId: string): { readonly traceId: string; readonly rootId: string } {
  const digest = createHash('sha256').update(eventId).digest('hex')
  return { traceId: digest.slice(0, 32), rootId: digest.slice(32, 48) }
}

/** Of whole lines: the last one may be on its way. */
function logged({ output }: Service): Record<string, unknown>[] {
  return output()
    .split('\n')
    .slice(0, -1)
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

function postWith(url: string, event: SignedEvent, headers: Record<string, string>): Promise<Response> {
  return fetch(`${url}/webhooks/cuuro`, {
    method: 'POST',
    headers: { ...signedHeaders(event.messageId, event.body), ...headers },
    body: event.body,
  })
}

t.test('one trace an event, from the receipt to the last record', async (t) => {
  const { collector, service } = await setUp(t)
  const event = newEvent()
  const { traceId, rootId } = traceOf(await idOf(post(service.url, event)))
  await until(() => collector.trace(traceId).length >= 12, 'the whole trace')
  const trace = collector.trace(traceId)
  const attempt = ['  attempt', '    render', '    send', '    record']
  t.strictSame(drawing(trace), ['receive', '  verify', '  route', '  store', ...attempt, ...attempt])

  const root = await collector.span('receive')
  t.equal(root.spanId, rootId)
  t.equal(root.kind, 2, 'a server span')
  t.match(root.attributes, {
    'http.request.method': 'POST',
    'http.route': '/webhooks/:source',
    'http.request.body.size': event.body.length,
    'http.response.status_code': 202,
    'messaging.message.id': event.messageId,
    'hookbridge.source': 'cuuro',
    'hookbridge.event.type': 'analysis.completed',
    'hookbridge.result': 'stored',
    'hookbridge.deliveries': 2,
  })
  t.strictSame((await collector.span('route')).attributes['hookbridge.routes'], ['routes[0]'])
  const slack = await collector.span('attempt', (span) => span.attributes['hookbridge.channel'] === 'slack')
  t.match(slack.attributes, {
    'hookbridge.receiver': 'deal-flow',
    'hookbridge.target': '#deal-flow',
    'hookbridge.attempt': 1,
    'hookbridge.outcome': 'sent',
    'hookbridge.delivery.state': 'delivered',
    'hookbridge.template': 'analysis.completed',
  })
  t.ok(
    trace.filter(({ name }) => name === 'send').every(({ kind }) => kind === 3),
    'sending is a client span',
  )
  t.ok(trace.every(({ status }) => status === 0))

  const near = BigInt(Date.now()) * 1_000_000n
  for (const span of trace) {
    const parent = trace.find(({ spanId }) => spanId === span.parentId) ?? span
    t.ok(span.start <= span.end && near - span.start < 60_000_000_000n, `${span.name} has its time`)
    if (parent.name !== 'receive')
      t.ok(span.start >= parent.start && span.end <= parent.end, 'inside its parent')
  }
  t.match(root.resource, { 'service.name': 'hookbridge', 'service.version': /^\d/ })
  t.match(collector.requests[0], {
    path: '/v1/traces',
    headers: { 'content-type': 'application/x-protobuf' },
  })
})

t.test(
  'an enriched event: its requests and its enrichment are in the same trace, without the key',
  async (t) => {
    const collector = await startCollector(t)
    const sinks = await startSinks(t)
    const api = await startJsonApi(t, (_, number) =>
      number === 1 ? { status: 503 } : { body: { score: 91 } },
    )
    const extra = `enrich:
  - { name: analysis, get: "${api.url}/v1/{{ data.id }}?x=1", headers: { authorization: "Bearer a-key-for-tests" }, pick: { score: /score } }
`
    const config = writeConfig({
      folder: temporaryFolder(t),
      slackUrl: sinks.slack.url,
      smtpUrl: sinks.mail.url,
      extra,
    })
    const service = await startService(config, { ...environment, ...exportingTo(collector) })
    t.teardown(() => service.end('SIGKILL'))
    const { traceId } = traceOf(await idOf(post(service.url, newEvent())))
    await until(() => collector.trace(traceId).length >= 15, 'the whole trace')
    const names = collector.trace(traceId).map(({ name }) => name)
    t.equal(names.filter((name) => name === 'fetch').length, 2)
    t.equal(names.filter((name) => name === 'enrich').length, 1)
    t.match(await collector.span('fetch', ({ status }) => status === 0), {
      kind: 3,
      attributes: { 'hookbridge.step': 'analysis', 'hookbridge.result': 'fetched' },
    })
    const lines = () =>
      logged(service).filter(({ msg }) => /^(?:event enriched|enrichment will be)/.test(String(msg)))
    await until(() => lines().length === 2, 'both lines in the log')
    for (const line of lines()) t.equal(line.trace_id, traceId)
    for (const place of [
      JSON.stringify(collector.requests.map(({ body }) => body.toString('latin1'))),
      service.output(),
    ])
      t.notMatch(place, /a-key-for-tests|\/v1\//)
  },
)

t.test('log lines about an event name its trace and span', async (t) => {
  const { collector, service } = await setUp(t)
  const id = await idOf(post(service.url, newEvent()))
  const { traceId, rootId } = traceOf(id)
  await until(() => collector.trace(traceId).length >= 12, 'the whole trace')
  await until(() => logged(service).filter((line) => line.id === id).length === 3, 'three lines')
  const lines = logged(service).filter((line) => line.id === id)
  t.ok(lines.every((line) => line.trace_id === traceId && line.trace_flags === '01'))
  const attempts = collector.trace(traceId).filter(({ name }) => name === 'attempt')
  t.strictSame(
    new Set(lines.map((line) => line.span_id)),
    new Set([rootId, ...attempts.map(({ spanId }) => spanId)]),
  )
})

t.test("the sender's context is linked, and decides nothing", async (t) => {
  const { collector, service } = await setUp(t)
  const theirs = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' }
  const header = (flags: string) => `00-${theirs.traceId}-${theirs.spanId}-${flags}`
  const receive = async (traceparent: string) => {
    const { rootId, traceId } = traceOf(
      await idOf(postWith(service.url, newEvent(), { traceparent, tracestate: 'a=b' })),
    )
    t.not(traceId, theirs.traceId)
    return collector.span('receive', ({ spanId }) => spanId === rootId)
  }
  t.strictSame((await receive(header('01'))).links, [{ ...theirs, sampled: true }])
  t.strictSame((await receive(header('00'))).links, [{ ...theirs, sampled: false }], 'kept all the same')
  for (const wrong of ['', 'x', header('01').replace('4bf9', 'ZZZZ'), `ff${header('01').slice(2)}`]) {
    t.strictSame((await receive(wrong)).links, [], `not a context: ${wrong}`)
  }
})

t.test('a request that comes twice joins the trace; one that cannot be read is an error', async (t) => {
  const { collector, service } = await setUp(t)
  const event = newEvent()
  const { traceId, rootId } = traceOf(await idOf(post(service.url, event)))
  t.equal((await post(service.url, event)).status, 200)
  const again = await collector.span(
    'receive',
    (span) => span.attributes['hookbridge.result'] === 'duplicate',
  )
  t.match(again, { traceId, parentId: rootId, attributes: { 'http.response.status_code': 200 } })

  t.equal((await post(service.url, { ...newEvent(), body: '[]' })).status, 400)
  const wrong = await collector.span(
    'receive',
    (span) => span.attributes['hookbridge.result'] === 'quarantined',
  )
  t.match(wrong, { status: 2, parentId: '', statusMessage: 'quarantined: invalid_json' })
  t.match(wrong.attributes, { 'http.response.status_code': 400, 'error.type': 'invalid_json' })
})

t.test('a refused request has no trace', async (t) => {
  const { collector, service } = await setUp(t)
  const event = newEvent()
  t.equal((await postWith(service.url, event, { 'svix-signature': 'v1,bm8=' })).status, 401)
  t.equal((await post(service.url, event, 'nobody')).status, 404)
  await idOf(post(service.url, event))
  await collector.span('receive')
  t.equal((await service.end('SIGTERM')).code, 0)
  t.equal(collector.spans.filter(({ name }) => name === 'receive').length, 1)
  const refusals = logged(service).filter(({ msg }) => msg === 'request rejected')
  t.equal(refusals.length, 2)
  t.ok(refusals.every((line) => line.trace_id === undefined))
})

t.test('failures: errors with the kind and the words, without the address', async (t) => {
  const { collector, sinks, service } = await setUp(t)
  sinks.slack.behave = () => ({ status: 503, headers: {}, body: '' })
  sinks.mail.behave = (step) =>
    step === 'rcpt' ? { code: 550, message: 'no <partners@example.com> here' } : undefined
  const { traceId } = traceOf(await idOf(post(service.url, newEvent())))
  const refused = await collector.span('attempt', (span) => span.attributes['hookbridge.channel'] === 'email')
  t.match(refused, { traceId, status: 2, statusMessage: /550 no <address> here/ })
  t.match(refused.attributes, { 'hookbridge.target': undefined, 'error.type': /^(park|refuse)$/ })
  const failed = await collector.span('attempt', (span) => span.attributes['hookbridge.outcome'] === 'retry')
  t.equal(failed.traceId, traceId)
  t.equal(failed.status, 2)
  t.match(failed.attributes, { 'hookbridge.next_attempt_at': /^20/, 'error.type': /^\w+$/ })
  t.match(await collector.span('send', ({ parentId }) => parentId === failed.spanId), { status: 2 })
  const second = await collector.span('attempt', (span) => span.attributes['hookbridge.attempt'] === 2)
  t.equal(second.traceId, traceId, 'the next attempt is in the same trace')
})

t.test('the share that is kept, the name and the headers are as the variables say', async (t) => {
  const { collector, service } = await setUp(t, {
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.3',
    OTEL_SERVICE_NAME: 'alerts',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=staging,team=a%2Cb',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20letmein',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
  })
  const ids = await Promise.all(Array.from({ length: 100 }, () => idOf(post(service.url, newEvent()))))
  await until(() => logged(service).filter(({ attempt }) => attempt === 1).length === 200, 'all deliveries')
  // A stop waits for exports, but not for long.
  const sampled = logged(service).flatMap(({ trace_id, trace_flags }) =>
    trace_flags === '01' ? [trace_id] : [],
  )
  await until(() => sampled.every((id) => collector.trace(String(id)).length >= 12), 'all exports')
  t.equal((await service.end('SIGTERM')).code, 0)
  const kept = new Set(collector.spans.map(({ traceId }) => traceId))
  t.ok(kept.size > 5 && kept.size < 60, `${kept.size} of 100 traces are kept`)
  const whole = [...kept].filter((traceId) => collector.trace(traceId).length === 12)
  t.equal(whole.length, kept.size, 'each of them whole')
  for (const id of ids) {
    const { traceId } = traceOf(id)
    const flags = logged(service).flatMap((line) => (line.id === id ? [line.trace_flags] : []))
    t.strictSame(new Set(flags), new Set([kept.has(traceId) ? '01' : '00']))
  }
  const { resource } = collector.spans[0] ?? { resource: {} }
  t.match(resource, { 'service.name': 'alerts', 'deployment.environment.name': 'staging', team: 'a,b' })
  t.equal(collector.requests[0]?.headers.authorization, 'Bearer letmein')
})

// Prints every module of OpenTelemetry that a process resolves, except for the one that prom-client needs anyway.
const telltale = `import { registerHooks } from 'node:module'
registerHooks({ resolve(specifier, context, next) {
  if (/@opentelemetry.(?!api)/.test(specifier)) process.stderr.write('loads ' + specifier + '\\n')
  return next(specifier, context)
} })`
const watched = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(telltale)}` }

t.test('off unless the variables say so: nothing is loaded, nothing exported', async (t) => {
  const silent: readonly Record<string, string>[] = [
    { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
    { OTEL_SDK_DISABLED: 'true' },
    { OTEL_TRACES_EXPORTER: 'none' },
  ]
  for (const env of silent) {
    const { collector, service } = await setUp(t, { ...watched, ...env })
    await idOf(post(service.url, newEvent()))
    await until(() => logged(service).some(({ attempt }) => attempt === 1), 'a delivery')
    t.equal((await service.end('SIGTERM')).code, 0)
    t.notMatch(service.output(), 'opentelemetry', `${Object.keys(env)}`)
    t.notMatch(service.output(), 'trace_id')
    t.strictSame(collector.requests, [])
  }
  const { service } = await setUp(t, watched)
  t.match(service.output(), 'loads @opentelemetry/sdk-trace', 'the test would see it')
})
