/** What a reload brings into effect, and what ends as it began: asked of the whole service. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startTestApp } from '../support/app.ts'
import { startMailServer } from '../support/mail-server.ts'
import { channels, NEW_SECRET, reload, slackServer, slackYaml, start } from '../support/reload.ts'
import { edit, replaceFile } from '../support/replace.ts'
import { ageEvents, environment, history, newEvent, post, secret, signedHeaders } from '../support/service.ts'
import { until } from '../support/until.ts'

t.test('a changed token takes effect: the destination sees the new one', async (t) => {
  const slack = await slackServer(t, { token: 'xoxb-new-token' })
  const app = await start(t, slackYaml(slack.url, 'links: {}\n'))
  await post(app.url, newEvent())
  await until(
    async () => (await history(app.folder)).deliveries.some(({ state }) => state === 'parked'),
    'the old token to be refused',
  )
  replaceFile(join(app.folder, 'token'), 'xoxb-new-token\n')
  t.match(await reload(app), {
    status: 200,
    body: { ok: true, changed: ['channels.slack'], warnings: [/routes\[0\]/] },
  })
  await post(app.url, newEvent())
  await until(() => slack.messages.length === 1, 'the message with the new token')
  t.notMatch(JSON.stringify(app.log), /xoxb-/, 'no token in the log')
})

t.test('a webhook secret is rotated: both at first, then only the new one', async (t) => {
  const app = await start(t, 'receivers: { here: { console: {} } }\nroutes: [{ receivers: [here] }]\n')
  const status = async (key: string) => {
    const { messageId, body } = newEvent()
    const headers = signedHeaders(messageId, body, key)
    return (await fetch(`${app.url}/webhooks/cuuro`, { method: 'POST', headers, body })).status
  }
  t.strictSame([await status(secret), await status(NEW_SECRET)], [202, 401])
  writeFileSync(join(app.folder, 'signing-new'), NEW_SECRET)
  edit(app.config, '{ file: signing }', '{ file: signing-new }, { file: signing }')
  t.match(await reload(app), { status: 200, body: { changed: ['sources.cuuro'] } })
  t.strictSame([await status(secret), await status(NEW_SECRET)], [202, 202])
  edit(app.config, '{ file: signing-new }, { file: signing }', '{ file: signing-new }')
  t.equal((await reload(app)).status, 200)
  t.strictSame([await status(secret), await status(NEW_SECRET)], [401, 202])
})

t.test('the mail server moves, and what the old one could not take goes to the new one', async (t) => {
  const before = await startMailServer()
  const after = await startMailServer()
  t.teardown(async () => {
    await before.close()
    await after.close()
  })
  before.behave = (step) => (step === 'rcpt' ? { code: 451, message: 'try later' } : undefined)
  const app = await start(
    t,
    `
channels:
  email: { smtp: "${before.url}", from: "Alerts <alerts@example.com>" }
receivers: { partners: { email: { to: [partners@example.com] } } }
routes: [{ receivers: [partners] }]
`,
  )
  await post(app.url, newEvent())
  await until(
    async () => (await history(app.folder)).deliveries.some(({ state }) => state === 'retrying'),
    'the old server to refuse',
  )
  edit(app.config, before.url, after.url)
  t.match(await reload(app), { status: 200, body: { changed: ['channels.email'] } })
  await until(() => after.messages.length === 1, 'the mail at the new server')
  await until(() => before.connections.open === 0, 'the connection to the old one to end')
  t.equal(before.messages.length, 0)
})

t.test('a changed receiver, a changed route, a changed template', async (t) => {
  const slack = await slackServer(t)
  const app = await start(
    t,
    slackYaml(slack.url).replace(
      '- receivers: [deals]',
      '- match: { type: "analysis.*" }\n    receivers: [deals]',
    ),
  )
  const sent = async (type: string) => {
    const count = slack.messages.length
    await post(app.url, newEvent(type))
    await until(() => slack.messages.length > count, `the message about ${type}`)
    return slack.messages.at(-1)
  }
  t.match(await sent('analysis.created'), { channel: '#deals' })
  edit(app.config, '"#deals"', '"#moved"')
  t.match(await reload(app), { body: { changed: ['receivers.deals'] } })
  t.match(await sent('analysis.created'), { channel: '#moved' })
  edit(app.config, '"analysis.*"', 'analysis.completed')
  edit(app.config, 'startup.created', '[startup.created, analysis.created]')
  t.match(await reload(app), { body: { changed: ['routes'] } })
  t.match(await sent('analysis.created'), { channel: '#other' })
  t.match(await reload(app), { status: 200, body: { changed: [] } }, 'nothing is different now')

  mkdirSync(join(app.folder, 'looks/analysis.created'), { recursive: true })
  edit(app.config, 'routes:', 'templates: looks\nroutes:')
  writeFileSync(join(app.folder, 'looks/analysis.created/slack.yaml'), 'text: first words\nblocks: []\n')
  t.match(await reload(app), { body: { changed: ['templates'] } })
  t.match(await sent('analysis.created'), { text: 'first words' })
  replaceFile(join(app.folder, 'looks/analysis.created/slack.yaml'), 'text: other words\nblocks: []\n')
  t.match(await reload(app), { body: { changed: ['templates'] } })
  t.match(await sent('analysis.created'), { text: 'other words' })
})

t.test(
  'an attempt ends under the configuration it began with, and its connections end with it',
  async (t) => {
    const before = await slackServer(t)
    const after = await slackServer(t)
    const held = Promise.withResolvers<undefined>()
    before.behave = () => held.promise
    const app = await start(t, slackYaml(before.url))
    await post(app.url, newEvent())
    await until(() => before.calls === 1, 'an attempt to be in flight')
    edit(app.config, before.url, after.url)
    edit(app.config, '"#deals"', '"#moved"')
    t.equal((await reload(app)).status, 200)
    await post(app.url, newEvent())
    await until(() => after.messages.length === 1, 'the next event under the new configuration')
    t.strictSame([before.messages.length, before.open], [0, 1], 'while the first still waits for its answer')
    t.strictSame(channels(after), ['#moved'])
    held.resolve(undefined)
    await until(
      async () => (await history(app.folder)).deliveries.every(({ state }) => state === 'delivered'),
      'both to be recorded',
    )
    t.strictSame(channels(before), ['#deals'])
    const { deliveries } = await history(app.folder)
    t.ok(
      deliveries.every(({ attempts }) => attempts === 1),
      'each at the first attempt',
    )
    await until(() => before.open === 0, 'the old connections to end')
    for (let count = 0; count < 5; count += 1) {
      t.equal((await reload(app)).status, 200)
      await post(app.url, newEvent())
      await until(() => after.messages.length === count + 2, 'a message after each reload')
    }
    await until(() => after.open <= 1, 'only the last one keeps a connection')
  },
)

t.test('the retry policy of an attempt is the one it began with', async (t) => {
  const slack = await slackServer(t, { scopes: ['chat:write'] })
  const held = Promise.withResolvers<'reset'>()
  slack.behave = ({ method }) => (method === 'chat.postMessage' ? held.promise : undefined)
  const app = await start(t, slackYaml(slack.url, 'delivery: { ambiguous_resends: 0 }\n'))
  await post(app.url, newEvent())
  await until(() => slack.calls === 1, 'an attempt to be in flight')
  edit(app.config, 'ambiguous_resends: 0', 'ambiguous_resends: 2')
  t.match(await reload(app), { body: { changed: ['delivery.ambiguous_resends'] } })
  held.resolve('reset')
  await until(
    async () => (await history(app.folder)).deliveries[0]?.state === 'parked',
    'it to be parked as the old configuration says',
  )
})

t.test('what was stored under the old configuration is attempted under the new one', async (t) => {
  const before = await slackServer(t)
  const after = await slackServer(t)
  before.behave = () => ({ status: 503, body: 'no' })
  const app = await start(t, slackYaml(before.url))
  await post(app.url, newEvent())
  await until(
    async () => (await history(app.folder)).deliveries.some(({ attempts }) => attempts > 0),
    'a failed attempt',
  )
  edit(app.config, before.url, after.url)
  await reload(app)
  await until(() => after.messages.length === 1, 'the message at the new address')
})

t.test('pace, places and retention are the new ones', async (t) => {
  const slack = await slackServer(t)
  const app = await start(t, slackYaml(slack.url, 'links: {}\n').replace('burst: 100', 'burst: 1, rate: 1/h'))
  for (let count = 0; count < 4; count += 1) await post(app.url, newEvent())
  await until(() => slack.messages.length === 1, 'the only message that the old pace allows')
  edit(app.config, 'rate: 1/h', 'rate: 1000/s')
  t.equal((await reload(app)).status, 200)
  await until(() => slack.messages.length === 4, 'the others at the new pace')

  const event = newEvent()
  t.equal((await post(app.url, event)).status, 202)
  t.equal((await post(app.url, event)).status, 200)
  ageEvents(app.folder, 3_600_000)
  t.equal((await post(app.url, event)).status, 200)
  edit(app.config, 'store.db"', 'store.db", dedupe: 1h, retain: 1h')
  t.match(await reload(app), { body: { changed: ['store.retain', 'store.dedupe'] } })
  await until(async () => (await post(app.url, event)).status === 202, 'the id to be forgotten')
  edit(app.config, 'port: 0', 'port: 0, max_pending: 1')
  t.match(await reload(app), { body: { changed: ['server.max_pending'], warnings: [/routes/] } })
})

t.test('a source is added, gets a list of addresses, and is removed', async (t) => {
  const app = await start(t, 'receivers: { here: { console: {} } }\nroutes: [{ receivers: [here] }]\n')
  const status = async () => (await post(app.url, newEvent(), 'second')).status
  t.equal(await status(), 404)
  edit(
    app.config,
    '\nreceivers',
    '\n  second: { svix: { secrets: [{ file: signing }] }, allow_ips: [192.0.2.1] }\nreceivers',
  )
  await reload(app)
  t.equal(await status(), 403)
  edit(app.config, '192.0.2.1', '127.0.0.1')
  await reload(app)
  t.equal(await status(), 202)
  edit(app.config, '  second: { svix: { secrets: [{ file: signing }] }, allow_ips: [127.0.0.1] }\n', '')
  t.match(await reload(app), { body: { changed: ['sources.second'] } })
  t.equal(await status(), 404)
})

t.test('variables are those that the service was started with', async (t) => {
  const env = { ...environment, ROUTE: 'from a variable' }
  const yaml = `
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
receivers: { here: { console: {} } }
routes: [{ name: written, receivers: [here] }]
`
  const app = await startTestApp(t, yaml, { env })
  edit(app.config, 'name: written', 'name: "${ROUTE}"')
  t.match(await app.reload('signal'), { ok: true, changed: ['routes'] })
  await post(app.url, newEvent())
  t.match((await history(app.folder)).deliveries, [{ route: 'from a variable' }])
})
