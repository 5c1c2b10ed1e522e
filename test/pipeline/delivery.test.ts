/** What the pipeline promises of deliveries, asked of the whole service with a real Slack stand-in. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { shortId } from '../../src/core/template/summary/fact.ts'
import { startTestApp } from '../support/app.ts'
import { startMailServer } from '../support/mail-server.ts'
import { scrape } from '../support/metrics.ts'
import { ageEvents, history, newEvent, post, temporaryFolder } from '../support/service.ts'
import { startSlackServer } from '../support/slack/server.ts'
import { accountsOf, startLossySlack, toFiveChannels } from '../support/unanswered.ts'
import { until } from '../support/until.ts'

function yaml(slackUrl: string, slack: string, extra = ''): string {
  return `
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", api_url: "${slackUrl}", ${slack} }
receivers:
  slow: { slack: { channel: "#slow" } }
  quick: { slack: { channel: "#quick" } }
routes:
  - receivers: [slow, quick]
${extra}`
}

t.test('a destination that hangs delays no other', async (t) => {
  const slack = await startSlackServer()
  t.teardown(() => slack.close())
  const asked: unknown[] = []
  slack.behave = ({ channel }) => {
    if (channel !== '#slow') return undefined
    asked.push(channel)
    return 'hang'
  }
  const app = await startTestApp(
    t,
    yaml(slack.url, 'rate: 1000/s, burst: 100', 'delivery: { timeout: 3s }\n'),
  )
  const events = 60
  for (let i = 0; i < events; i++) t.equal((await post(app.url, newEvent())).status, 202)
  await until(() => slack.messages.length >= events, 'all that goes to the other channel')
  t.ok(asked.length > 0 && asked.length < events, 'the one that hangs got some attempts, never all places')
  const { deliveries } = await history(app.folder)
  t.ok(
    deliveries
      .filter(({ destination }) => destination.target === '#slow')
      .every(({ state }) => state !== 'delivered'),
    'while it still hangs',
  )
  slack.behave = () => undefined
})

t.test('messages arrive in the order of their events, however late an answer is', async (t) => {
  const slack = await startSlackServer()
  t.teardown(() => slack.close())
  const arrived = (wanted: string) => slack.messages.filter(({ channel }) => channel === wanted)
  let asked = 0
  slack.behave = async ({ channel }) => {
    if (channel !== '#slow') return undefined
    asked += 1
    if (asked === 1) await until(() => arrived('#quick').length === 3, 'all messages elsewhere')
    return undefined
  }
  const app = await startTestApp(t, yaml(slack.url, 'rate: 1000/s, burst: 100'))
  const events = [newEvent(), newEvent(), newEvent()]
  for (const event of events) t.equal((await post(app.url, event)).status, 202)
  await until(() => arrived('#slow').length === 3, 'all messages')
  for (const [index, { objectId }] of events.entries())
    for (const channel of ['#slow', '#quick'])
      t.match(
        JSON.stringify(arrived(channel)[index]?.blocks),
        shortId(objectId),
        `${index + 1} in ${channel}`,
      )
})

t.test('with the store deleted nothing more is accepted, and what was accepted still goes out', async (t) => {
  const slack = await startSlackServer()
  t.teardown(() => slack.close())
  const { promise: deleted, resolve: release } = Promise.withResolvers<undefined>()
  slack.behave = () => deleted
  const app = await startTestApp(t, yaml(slack.url, 'rate: 1000/s, burst: 100'))
  const accepted = [newEvent(), newEvent()]
  for (const event of accepted) t.equal((await post(app.url, event)).status, 202)
  rmSync(join(app.folder, 'store.db'))
  const refused = newEvent()
  t.equal((await post(app.url, refused)).status, 503)
  const ready = await fetch(`${app.url}/readyz`)
  t.equal(ready.status, 503)
  t.match(await ready.json(), { problems: [/store\.db is gone.*restart/] })
  const reports = app.log.filter(({ during }) => during === 'files')
  t.match(reports, [{ level: 50, msg: /^store unavailable: .*store\.db is gone/ }])
  t.match(app.storeLoss(), /is gone/)
  release(undefined)
  await until(() => slack.messages.length === 4, 'the messages of both events')
  t.notMatch(JSON.stringify(slack.messages), shortId(refused.objectId))
  await app.stop()
  slack.behave = () => undefined
  const next = await startTestApp(t, yaml(slack.url, 'rate: 1000/s, burst: 100'), { folder: app.folder })
  t.equal((await post(next.url, refused)).status, 202)
  t.equal((await fetch(`${next.url}/readyz`)).status, 200)
  await until(() => slack.messages.length === 6, 'the messages of the third, and no others')
})

t.test(
  'an error after Slack took the message is ambiguous: resent as often as configured, then parked',
  async (t) => {
    const slack = await startSlackServer({ scopes: ['chat:write'] })
    t.teardown(() => slack.close())
    slack.behave = ({ method }) =>
      method === 'chat.postMessage' || method === 'webhook'
        ? { accept: true, status: 500, body: '<title>Server Error</title>' }
        : undefined
    const webhook = `webhook_url: "${slack.webhookUrl}"`
    const cases = [
      ['no resends, a webhook', webhook, 'delivery: { ambiguous_resends: 0 }', 1],
      ['no resends, a token that cannot read', 'channel: "#slow"', 'delivery: { ambiguous_resends: 0 }', 1],
      ['the default, a webhook', webhook, '', 3],
    ] as const
    for (const [name, receiver, policy, times] of cases) {
      slack.messages.length = 0
      const app = await startTestApp(
        t,
        `
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
channels: { slack: { token: "\${SLACK_BOT_TOKEN}", api_url: "${slack.url}", burst: 10 } }
receivers: { team: { slack: { ${receiver} } } }
routes: [{ receivers: [team] }]
${policy}
`,
      )
      const event = newEvent()
      await post(app.url, event)
      const parked = async () =>
        (await history(app.folder)).deliveries.filter(({ state }) => state === 'parked')
      await until(async () => (await parked()).length === 1, `${name}: parked`)
      const [delivery] = await parked()
      t.match(delivery, {
        dueAt: null,
        reason: /^ambiguous: .*dismiss/,
      })
      await app.stop()
      t.equal(slack.messages.length, times, `${name}: posted ${times} times`)
      const kinds = delivery?.history.map(({ outcome }) => outcome.kind) ?? []
      t.equal(kinds.filter((kind) => kind === 'ambiguous').length, times, 'each is recorded as what it is')
      for (const { blocks } of slack.messages) t.match(JSON.stringify(blocks), shortId(event.objectId))
    }
  },
)

t.test('a mail server that allows three connections is used at its own speed', async (t) => {
  const mail = await startMailServer({ connectionLimit: 3, delay: 20 })
  t.teardown(() => mail.close())
  const to = Array.from({ length: 20 }, (_, index) => `partner-${index}@example.com`)
  const app = await startTestApp(
    t,
    `
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
channels: { email: { smtp: "${mail.url}", from: alerts@example.com } }
receivers: { partners: { email: { to: ${JSON.stringify(to)} } } }
routes: [{ receivers: [partners] }]
`,
  )
  for (let i = 0; i < 3; i++) t.equal((await post(app.url, newEvent())).status, 202)
  await until(() => mail.messages.length === 60, 'all mails')
  await app.stop()
  const { deliveries } = await history(app.folder)
  const ends = deliveries.map(({ state, attempts }) => `${state} after ${attempts}`)
  t.strictSame([...new Set(ends)], ['delivered after 1'], 'no mail waits for another attempt')
  t.equal(mail.connections.most, 3, 'all that the server allows are used')
  t.ok(mail.connections.refused < 10, 'by default two more are tried, and then only what frees a place')
})

t.test('Slack is paced: a burst, then the rate', async (t) => {
  const slack = await startSlackServer({ rateLimit: { perSecond: 8, burst: 3 } })
  t.teardown(() => slack.close())
  const app = await startTestApp(t, yaml(slack.url, 'rate: 4/s, burst: 2'))
  const events = 12
  for (let i = 0; i < events; i++) await post(app.url, newEvent())
  await until(() => slack.messages.length === 2 * events, 'all messages')
  await until(
    async () => (await history(app.folder)).deliveries.every(({ state }) => state === 'delivered'),
    'their records',
  )
  const { deliveries } = await history(app.folder)
  t.ok(
    deliveries.every(({ attempts }) => attempts === 1),
    'Slack never had to say 429',
  )
  for (const channel of ['#slow', '#quick']) {
    const times = deliveries
      .filter(({ destination }) => destination.target === channel)
      .map(({ history }) => history[0]?.startedAt ?? 0)
      .toSorted((a, b) => a - b)
    const [first = 0] = times
    // An attempt begins a while after its claim, the first one more than others.
    t.ok(
      (times.at(-1) ?? 0) - first >= 1_250,
      `${channel}: ten more at four a second after a burst of two: ${times.map((time) => time - first)}`,
    )
  }
})

t.test('a template that fails falls back to default, and that is recorded', async (t) => {
  const slack = await startSlackServer()
  t.teardown(() => slack.close())
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'templates/analysis.completed'), { recursive: true })
  writeFileSync(
    join(folder, 'templates/analysis.completed/slack.yaml'),
    'text: "{% for i in (1..100000000) %}{{ data.id }}{% endfor %}"\nblocks: []\n',
  )
  const app = await startTestApp(t, yaml(slack.url, 'burst: 10', 'templates: templates\n'), { folder })
  const event = newEvent()
  await post(app.url, event)
  await until(() => slack.messages.length === 2, 'the messages')
  for (const { blocks } of slack.messages)
    t.match(JSON.stringify(blocks), shortId(event.objectId), 'in the form of default')
  await until(
    async () => (await history(app.folder)).deliveries.every(({ state }) => state === 'delivered'),
    'the records',
  )
  const [delivery] = (await history(app.folder)).deliveries
  t.match(delivery?.history[0]?.notes, [
    /^template analysis\.completed failed: /,
    /^rendered with template default instead$/,
  ])
})

t.test('what a person must fix is parked, and a resend after fixing delivers it', async (t) => {
  const slack = await startSlackServer({ notJoined: ['#slow'] })
  t.teardown(() => slack.close())
  const app = await startTestApp(t, yaml(slack.url, 'burst: 10'))
  await post(app.url, newEvent())
  await until(
    async () => (await history(app.folder)).deliveries.some(({ state }) => state === 'parked'),
    'the delivery to be parked',
  )
  const parked = (await history(app.folder)).deliveries.find(({ state }) => state === 'parked')
  t.match(parked, { destination: { target: '#slow' }, dueAt: null, reason: /not_in_channel.*invite/i })
  t.match(
    await (await fetch(`${app.url}/metrics`)).text(),
    'hookbridge_deliveries_total{channel="slack",receiver="slow",outcome="parked"} 1',
  )
})

t.test('finished events are purged after their retention', async (t) => {
  const slack = await startSlackServer()
  t.teardown(() => slack.close())
  const folder = temporaryFolder(t)
  const settings = { folder, store: 'retain: 1h, dedupe: 1h' }
  const first = await startTestApp(t, yaml(slack.url, 'burst: 10'), settings)
  await post(first.url, newEvent())
  await until(
    async () => (await history(folder)).deliveries.every(({ state }) => state === 'delivered'),
    'the deliveries',
  )
  await first.stop()
  ageEvents(folder, 3_600_000)
  await startTestApp(t, yaml(slack.url, 'burst: 10'), settings)
  await until(async () => (await history(folder)).events.length === 0, 'the event to be purged')
})

/** 200 deliveries, and what became of them. */
async function deliverAll(t: Test, lookUps: boolean) {
  const slack = await startLossySlack(t, lookUps)
  const lossy = slack.behave
  // After many losses in a row a delivery, or its destination, waits for minutes.
  slack.behave = (request) => (slack.calls <= 200 ? lossy(request) : undefined)
  const app = await startTestApp(t, toFiveChannels(slack.url, '30s'))
  await Promise.all(Array.from({ length: 40 }, () => post(app.url, newEvent())))
  await until(
    async () => (await scrape(app.url)).value('hookbridge_deliveries_total') === 200,
    'every delivery to end',
  )
  const { deliveries } = await history(app.folder)
  const attempts = deliveries.flatMap((delivery) => delivery.history)
  const accounts = accountsOf(slack, deliveries)
  t.equal(accounts.length, 200)
  const unanswered = accounts.reduce((sum, account) => sum + account.unanswered, 0)
  t.ok(unanswered > 20, 'answers were lost')
  const { value } = await scrape(app.url)
  const counted = (result: string) => value('hookbridge_delivery_lookups_total', { channel: 'slack', result })
  return { attempts, accounts, counted, messages: slack.messages.length }
}

t.test('what can be looked up arrives once, however many answers are lost', async (t) => {
  const { accounts, counted, messages } = await deliverAll(t, true)
  t.equal(messages, 200)
  t.same(
    accounts.filter(({ arrived, state }) => arrived !== 1 || state !== 'delivered'),
    [],
  )
  const found = accounts.filter((account) => account.found).length
  t.ok(found > 0)
  t.equal(counted('found'), found)
})

t.test('without that, every message that arrived twice is accounted for', async (t) => {
  const { attempts, accounts, counted, messages } = await deliverAll(t, false)
  t.ok(messages > 200)
  t.same(
    accounts.filter(({ arrived, unanswered, posted }) => arrived !== unanswered + posted || arrived > 3),
    [],
  )
  const noted = attempts.filter(({ notes }) => notes.some((note) => /missing_scope/.test(note)))
  t.ok(noted.length > 0)
  t.equal(counted('not_allowed'), noted.length)
  t.equal(counted('found'), 0)
})
