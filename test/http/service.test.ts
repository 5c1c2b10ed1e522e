/** From a signed request to the store, asked of the whole service over real connections. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { openStore } from '../../src/store/open.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { scrape } from '../support/metrics.ts'
import { ageEvents, history, newEvent, post, signedHeaders } from '../support/service.ts'
import { until } from '../support/until.ts'
import { wrongSecret } from './fake-server.ts'

const otherSecret = `whsec_${Buffer.from('the secret before the rotation..').toString('base64')}`
const yaml = `
sources:
  cuuro: { svix: { secrets: ["${otherSecret}", "\${WEBHOOK_SECRET}"] } }
  listed: { svix: { secrets: ["\${WEBHOOK_SECRET}"] }, allow_ips: [svix, 203.0.113.0/24] }
  deep: { svix: { secrets: ["\${WEBHOOK_SECRET}"] }, event_type: /meta/kind~1name }
receivers:
  log: { console: {} }
channels:
  console: {}
routes:
  - match: { type: "analysis.*" }
    receivers: [log]
`

type Answer = { readonly id?: string; readonly duplicate?: boolean; readonly error?: string }

async function send(
  { url }: TestApp,
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
  return { status: response.status, answer: (await response.json()) as Answer }
}

const stored = async ({ folder }: TestApp) => (await history(folder)).events

t.test('one service', async (t: Test) => {
  const app = await startTestApp(t, yaml)

  await t.test('an event is stored once, and delivered', async (t) => {
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
    t.match(await stored(app), [
      { id, messageId: event.messageId, secretIndex: 1, type: 'analysis.completed', source: 'cuuro' },
    ])
  })

  await t.test('webhook-* headers are as good as svix-*', async (t) => {
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

  await t.test('401: what does not verify is not stored', async (t) => {
    const before = (await stored(app)).length
    const { body } = newEvent()
    const seconds = (offset: number) => Date.now() + offset * 1_000
    const cases: readonly [string, Record<string, string>, string][] = [
      ['no signature', { 'svix-signature': '' }, 'missing_signature'],
      ['another secret', signedHeaders('msg_1', body, wrongSecret), 'wrong_signature'],
      ['too old', signedHeaders('msg_1', body, otherSecret, seconds(-302)), 'timestamp_out_of_range'],
      ['from the future', signedHeaders('msg_1', body, otherSecret, seconds(400)), 'timestamp_out_of_range'],
      ['another id', { 'svix-id': 'msg_2' }, 'wrong_signature'],
      ['a changed body', signedHeaders('msg_1', `${body} `), 'wrong_signature'],
    ]
    for (const [name, headers, error] of cases)
      t.match(await send(app, body, headers), { status: 401, answer: { error } }, name)
    t.equal((await stored(app)).length, before)
    const store = await openStore(`sqlite:${join(app.folder, 'store.db')}`, 'operator')
    t.teardown(() => store.close())
    const { receivedAt = 0, sentAt = 0 } = (await store.refusedClock('cuuro')) ?? {}
    // Of the two that were off, the first.
    t.ok(receivedAt - sentAt >= 302_000, 'kept for doctor, once a minute')
    t.match(app.log.filter(({ msg }) => msg === 'request rejected').at(-1), {
      code: 'wrong_signature',
      address: '127.0.0.1',
      message_id: 'msg_1',
    })
  })

  await t.test('400: verified, but no event: quarantined whole', async (t) => {
    const before = new Set((await stored(app)).map(({ id }) => id))
    const cases: readonly [string | Buffer, string][] = [
      ['{"event":', 'invalid_json'],
      ['["a list"]', 'invalid_json'],
      ['', 'invalid_json'],
      ['{"data":{}}', 'no_event_type'],
      ['{"event":7}', 'no_event_type'],
      [Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), 'invalid_utf8'],
    ]
    for (const [body, error] of cases) t.match(await send(app, body), { status: 400, answer: { error } })
    const kept = (await stored(app)).filter(({ id }) => !before.has(id))
    t.ok(kept.every(({ type, problem }) => type === null && problem !== null))
    t.strictSame(
      kept.map(({ body }) => Buffer.from(body).toString('hex')).toSorted(),
      cases.map(([body]) => Buffer.from(body).toString('hex')).toSorted(),
    )
    const { value } = await scrape(app.url)
    t.equal(value('hookbridge_events_total', { source: 'cuuro', result: 'quarantined' }), cases.length)
  })

  await t.test('event_type is a JSON pointer', async (t) => {
    t.equal((await send(app, '{"meta":{"kind/name":"analysis.created"}}', {}, 'deep')).status, 202)
    t.equal((await send(app, '{"event":"analysis.created"}', {}, 'deep')).answer.error, 'no_event_type')
    t.match(
      (await stored(app)).find(({ source, problem }) => source === 'deep' && problem === null),
      { type: 'analysis.created' },
    )
  })

  await t.test('allow_ips, behind a proxy', async (t) => {
    const { body } = newEvent()
    const from = (address: string) => send(app, body, { 'x-forwarded-for': address }, 'listed')
    t.match(await send(app, body, {}, 'listed'), { status: 403, answer: { error: 'address_not_allowed' } })
    t.equal((await from('44.228.126.217')).status, 202, 'an address of Svix')
    t.equal((await from('203.0.113.9')).status, 202)
    t.equal((await from('44.228.126.217, 198.51.100.1')).status, 403, 'only the last entry is believed')
  })

  await t.test('an unrouted event is stored, logged and counted', async (t) => {
    const event = newEvent('startup.created')
    t.equal((await post(app.url, event)).status, 202)
    const found = (await stored(app)).find(({ messageId }) => messageId === event.messageId)
    t.match(found, { unrouted: true, plans: [{ routes: [], unrouted: true }], deliveries: [] })
    const { value } = await scrape(app.url)
    t.equal(value('hookbridge_events_total', { type: 'startup.created', result: 'unrouted' }), 1)
    t.ok(app.log.some(({ msg }) => msg === 'event stored, but no route takes it'))
  })

  await t.test('503 while the store cannot take it', async (t) => {
    const { body } = newEvent()
    const blocker = new DatabaseSync(join(app.folder, 'store.db'))
    t.teardown(() => blocker.close())
    blocker.exec('BEGIN IMMEDIATE')
    t.match(await send(app, body), { status: 503, answer: { error: 'store_unavailable' } })
    blocker.exec('ROLLBACK')
    t.equal((await send(app, body)).status, 202)
  })

  await t.test('503, and never 408, however long another process holds it', async (t) => {
    // Deliveries and enrichments ask the store meanwhile as well.
    const hasty = await startTestApp(t, yaml, { server: 'request_timeout: 2s' })
    const blocker = new DatabaseSync(join(hasty.folder, 'store.db'))
    t.teardown(() => blocker.close())
    blocker.exec('BEGIN IMMEDIATE')
    const until = performance.now() + 4_000
    const answers: Response[] = []
    while (performance.now() < until) {
      answers.push(...(await Promise.all([1, 2, 3].map(() => post(hasty.url, newEvent())))))
    }
    blocker.exec('ROLLBACK')
    t.same([...new Set(answers.map(({ status }) => status))], [503])
    t.ok(answers.every(({ headers }) => headers.get('retry-after') === '5'))
    t.equal((await post(hasty.url, newEvent())).status, 202)
  })
})

t.test('the same id after the dedupe window is a deliberate resend', async (t) => {
  const app = await startTestApp(t, yaml, { store: 'dedupe: 1h' })
  const event = newEvent()
  const first = (await (await post(app.url, event)).json()) as Answer
  t.equal((await post(app.url, event)).status, 200)
  ageEvents(app.folder, 3_600_000)
  t.equal((await post(app.url, event)).status, 202)
  const events = await stored(app)
  t.equal(events.length, 2)
  t.ok(events.some(({ id }) => id === first.id))
})
