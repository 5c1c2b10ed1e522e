/** Every answer of `POST /webhooks/<source>`, asked of the whole service over real connections. */
import { connect } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { startTestApp } from '../support/app.ts'
import { history, newEvent, post, secret, signedHeaders } from '../support/service.ts'
import { until } from '../support/until.ts'

const otherSecret = `whsec_${Buffer.from('the secret before the rotation..').toString('base64')}`
const yaml = `
sources:
  cuuro: { svix: { secrets: ["${otherSecret}", "\${WEBHOOK_SECRET}"] } }
  elsewhere: { svix: { secrets: ["\${WEBHOOK_SECRET}"] }, allow_ips: [svix, 203.0.113.0/24] }
  deep: { svix: { secrets: ["\${WEBHOOK_SECRET}"] }, event_type: /meta/kind~1name }
receivers:
  log: { console: {} }
channels:
  console: {}
routes:
  - match: { type: "analysis.*" }
    receivers: [log]
`

type Answer = {
  readonly id?: string
  readonly duplicate?: boolean
  readonly error?: string
  readonly message?: string
}

async function send(
  url: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
  source = 'cuuro',
) {
  const signed = signedHeaders(`msg_${crypto.randomUUID()}`, body)
  const response = await fetch(`${url}/webhooks/${source}`, {
    method: 'POST',
    headers: { ...signed, ...headers },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  })
  return { status: response.status, headers: response.headers, answer: (await response.json()) as Answer }
}

t.test('an event is stored once, and delivered', async (t) => {
  const app = await startTestApp(t, yaml)
  const event = newEvent()
  const first = await post(app.url, event)
  const { id } = (await first.json()) as Answer
  t.equal(first.status, 202)
  t.match(id, /^evt_[0-9A-Z]{26}$/)
  const second = await post(app.url, event)
  t.equal(second.status, 200)
  t.strictSame(await second.json(), { id, duplicate: true })
  await until(() => app.printed.length > 0, 'the message')
  t.match(app.printed.join(), event.objectId)
  const { events } = await history(app.folder)
  t.match(events, [
    { id, messageId: event.messageId, secretIndex: 1, type: 'analysis.completed', source: 'cuuro' },
  ])
})

t.test('webhook-* headers are as good as svix-*', async (t) => {
  const app = await startTestApp(t, yaml)
  const event = newEvent()
  const headers = Object.fromEntries(
    Object.entries(signedHeaders(event.messageId, event.body)).map(([name, value]) => [
      name.replace('svix-', 'webhook-'),
      value,
    ]),
  )
  const response = await fetch(`${app.url}/webhooks/cuuro`, { method: 'POST', headers, body: event.body })
  t.equal(response.status, 202)
})

t.test('401: what does not verify is not stored', async (t) => {
  const app = await startTestApp(t, yaml)
  const { body } = newEvent()
  const stranger = `whsec_${Buffer.from('somebody elses secret, 32 bytes.').toString('base64')}`
  const cases: readonly [string, Record<string, string>, string][] = [
    ['no signature', { 'svix-signature': '' }, 'missing_signature'],
    ['another secret', signedHeaders('msg_1', body, stranger), 'wrong_signature'],
    ['too old', signedHeaders('msg_1', body, secret, Date.now() - 302_000), 'timestamp_out_of_range'],
    ['from the future', signedHeaders('msg_1', body, secret, Date.now() + 303_000), 'timestamp_out_of_range'],
    ['another id', { 'svix-id': 'msg_2' }, 'wrong_signature'],
  ]
  for (const [name, headers, error] of cases) {
    const { status, answer } = await send(app.url, body, headers)
    t.equal(status, 401, name)
    t.equal(answer.error, error, name)
  }
  const changed = await fetch(`${app.url}/webhooks/cuuro`, {
    method: 'POST',
    headers: signedHeaders('msg_1', body),
    body: `${body} `,
  })
  t.equal(changed.status, 401, 'a changed body')
  t.strictSame((await history(app.folder)).events, [])
  t.match(app.log.filter(({ msg }) => msg === 'request rejected').at(-1), {
    code: 'wrong_signature',
    address: '127.0.0.1',
  })
})

