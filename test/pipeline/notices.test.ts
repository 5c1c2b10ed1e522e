/** Notices on the whole service: what they say, how often, and that nothing of them is lost or repeated. */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { Generations } from '../../src/app/generation.ts'
import { createIds } from '../../src/app/ids.ts'
import { loadConfig } from '../../src/config/load.ts'
import { quarantined, unrouted } from '../../src/core/notice/inbox.ts'
import * as notice from '../../src/core/notice/notice.ts'
import type { Fact } from '../../src/pipeline/fact.ts'
import { createNotices } from '../../src/pipeline/notices/notices.ts'
import { openStore } from '../../src/store/open.ts'
import { startTestApp } from '../support/app.ts'
import { channelEnvironment } from '../support/channel-environment.ts'
import { hookbridge } from '../support/hookbridge.ts'
import { edit } from '../support/replace.ts'
import { ageEvents, environment, history, newEvent, post, temporaryFolder } from '../support/service.ts'
import { until } from '../support/until.ts'

/** Answers as Slack does; #deal-flow is refused while `refuses` is set. */
async function startSlack(t: { teardown(action: () => unknown): unknown }) {
  const slack = {
    refuses: 'not_in_channel' as string | null,
    sent: [] as { channel: string; text: string; blocks: string }[],
    url: '',
  }
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    const isForm = String(request.headers['content-type']).includes('form')
    const body = isForm ? Object.fromEntries(new URLSearchParams(text)) : JSON.parse(text)
    const refused = body.channel === '#deal-flow' ? slack.refuses : null
    if (refused === null)
      slack.sent.push({ channel: body.channel, text: body.text, blocks: JSON.stringify(body.blocks) })
    response.setHeader('content-type', 'application/json')
    response.end(
      JSON.stringify(
        refused === null ? { ok: true, channel: 'C1', ts: '1.2' } : { ok: false, error: refused },
      ),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  slack.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return slack
}

const yaml = (url: string, notices = 'notices: { receivers: [ops] }') => `
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", rate: 1000/s, burst: 1000, api_url: "${url}" }
  console: {}
receivers:
  deal-flow: { slack: { channel: "#deal-flow" } }
  ops: { console: {} }
routes:
  - match: { type: "analysis.*" }
    receivers: [deal-flow]
${notices}
`

const of = async (folder: string) =>
  (await history(folder)).events.filter(({ source }) => source === 'hookbridge')
const types = async (folder: string) => (await of(folder)).map(({ type }) => type)
const dataOf = (event: { body: Uint8Array } | undefined) =>
  JSON.parse(Buffer.from(event?.body ?? []).toString()).data

t.test('a destination that refuses makes one notice, and another one when it works again', async (t) => {
  const slack = await startSlack(t)
  const app = await startTestApp(t, yaml(slack.url))
  for (let count = 0; count < 5; count += 1) await post(app.url, newEvent())
  await until(() => app.printed.length > 0, 'the notice')
  t.match(app.printed[0], /Slack #deal-flow does not take messages/)
  await until(
    async () => (await history(app.folder)).deliveries.filter(({ state }) => state === 'parked').length === 5,
    'the messages to be parked',
  )
  const [failing] = await of(app.folder)
  t.match(dataOf(failing), { reason: /not_in_channel/, waits: /parked/, command: /--state parked/ })

  slack.refuses = null
  await post(app.url, newEvent())
  await until(async () => (await types(app.folder)).includes('destination.recovered'), 'the second notice')
  t.same((await types(app.folder)).toSorted(), ['destination.failing', 'destination.recovered'])
  await until(() => app.printed.length === 2, 'both to be printed')
  t.match(app.printed[1], /Slack #deal-flow takes messages again/)
  const metrics = await (await fetch(`${app.url}/metrics`)).text()
  t.match(metrics, /hookbridge_notices_total\{type="destination\.failing"\} 1/)
})

t.test(
  'a restart neither repeats a notice nor forgets that it has to be followed by another one',
  async (t) => {
    const slack = await startSlack(t)
    const folder = temporaryFolder(t)
    const app = await startTestApp(t, yaml(slack.url), { folder })
    await post(app.url, newEvent())
    await until(() => app.printed.length === 1, 'the notice')
    await app.stop()
    slack.refuses = null
    const next = await startTestApp(t, yaml(slack.url), { folder })
    await post(next.url, newEvent())
    await until(() => next.printed.length > 0, 'the second notice')
    t.match(next.printed, [/takes messages again/])
    t.equal((await types(folder)).length, 2)
  },
)

t.test('a message that Slack refuses for good, and a second one, make one notice', async (t) => {
  const slack = await startSlack(t)
  slack.refuses = 'invalid_blocks'
  const app = await startTestApp(t, yaml(slack.url))
  await post(app.url, newEvent())
  await until(() => app.printed.length === 1, 'the notice')
  t.match(app.printed[0], /1 message to slack #deal-flow was given up/)
  await post(app.url, newEvent())
  await until(
    async () => (await history(app.folder)).deliveries.filter(({ state }) => state === 'dead').length === 2,
    'the second one',
  )
  t.same(await types(app.folder), ['delivery.dead'])
})

t.test(
  'events without a route make a notice for the first of their type, also after a restart',
  async (t) => {
    const slack = await startSlack(t)
    const folder = temporaryFolder(t)
    const app = await startTestApp(t, yaml(slack.url), { folder })
    for (let count = 0; count < 3; count += 1) await post(app.url, newEvent('startup.created'))
    await until(() => app.printed.length === 1, 'the notice')
    t.match(app.printed[0], /No route takes the event type startup\.created/)
    await app.stop()
    const next = await startTestApp(t, yaml(slack.url), { folder })
    await post(next.url, newEvent('startup.created'))
    await post(next.url, newEvent('startup.deleted'))
    await until(() => next.printed.length === 1, 'the notice of the other type')
    t.match(next.printed[0], /startup\.deleted/)
    t.notMatch(next.printed[0], /startup\.created/)
  },
)

t.test('events that `unrouted` gives to a mute make no notice, nor at the next start', async (t) => {
  const slack = await startSlack(t)
  const folder = temporaryFolder(t)
  const muted = yaml(slack.url).replace('routes:', '  nobody: {}\nunrouted: { receivers: [nobody] }\nroutes:')
  // Notices are stored in order: one of quarantine comes after the one that is not to come.
  for (const type of ['startup.created', 'startup.deleted']) {
    const app = await startTestApp(t, muted, { folder })
    await post(app.url, newEvent(type))
    await post(app.url, { ...newEvent(), body: '{}' })
    await until(() => app.printed.length === 1, 'the notice of the request')
    await app.stop()
    // The next one of the source comes ten minutes later.
    ageEvents(folder, 600_000)
  }
  t.same(await types(folder), ['event.quarantined', 'event.quarantined'])

  const app = await startTestApp(t, yaml(slack.url), { folder })
  await until(async () => (await types(folder)).includes('event.unrouted'), 'the notice without the mute')
  await app.stop()
})

t.test('a request that is taken out of quarantine and has no route makes a notice at once', async (t) => {
  const slack = await startSlack(t)
  const unreadable = yaml(slack.url).replace('} }\nchannels', '}, event_type: /kind }\nchannels')
  const app = await startTestApp(t, unreadable)
  t.equal((await post(app.url, newEvent('startup.created'))).status, 400)
  await until(() => app.printed.length === 1, 'the notice of the request')
  edit(app.config, ', event_type: /kind', '')
  t.match(await app.reload('signal'), { ok: true })
  await until(async () => (await types(app.folder)).includes('event.unrouted'), 'the notice of the event')
  const [notice] = (await of(app.folder)).filter(({ type }) => type === 'event.unrouted')
  t.match(dataOf(notice), { types: [['cuuro', 'startup.created']] })
})

t.test('what a process stored and did not come to report is reported by the next one', async (t) => {
  const slack = await startSlack(t)
  const folder = temporaryFolder(t)
  const before = await startTestApp(t, yaml(slack.url, ''), { folder })
  await post(before.url, newEvent('startup.created'))
  await post(before.url, newEvent())
  await until(
    async () => (await history(folder)).deliveries.some(({ state }) => state === 'parked'),
    'a parked message',
  )
  t.same(await types(folder), [], 'without notices in the configuration nothing is stored')
  await before.stop()
  const next = await startTestApp(t, yaml(slack.url), { folder })
  await until(() => next.printed.length === 2, 'both notices')
  t.same((await types(folder)).toSorted(), ['destination.failing', 'event.unrouted'])
})

t.test('a reload that fails and a request that cannot be read make notices', async (t) => {
  const slack = await startSlack(t)
  const app = await startTestApp(
    t,
    yaml(slack.url).replace('} }\nchannels', '}, event_type: /kind }\nchannels'),
  )
  t.equal((await post(app.url, newEvent())).status, 400)
  await until(() => app.printed.length === 1, 'the notice of the request')
  t.match(app.printed[0], /A request of cuuro could not be read as an event/)
  edit(app.config, 'receivers: [deal-flow]', 'receivers: [nobody]')
  t.match(await app.reload('signal'), { ok: false })
  await until(() => app.printed.length === 2, 'the notice of the reload')
  t.match(app.printed[1], /A changed configuration was not applied/)
})

t.test('a notice that cannot be delivered makes no notice', async (t) => {
  const slack = await startSlack(t)
  const app = await startTestApp(
    t,
    yaml(slack.url).replace('ops: { console: {} }', 'ops: { slack: { channel: "#deal-flow" } }'),
  )
  await post(app.url, newEvent('startup.created'))
  await until(
    async () => (await history(app.folder)).deliveries.some(({ state }) => state === 'parked'),
    'the notice to be parked',
  )
  await post(app.url, newEvent('startup.created'))
  t.same(await types(app.folder), ['event.unrouted'])
})

t.test('a notice that its receiver cannot get goes to the fallback, once, and makes no other', async (t) => {
  const slack = await startSlack(t)
  const receivers =
    'ops: { slack: { channel: "#deal-flow" }, fallback: second }\n  second: { slack: { channel: "#second" }, fallback: last }\n  last: { console: {} }'
  const app = await startTestApp(t, yaml(slack.url).replace('ops: { console: {} }', receivers))
  await post(app.url, newEvent('startup.created'))
  await until(() => slack.sent.length === 1, 'the fallback')
  t.match(slack.sent, [
    { channel: '#second', text: /^No route takes/, blocks: /for ops, which it did not reach: / },
  ])

  await post(app.url, newEvent())
  await until(async () => (await types(app.folder)).includes('destination.failing'), 'the notice')
  await until(() => slack.sent.length === 2, 'its fallback')
  slack.refuses = null
  await post(app.url, newEvent())
  await until(async () => (await types(app.folder)).includes('destination.recovered'), 'the recovery')
  await until(() => slack.sent.length === 4, 'the message, and the notice in its own place')
  t.same((await types(app.folder)).toSorted(), [
    'destination.failing',
    'destination.recovered',
    'event.unrouted',
  ])
  t.same(
    slack.sent.map(({ channel }) => channel),
    ['#second', '#second', '#deal-flow', '#deal-flow'],
  )
  t.same(app.printed, [], 'a fallback has no other')
})

t.test('ordinary routes never see notices; routes of their own do', async (t) => {
  const slack = await startSlack(t)
  const own = 'notices: { routes: [{ match: { type: "destination.*" }, receivers: [ops] }] }'
  const app = await startTestApp(
    t,
    `${yaml(slack.url, own).replace('match: { type: "analysis.*" }', 'match: { data.id: { exists: true } }')}`,
  )
  await post(app.url, newEvent())
  await until(() => app.printed.length === 1, 'the notice')
  const [notice] = await of(app.folder)
  t.match(notice?.plans[0]?.routes, [{ path: 'routes[0]', receivers: ['ops'] }])
  t.equal(notice?.plans[0]?.deliveries.length, 1)
})

t.test('a step of enrich that is refused makes one notice', async (t) => {
  const slack = await startSlack(t)
  slack.refuses = null
  const api = createServer((_, response) => {
    response.statusCode = 401
    response.end('{}')
  })
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve))
  t.teardown(() => api.close())
  const { port } = api.address() as AddressInfo
  const step = `enrich: [{ name: score, get: "http://127.0.0.1:${port}/{{ data.id }}", pick: { score: /score } }]`
  const app = await startTestApp(t, `${yaml(slack.url)}${step}\n`)
  await post(app.url, newEvent())
  await post(app.url, newEvent())
  await until(() => app.printed.length === 1, 'the notice')
  t.match(app.printed[0], /refuses the step score of enrich/)
  await until(() => slack.sent.length === 2, 'both messages')
  t.same(await types(app.folder), ['enrichment.refused'])

  // The next process finds the refusal in the history, and the notice of it.
  await app.stop()
  const next = await startTestApp(t, `${yaml(slack.url)}${step}\n`, { folder: app.folder })
  const refusals = () => next.log.filter(({ msg }) => /step score of enrich is refused/.test(String(msg)))
  await until(() => refusals().length === 1, 'what is known from before')
  t.match(await (await fetch(`${next.url}/metrics`)).text(), 'hookbridge_enrichment_refused{step="score"} 1')
  await post(next.url, newEvent())
  await until(() => slack.sent.length === 3, 'the next message')
  t.equal(refusals().length, 1)
  t.same(await types(app.folder), ['enrichment.refused'])
  await next.stop()

  // A process that was killed before it had stored the notice.
  const database = new DatabaseSync(join(app.folder, 'store.db'))
  database.exec("DELETE FROM events WHERE source = 'hookbridge'")
  database.close()
  const third = await startTestApp(t, `${yaml(slack.url)}${step}\n`, { folder: app.folder })
  await until(() => third.printed.length === 1, 'the notice that was lost')
  t.same(await types(app.folder), ['enrichment.refused'])
})

t.test('the command of each notice is one that there is', async (t) => {
  const trouble = {
    channel: 'slack',
    targets: ['#a'],
    rateKey: 'a',
    state: null,
    waiting: 1,
    parked: 1,
    dead: 1,
  }
  const failed = notice.failing(trouble, 'not_in_channel', 0)
  const before = { eventId: 'evt_1', type: failed.type, at: 0, data: failed.data }
  const all = [
    failed,
    notice.failing({ ...trouble, parked: 0 }, 'down', 0),
    notice.recovered(trouble, before, '1 message', 0),
    notice.dead(trouble, 1, [], 0),
    unrouted([{ source: 'cuuro', type: 'a' }], 0, 0),
    quarantined('cuuro', 1, ['no_event_type: none'], 0),
    notice.reloadFailed('config.yaml', 'wrong', 0),
  ]
  for (const { type, data } of all) {
    const [program, name = '', ...rest] = data.command.split(' ')
    t.equal(program, 'hookbridge', type)
    const { code, out } = await hookbridge([name, '--help'])
    t.equal(code, 0, data.command)
    for (const flag of rest.filter((word) => word.startsWith('--'))) {
      t.ok(
        new RegExp(`^ +(-\\w, )?${flag}\\b`, 'm').test(out) || flag === '--config',
        `${data.command}: ${flag}`,
      )
    }
  }
})

t.test('instances that share a store make one notice of the same news', async (t) => {
  const folder = temporaryFolder(t)
  const config = join(folder, 'config.yaml')
  writeFileSync(config, yaml('http://127.0.0.1:1/'))
  const loaded = loadConfig(config, environment)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const generations = new Generations(loaded.compiled, channelEnvironment(0), t.error)
  const store = await openStore(`sqlite:${join(folder, 'store.db')}`, 'service')
  const refused = { kind: 'enrichment_refused', host: 'api', status: 401, reason: 'x', id: 'evt_1' } as const
  const stored = async () => {
    const { items } = await store.events({ source: 'hookbridge' }, { limit: 100 })
    return items.map(({ type, subject }) => `${type} ${subject}`).toSorted()
  }
  const start = async (name: string) => {
    const notices = createNotices({
      store,
      settings: () => generations.current,
      takesUnrouted: () => false,
      file: config,
      now: Date.now,
      clock: () => performance.now(),
      ids: createIds(Date.now),
      observe: () => {},
      onBug: t.error,
    })
    notices.start()
    // Its first pass is over then.
    notices.observe({ ...refused, step: name, acceptedAt: 0 })
    await until(async () => (await stored()).includes(`enrichment.refused ${name}`), name)
    return notices
  }
  const received = {
    kind: 'received',
    id: 'evt_1',
    messageId: 'msg_1',
    source: 'cuuro',
    subject: null,
  } as const
  const times = { began: 0, verifying: 0, verified: 0, routed: 0, stored: 0 }
  const handling = { ...times, routes: [], bytes: 0, traceparent: undefined }
  const rest = { secretIndex: 0, enriching: false, deliveries: 0, handling }
  const news: readonly Fact[] = [
    { ...received, ...rest, result: 'stored', type: 'startup.created', unrouted: true },
    { ...received, ...rest, result: 'quarantined', type: null, unrouted: false, problem: 'no type' },
    { kind: 'reloaded', ok: false, trigger: 'signal', changed: [], fingerprint: '', reason: 'x' },
    { ...refused, step: 'score', acceptedAt: 0 },
  ]
  const [one, two] = [await start('one'), await start('two')]
  for (const fact of news) one.observe(fact)
  await until(async () => (await stored()).length === 2 + news.length, 'what the first one reports')
  // What only the second one knows of comes after the others.
  for (const fact of [...news, { ...refused, step: 'other', acceptedAt: 0 }]) two.observe(fact)
  await until(async () => (await stored()).includes('enrichment.refused other'), 'its own news')
  await one.stop()
  await two.stop()
  t.strictSame(await stored(), [
    'enrichment.refused one',
    'enrichment.refused other',
    'enrichment.refused score',
    'enrichment.refused two',
    'event.quarantined cuuro',
    'event.unrouted startup.created',
    `reload.failed ${config}`,
  ])

  // Each instance hears it at the same time.
  const again = [await start('three'), await start('four')]
  for (const each of again) each.observe({ ...refused, step: 'both', acceptedAt: 0 })
  await until(async () => (await stored()).includes('enrichment.refused both'), 'the notice of either')
  for (const each of again) await each.stop()
  t.equal((await stored()).filter((one) => one === 'enrichment.refused both').length, 1)

  // It was accepted since: this is another refusal.
  const third = await start('five')
  third.observe({ ...refused, step: 'score', acceptedAt: Date.now() })
  await until(
    async () => (await stored()).filter((one) => one === 'enrichment.refused score').length === 2,
    'the notice of the second refusal',
  )
  await third.stop()
  await generations.close()
  await store.close()
})
