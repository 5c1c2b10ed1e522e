/** Traces while processes are killed, and collectors do not work. */
import t, { type Test } from 'tap'
import { drawing, exportingTo, startCollector } from '../support/collector.ts'
import { hookbridge } from '../support/hookbridge.ts'
import { holdPort } from '../support/ports.ts'
import {
  environment,
  history,
  newEvent,
  post,
  type Service,
  startService,
  temporaryFolder,
  writeConfig,
} from '../support/service.ts'
import { type Sinks, startSinks } from '../support/sinks.ts'
import { until } from '../support/until.ts'

async function prepare(t: Test): Promise<{ sinks: Sinks; folder: string; config: string }> {
  const sinks = await startSinks(t)
  const folder = temporaryFolder(t)
  const config = writeConfig({ folder, slackUrl: sinks.slack.url, smtpUrl: sinks.mail.url })
  return { sinks, folder, config }
}

async function run(t: Test, config: string, env: Record<string, string>): Promise<Service> {
  const service = await startService(config, { ...environment, ...env })
  t.teardown(() => service.end('SIGKILL'))
  return service
}

function warnings(service: Service): string[] {
  return [...service.output().matchAll(/"msg":"((?:traces|OpenTelemetry)[^"]*)/g)].map(
    ([, text = '']) => text,
  )
}

t.test('kill -9 in the middle of an attempt: the next process continues the trace', async (t) => {
  const { sinks, config } = await prepare(t)
  const collector = await startCollector(t)
  let attempts = 0
  sinks.slack.behave = () => {
    attempts += 1
    return attempts === 1 ? { status: 503, headers: {}, body: '' } : 'hang'
  }
  let service = await run(t, config, exportingTo(collector))
  t.equal((await post(service.url, newEvent())).status, 202)
  const receive = await collector.span('receive')
  const first = await collector.span('attempt', (span) => span.attributes['hookbridge.channel'] === 'slack')
  await until(() => attempts === 2, 'the second attempt, which hangs')
  await service.end('SIGKILL')
  sinks.slack.behave = () => undefined

  service = await run(t, config, exportingTo(collector))
  const sent = await collector.span(
    'attempt',
    ({ attributes }) =>
      attributes['hookbridge.channel'] === 'slack' && attributes['hookbridge.outcome'] === 'sent',
  )
  t.equal(sent.traceId, receive.traceId, 'the same trace')
  t.equal(sent.parentId, receive.spanId, 'under the receipt')
  t.equal(sent.attributes['hookbridge.attempt'], 3)
  t.equal(first.resource['service.instance.id'], receive.resource['service.instance.id'])
  t.not(sent.resource['service.instance.id'], receive.resource['service.instance.id'], 'by another process')
  const interrupted = await collector.span('attempt', (span) => span.attributes['hookbridge.attempt'] === 2)
  t.match(interrupted, { traceId: receive.traceId, parentId: receive.spanId, status: 2 })
  t.match(interrupted.attributes, { 'hookbridge.outcome': 'ambiguous', 'hookbridge.ambiguous': true })
  t.equal(drawing(collector.trace(receive.traceId))[0], 'receive', 'one root')
  t.equal(collector.trace(receive.traceId).filter(({ parentId }) => parentId === '').length, 1)
})

t.test('a replay joins the trace', async (t) => {
  const { sinks, folder, config } = await prepare(t)
  const collector = await startCollector(t)
  const service = await run(t, config, exportingTo(collector))
  t.equal((await post(service.url, newEvent())).status, 202)
  const receive = await collector.span('receive')
  await until(() => sinks.slack.messages.length === 1 && sinks.mail.messages.length === 1, 'the messages')
  const id = String(receive.attributes['hookbridge.event.id'])
  t.equal((await hookbridge(['replay', id, '--config', config])).code, 0)
  const { events } = await history(folder)
  const [replayed] = events[0]?.plans[1]?.deliveries ?? []
  const again = await collector.span(
    'attempt',
    (span) => span.attributes['hookbridge.delivery.id'] === replayed?.id,
  )
  t.match(again, { traceId: receive.traceId, parentId: receive.spanId })
})

const EVENTS = 30

/** Sends events and waits until all are delivered. */
async function work(t: Test, service: Service, sinks: Sinks, folder: string): Promise<void> {
  const before = sinks.slack.messages.length
  const answers = await Promise.all(Array.from({ length: EVENTS }, () => post(service.url, newEvent())))
  t.ok(
    answers.every(({ status }) => status === 202),
    'all are acknowledged',
  )
  await until(() => sinks.slack.messages.length >= before + EVENTS, 'all messages')
  await until(
    async () => (await history(folder)).deliveries.every(({ state }) => state === 'delivered'),
    'all deliveries',
  )
}

/** Code 0 means that it kept its own deadline, of nine seconds; a machine that stalls adds to what is measured from here. */
async function stop(t: Test, service: Service): Promise<void> {
  const begun = Date.now()
  t.equal((await service.end('SIGTERM')).code, 0)
  t.ok(Date.now() - begun < 60_000, `the stop took ${Date.now() - begun} ms`)
}

t.test('a collector that is down, and comes back', async (t) => {
  const { sinks, folder, config } = await prepare(t)
  const closed = holdPort(t)
  const service = await run(t, config, {
    ...exportingTo({ url: `http://127.0.0.1:${closed.port}` }),
    // The exporter gives up after five tries, well before this: a slow answer of the one that comes back is none that fails.
    OTEL_EXPORTER_OTLP_TIMEOUT: '60000',
  })
  await work(t, service, sinks, folder)
  await until(() => warnings(service).length > 0, 'the warning')
  await work(t, service, sinks, folder)
  const collector = await startCollector(t, closed.give())
  await until(async () => {
    await post(service.url, newEvent())
    return collector.spans.length > 0
  }, 'exports that work again')
  await until(() => warnings(service).length > 1, 'word of it')
  t.equal(warnings(service).length, 2, warnings(service).join('\n'))
  t.match(warnings(service)[0], /cannot be exported \(.*ECONNREFUSED.*\), \d+ spans? .*check the\s+collector/)
  t.match(warnings(service)[1], /^traces are exported again; \d+ spans? lost/)
  await stop(t, service)
})

t.test('a collector that never answers holds up nothing, not even the stop', async (t) => {
  const { sinks, folder, config } = await prepare(t)
  const collector = await startCollector(t)
  collector.behave = 'hang'
  // A stop that waited for an export would miss its deadline.
  const service = await run(t, config, { ...exportingTo(collector), OTEL_EXPORTER_OTLP_TIMEOUT: '600000' })
  await work(t, service, sinks, folder)
  await until(() => collector.requests.length > 0, 'an export')
  await stop(t, service)
})

t.test('a collector that refuses is logged once, whatever it says', async (t) => {
  const { sinks, folder, config } = await prepare(t)
  const collector = await startCollector(t)
  collector.behave = 401
  const service = await run(t, config, {
    ...exportingTo(collector),
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20let-me-in',
  })
  await work(t, service, sinks, folder)
  const before = collector.requests.length
  await work(t, service, sinks, folder)
  await until(() => collector.requests.length > before, 'more than one refusal')
  await stop(t, service)
  t.equal(warnings(service).length, 1, warnings(service).join('\n'))
  t.match(warnings(service)[0], '401 Unauthorized')
  t.notMatch(service.output(), 'let-me-in')
})