t.test('400: verified, but no event: quarantined, and not to be repeated', async (t) => {
  const app = await startTestApp(t, yaml)
  const cases: readonly [string | Buffer, string][] = [
    ['{"event":', 'invalid_json'],
    ['["a list"]', 'invalid_json'],
    ['', 'invalid_json'],
    ['{"data":{}}', 'no_event_type'],
    ['{"event":7}', 'no_event_type'],
    [Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), 'invalid_utf8'],
  ]
  for (const [body, error] of cases) {
    const { status, headers, answer } = await send(app.url, body)
    t.equal(status, 400, error)
    t.equal(answer.error, error)
    t.equal(headers.get('webhook-delivery'), 'abort-message')
  }
  const { events } = await history(app.folder)
  t.equal(events.length, cases.length, 'each is kept whole')
  t.ok(events.every(({ type, problem }) => type === null && problem !== null))
  t.strictSame(
    new Set(events.map(({ body }) => Buffer.from(body).toString('hex'))),
    new Set(cases.map(([body]) => Buffer.from(body).toString('hex'))),
  )
  const metrics = await (await fetch(`${app.url}/metrics`)).text()
  t.match(
    metrics,
    `hookbridge_events_total{source="cuuro",type="",result="quarantined"} ${cases.length}`,
    'and counted',
  )
})

t.test('event_type is a JSON pointer', async (t) => {
  const app = await startTestApp(t, yaml)
  t.equal((await send(app.url, '{"meta":{"kind/name":"analysis.created"}}', {}, 'deep')).status, 202)
  t.equal((await send(app.url, '{"event":"analysis.created"}', {}, 'deep')).answer.error, 'no_event_type')
  t.match(
    (await history(app.folder)).events.find(({ problem }) => problem === null),
    { type: 'analysis.created' },
  )
})

t.test('403, 404, 413, 415: refused before anything is verified', async (t) => {
  const app = await startTestApp(t, yaml, { server: 'body_limit: 1kb' })
  const { body } = newEvent()
  t.match(await send(app.url, body, {}, 'elsewhere'), {
    status: 403,
    answer: { error: 'address_not_allowed' },
  })
  t.match(
    await send(app.url, body, { 'x-forwarded-for': '44.228.126.217' }, 'elsewhere'),
    { status: 202 },
    'behind a proxy',
  )
  t.match(await send(app.url, body, { 'x-forwarded-for': '203.0.113.9' }, 'elsewhere'), { status: 202 })
  t.match(
    await send(app.url, body, { 'x-forwarded-for': '44.228.126.217, 198.51.100.1' }, 'elsewhere'),
    { status: 403 },
    'what the client itself claims is not believed',
  )
  t.match(await send(app.url, body, {}, 'nobody'), { status: 404, answer: { error: 'unknown_source' } })
  t.match(await send(app.url, body, {}, '__proto__'), { status: 404, answer: { error: 'unknown_source' } })
  t.match(await send(app.url, 'x'.repeat(1025)), { status: 413, answer: { error: 'body_too_large' } })
  t.match(await send(app.url, body, { 'content-type': 'text/plain' }), {
    status: 415,
    answer: { error: 'unsupported_media_type' },
  })
  t.match(await send(app.url, body, { 'content-type': 'application/json; charset=utf-8' }), { status: 202 })
  t.equal((await fetch(`${app.url}/webhooks/cuuro`)).status, 404, 'GET is not a webhook')
  t.match(await (await fetch(`${app.url}/nothing`)).json(), { error: 'not_found' })
})

