import { join } from 'node:path'
import t from 'tap'
import { createIds } from '../../src/app/ids.ts'
import { compileRoutes, type Router } from '../../src/core/routing/route.ts'
import { Secret } from '../../src/core/secret.ts'
import type { Fact } from '../../src/pipeline/fact.ts'
import { createReceive, type ReceiveSettings } from '../../src/pipeline/receive.ts'
import { releaseQuarantined } from '../../src/pipeline/release.ts'
import { createVerifier, readSignature } from '../../src/sources/svix.ts'
import { openStore } from '../../src/store/open.ts'
import { startTestApp } from '../support/app.ts'
import { hookbridge } from '../support/hookbridge.ts'
import { edit } from '../support/replace.ts'
import { history, newEvent, post, secret, signedHeaders, temporaryFolder } from '../support/service.ts'
import { until } from '../support/until.ts'

const yaml = `
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] }, event_type: /kind }
channels: { console: {} }
receivers: { log: { console: {} } }
routes: [{ receivers: [log] }]
`

async function quarantined(t: Parameters<typeof startTestApp>[0], folder?: string) {
  const app = await startTestApp(t, yaml, folder === undefined ? {} : { folder })
  const event = newEvent()
  return { app, event, answer: await post(app.url, event) }
}

t.test('a reload that can read what was quarantined takes it up, once', async (t) => {
  const { app, event, answer } = await quarantined(t)
  t.equal(answer.status, 400)
  t.equal((await post(app.url, event)).status, 400, 'and a resend is quarantined as well')
  t.match((await history(app.folder)).events, [{ type: null, problem: /^no_event_type/ }])

  edit(app.config, 'event_type: /kind', 'event_type: /event')
  t.match(await app.reload('signal'), { ok: true })
  await until(() => app.printed.length === 1, 'its message')
  await until(
    async () => (await history(app.folder)).deliveries.every(({ state }) => state === 'delivered'),
    'its record',
  )
  const { events } = await history(app.folder)
  const [request] = events.filter(({ type }) => type === null)
  const [taken] = events.filter(({ type }) => type !== null)
  t.equal(events.length, 2)
  t.match(taken, {
    messageId: event.messageId,
    subject: event.objectId,
    releasedFrom: request?.id,
    receivedAt: request?.receivedAt,
    plans: [{ number: 1, cause: 'quarantine' }],
  })
  t.equal(request?.releasedAs, taken?.id)
  t.match(await (await post(app.url, event)).json(), { id: taken?.id, duplicate: true })

  t.match(await app.reload('signal'), { ok: true })
  t.equal((await history(app.folder)).events.length, 2, 'another reload finds nothing more')
  t.equal(app.printed.length, 1)
})

t.test('so does a start', async (t) => {
  const folder = temporaryFolder(t)
  const { app, event } = await quarantined(t, folder)
  await app.stop()
  const next = await startTestApp(t, yaml.replace('/kind', '/event'), { folder })
  await until(() => next.printed.length === 1, 'its message')
  t.match(await (await post(next.url, event)).json(), { duplicate: true })
})

t.test('what was stored as an event is a duplicate, even if it can no longer be read', async (t) => {
  const app = await startTestApp(t, yaml.replace('/kind', '/event'))
  const event = newEvent()
  const first = await post(app.url, event)
  t.equal(first.status, 202)
  edit(app.config, 'event_type: /event', 'event_type: /kind')
  t.match(await app.reload('signal'), { ok: true })
  const again = await post(app.url, event)
  t.equal(again.status, 200)
  const { events } = await history(app.folder)
  t.equal(events.length, 1)
  t.same(await again.json(), { id: events[0]?.id, duplicate: true })
})

t.test(
  'an event on which planning fails is quarantined with the error, and released once it can be planned',
  async (t) => {
    const folder = temporaryFolder(t)
    const { url } = await startTestApp(t, yaml.replace('/kind', '/event'), { folder })
    const store = await openStore(`sqlite:${join(folder, 'store.db')}`, 'operator')
    t.teardown(() => store.close())
    const console = { channel: 'console', target: 'console', rateKey: 'console' }
    const settings: ReceiveSettings = {
      sources: new Map([
        [
          'cuuro',
          { verifier: createVerifier([new Secret(secret)]), pointers: { subject: '/data/id' }, allows: null },
        ],
      ]),
      router: compileRoutes([{ receivers: ['log'] }]),
      destinations: new Map([['log', [console]]]),
      lifecycles: [],
      steps: [],
      fingerprint: 'c0ffee',
      dedupeFor: 60_000,
    }
    const failing: Pick<Router, 'route'> = {
      route: ({ event: { type } }) => {
        throw new TypeError(`no route\nfor ${type}`)
      },
    }
    const facts: Fact[] = []
    const deps = { store, now: Date.now, ids: createIds(Date.now), observe: (fact: Fact) => facts.push(fact) }
    const receive = createReceive({ ...deps, clock: () => performance.now() })
    const send = (event: ReturnType<typeof newEvent>, router: ReceiveSettings['router']) => {
      const signature = readSignature(signedHeaders(event.messageId, event.body), Date.now())
      const request = {
        source: 'cuuro',
        signature,
        body: Buffer.from(event.body),
        age: 0,
        traceparent: undefined,
      }
      return receive(request, { ...settings, router })
    }
    const problem =
      'not_planned: unexpected error while it was routed: TypeError: no route for analysis.completed'
    const events = [newEvent(), newEvent(), newEvent()] as const
    for (const event of events)
      t.match(await send(event, failing), { kind: 'quarantined', code: 'not_planned', repeated: false })
    t.match(await send(events[0], failing), { kind: 'quarantined', repeated: true })
    t.match(facts, [
      { result: 'quarantined', code: 'not_planned', problem, type: null },
      {},
      {},
      { result: 'duplicate' },
    ])
    const listed = await hookbridge(['events', '--kind', 'quarantined', '--json'], { cwd: folder })
    t.match(JSON.parse(listed.out).events, [{ problem }, { problem }, { problem }])

    await releaseQuarantined({ ...deps, settings: () => ({ ...settings, router: failing }) })
    t.ok(
      (await history(folder)).events.every(({ releasedAs }) => releasedAs === null),
      'still not',
    )

    t.match(await send(events[0], settings.router), { kind: 'stored' }, 'the sender sends it again')
    const ofSecond = (await history(folder)).events.find(({ messageId }) => messageId === events[1].messageId)
    t.equal((await hookbridge(['replay', ofSecond?.id ?? '', '--yes'], { cwd: folder })).code, 0)
    await releaseQuarantined({ ...deps, settings: () => settings })
    await until(
      async () =>
        (await history(folder)).deliveries.filter(({ state }) => state === 'delivered').length === 3,
      'a message each',
    )
    t.equal((await history(folder)).deliveries.length, 3)
    t.equal((await post(url, events[2])).status, 200, 'and they are events like any other')
  },
)
