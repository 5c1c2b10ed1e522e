import t, { type Test } from 'tap'
import { startTestApp } from '../../support/app.ts'
import { hookbridge } from '../../support/hookbridge.ts'
import { startJsonApi } from '../../support/json-api.ts'
import { history } from '../../support/service.ts'
import { startSlackServer } from '../../support/slack/server.ts'
import { until } from '../../support/until.ts'

const yaml = `
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
  second: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
receivers:
  log: { console: {} }
channels:
  console: {}
routes:
  - name: analyses
    match: { type: "analysis.*" }
    receivers: [log]
`

t.test('send signs an event and prints the answer', async (t) => {
  const app = await startTestApp(t, yaml)
  const send = (...args: string[]) => hookbridge(['--config', app.config, 'send', '--url', app.url, ...args])
  t.match(await send('--type', 'analysis.completed', '--data', 'id=42', 'name=Acme'), {
    code: 0,
    out: /202\n\{"id":"evt_/,
  })
  await until(() => app.printed.length === 1, 'the message')
  const { events } = await history(app.folder)
  t.strictSame(JSON.parse(Buffer.from(events[0]?.body ?? []).toString()), {
    data: { id: '42', name: 'Acme' },
    event: 'analysis.completed',
  })
  t.match(JSON.parse((await send('--type', 'analysis.completed', '--id', 'msg_1', '--json')).out), {
    status: 202,
    message_id: 'msg_1',
  })
  t.match(await send('--type', 'analysis.completed', '--id', 'msg_1'), { code: 0, out: /"duplicate":true/ })
  t.match(await send(), { code: 2, err: /--type/ })
  t.match(await send('--type', 'x', '--data', 'novalue'), { code: 2, err: /key=value/ })
  t.match(await send('--type', 'x', '--source', 'nobody'), { code: 2, err: /no source "nobody"/ })
  t.match(await send('--file', '/nonexistent/body.json'), {
    code: 2,
    err: /there is no file \/nonexistent\/body\.json; name another file/,
  })
  t.match(await hookbridge(['--config', app.config, 'send', '--type', 'x', '--url', 'http://127.0.0.1:1']), {
    code: 1,
    err: /nothing answers at/,
  })
})

t.test('what another program answers in place of the service does not steer the terminal', async (t) => {
  const app = await startTestApp(t, yaml)
  const words = 'a\u001b[2J\u009b31m\u202eb'
  const other = await startJsonApi(t, () => ({ body: `{"id":"${words}"}` }))
  const args = ['--config', app.config, 'send', '--url', other.url, '--type', 'x']
  const shown = '{"id":"a\\x1b[2J\\x9b31m\\u202eb"}\n'
  t.match(await hookbridge(args), { code: 0, out: `200\n${shown}` })
  other.answer = () => ({ body: { id: words } })
  const waited = await hookbridge([...args, '--wait'])
  t.match(waited, { code: 1, err: 'stored the event as a\\x1b[2J\\x9b31m\\u202eb, but' })
  t.notMatch(waited.out + waited.err, /[\u001b\u009b\u202e]/)
})

t.test('send --url takes what one has: an address, or the URL of a webhook', async (t) => {
  const app = await startTestApp(t, yaml)
  const send = (...args: string[]) =>
    hookbridge(['--config', app.config, 'send', '--type', 'analysis.completed', ...args])
  for (const [url, source] of [
    [app.url, 'cuuro'],
    [`${app.url}/`, 'cuuro'],
    [`${app.url}/webhooks/cuuro`, 'cuuro'],
    [`${app.url}/webhooks/cuuro/`, 'cuuro'],
    [`${app.url}/webhooks/second`, 'second'],
    [`${app.url}/webhooks/second?from=a-page#top`, 'second'],
  ] as const) {
    t.match(await send('--url', url), { code: 0, out: `POST ${app.url}/webhooks/${source}  202` }, url)
  }
  t.match(await send('--url', app.url, '--source', 'second'), { out: `POST ${app.url}/webhooks/second  202` })
  const both = await send('--url', `${app.url}/webhooks/cuuro`, '--source', 'second')
  t.match(both, {
    code: 2,
    err: /--url is the webhook of "cuuro", and --source is "second": give one of them/,
  })
  const missing = await send('--url', `${app.url}/webhooks/third`)
  t.match(missing, { code: 2, err: /no source "third"; the configuration has cuuro, second/ })
  for (const [text, meant] of [
    ['127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['localhost:8080/webhooks/cuuro', 'http://localhost:8080/webhooks/cuuro'],
    ['ftp://example.com', 'http://127.0.0.1:8080'],
  ] as const) {
    t.match(await send('--url', text), { code: 2, err: `--url takes a URL such as ${meant}, not "${text}"` })
  }
  for (const url of [`${app.url}/`, `${app.url}/webhooks/cuuro/`]) {
    t.match(await hookbridge(['health', '--url', url, '--config', app.config]), { code: 0, out: /ready/ })
  }
})

const toSlack = (url: string) => `
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
channels: { slack: { token: "\${SLACK_BOT_TOKEN}", api_url: "${url}", burst: 100 }, console: {} }
receivers:
  deals: { slack: { channel: "#deals" } }
  log: { console: {} }
routes:
  - { match: { type: "analysis.*" }, receivers: [deals, log] }
`

async function slackApp(t: Test, more = '') {
  const slack = await startSlackServer()
  t.teardown(() => slack.close())
  const app = await startTestApp(t, toSlack(slack.url) + more)
  const send = (type: string, ...args: string[]) =>
    hookbridge(['--config', app.config, 'send', '--url', app.url, '--type', type, ...args])
  return { slack, app, send }
}

t.test('send --wait reports what becomes of the messages', async (t) => {
  const { slack, app, send } = await slackApp(t)
  const arrived = await send('analysis.completed', '--wait')
  t.match(arrived, { code: 0, out: /202\n\{"id":"evt_/, err: '' })
  t.match(arrived.out, /^slack #deals {2}delivered$/m)
  t.match(arrived.out, /^console console {2}delivered$/m)
  t.match(arrived.out, /^arrived: 2 messages\n$/m)

  const json = await send('analysis.completed', '--wait', '--json', '--id', 'msg_once')
  t.equal(json.code, 0)
  t.match(JSON.parse(json.out), {
    status: 202,
    arrived: true,
    deliveries: [{ state: 'delivered' }, { state: 'delivered' }],
  })
  const again = await send('analysis.completed', '--wait', '1s', '--id', 'msg_once')
  t.match(again, { code: 0, out: /"duplicate":true[\s\S]*arrived: 2 messages/ }, 'of the event seen before')

  slack.behave = () => ({ status: 200, body: '{"ok":false,"error":"channel_not_found"}' })
  const parked = await send('analysis.completed', '--wait')
  t.match(parked, { code: 1, out: /^slack #deals {2}parked: .*channel_not_found/m })
  t.match(
    parked.err,
    /^hookbridge: 1 of 2 messages did not arrive: "hookbridge events show evt_\w+" shows every attempt\n$/,
  )

  slack.behave = () => ({ status: 500, body: 'down' })
  await send('analysis.completed', '--id', 'msg_late')
  await until(async () => {
    const states = (await history(app.folder)).deliveries.map(({ state }) => state)
    return (
      states
        .filter((state) => state !== 'delivered')
        .toSorted()
        .join() === 'parked,retrying'
    )
  }, 'all messages but the parked one, and the one that is tried again')
  const late = await send('analysis.completed', '--wait', '300ms', '--id', 'msg_late')
  t.match(late, { code: 1, err: /1 of 2 messages not arrived within 0\.3 s/ })
  const lateJson = await send('analysis.completed', '--wait', '100ms', '--json')
  t.match(JSON.parse(lateJson.out), { arrived: false })
  t.equal(lateJson.code, 1)

  t.match(await send('other', '--wait'), {
    code: 1,
    err: /no route takes it: "hookbridge explain evt_\w+" shows why/,
  })
  t.match(await send('other', '--wait', 'soon'), { code: 2, err: /write a duration such as/ })
  const elsewhere = await startTestApp(t, toSlack(slack.url))
  const wait = ['send', '--url', app.url, '--type', 'analysis.completed', '--wait']
  t.match(await hookbridge(['--config', elsewhere.config, ...wait]), {
    code: 1,
    err: /the store of this configuration does not have it/,
  })
})

t.test('send --wait follows what unrouted.receivers get', async (t) => {
  const { slack, send } = await slackApp(t, 'unrouted: { receivers: [deals] }\n')
  t.match(await send('other', '--wait'), {
    code: 0,
    out: /^slack #deals {2}delivered\narrived: 1 message; no route takes it, so unrouted\.receivers got it\n$/m,
    err: '',
  })
  slack.behave = () => ({ status: 200, body: '{"ok":false,"error":"channel_not_found"}' })
  t.match(await send('other', '--wait'), { code: 1, err: /1 of 1 message did not arrive/ })
})

t.test('send --wait waits for the enrichment too', async (t) => {
  const answered = Promise.withResolvers<void>()
  const api = await startJsonApi(t, () => ({ body: { name: 'Acme' }, after: answered.promise }))
  const app = await startTestApp(
    t,
    `${yaml}enrich: [{ name: company, match: { type: "analysis.*" }, get: "${api.url}/companies", timeout: 60s }]`,
  )
  const send = (...args: string[]) =>
    hookbridge(['--config', app.config, 'send', '--url', app.url, '--type', 'analysis.completed', ...args])
  t.match(await send('--wait', '100ms'), {
    code: 1,
    err: /the event was not enriched within 0\.1 s, so no message is planned yet: "hookbridge events show evt_\w+" shows why/,
  })
  const waited = send('--wait')
  await until(async () => (await history(app.folder)).events.length === 2, 'the second event')
  answered.resolve()
  t.match(await waited, { code: 0, out: /^console console {2}delivered\narrived: 1 message\n$/m })
})