t.test('429 when too many requests are being handled', async (t) => {
  const app = await startTestApp(t, yaml, { server: 'max_pending: 1' })
  const port = Number(new URL(app.url).port)
  const { body } = newEvent()
  // A request whose body never comes holds the only place.
  const holder = connect(port, '127.0.0.1')
  holder.write(
    `POST /webhooks/cuuro HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{`,
  )
  await until(async () => (await send(app.url, body)).status === 429, 'the place to be taken')
  const { status, headers, answer } = await send(app.url, body)
  t.equal(status, 429)
  t.equal(answer.error, 'overloaded')
  t.ok(Number(headers.get('retry-after')) > 0)
  holder.destroy()
  await until(async () => (await send(app.url, body)).status === 202, 'the place to be free again')
})

t.test('503 while the store cannot take it', async (t) => {
  const app = await startTestApp(t, yaml)
  const { body } = newEvent()
  t.equal((await send(app.url, body)).status, 202)
  const blocker = new DatabaseSync(join(app.folder, 'store.db'))
  t.teardown(() => blocker.close())
  blocker.exec('BEGIN IMMEDIATE')
  const { status, headers, answer } = await send(app.url, body)
  t.equal(status, 503)
  t.equal(answer.error, 'store_unavailable')
  t.ok(Number(headers.get('retry-after')) > 0)
  blocker.exec('ROLLBACK')
  t.equal((await send(app.url, body)).status, 202)
})

t.test('a client that is slow, or does not speak HTTP, loses its connection', async (t) => {
  const app = await startTestApp(t, yaml, { server: 'request_timeout: 1s' })
  const port = Number(new URL(app.url).port)
  const talk = (text: string) =>
    new Promise<string>((resolve) => {
      let answer = ''
      const socket = connect(port, '127.0.0.1', () => socket.write(text))
      socket.on('data', (chunk) => {
        answer += chunk
      })
      socket.on('close', () => resolve(answer))
      socket.on('error', () => {})
    })
  const head = 'POST /webhooks/cuuro HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n'
  const [slowHead, slowBody, junk] = await Promise.all([
    talk(head),
    talk(`${head}content-length: 100\r\n\r\n{`),
    talk('this is not HTTP\r\n\r\n'),
  ])
  t.match(slowHead, /^HTTP\/1\.1 408 [\s\S]*"request_timeout"/)
  t.match(slowBody, /^HTTP\/1\.1 408 [\s\S]*"request_timeout"/)
  t.match(junk, /^HTTP\/1\.1 400 [\s\S]*"bad_request"/)
})

t.test('health', async (t) => {
  const app = await startTestApp(t, yaml)
  t.strictSame(await (await fetch(`${app.url}/livez`)).json(), { status: 'ok' })
  t.strictSame(await (await fetch(`${app.url}/readyz`)).json(), { status: 'ready' })
  t.match(await (await fetch(`${app.url}/metrics`)).text(), /^# HELP hookbridge_events_total/m)
})

t.test('an unrouted event is stored, told and counted', async (t) => {
  const app = await startTestApp(t, yaml)
  t.equal((await post(app.url, newEvent('startup.created'))).status, 202)
  t.match((await history(app.folder)).events, [{ routing: { routes: [], unrouted: true }, deliveries: [] }])
  t.match(
    await (await fetch(`${app.url}/metrics`)).text(),
    'hookbridge_events_total{source="cuuro",type="startup.created",result="unrouted"} 1',
  )
  t.ok(app.log.some(({ msg }) => msg === 'event stored, but no route takes it'))
})

t.test('the same id after the dedupe window is a deliberate resend', async (t) => {
  const app = await startTestApp(t, yaml, { store: 'dedupe: 1s' })
  const event = newEvent()
  const first = (await (await post(app.url, event)).json()) as Answer
  t.equal((await post(app.url, event)).status, 200)
  await until(async () => (await post(app.url, event)).status === 202, 'the window to pass')
  const { events } = await history(app.folder)
  t.equal(events.length, 2)
  t.ok(events.some(({ id }) => id === first.id))
})
