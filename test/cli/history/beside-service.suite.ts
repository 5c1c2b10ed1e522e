/** The commands of the history beside a service that delivers. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { startTestApp, type TestApp } from '../../support/app.ts'
import { hookbridge } from '../../support/hookbridge.ts'
import { startMailServer } from '../../support/mail-server.ts'
import { killAfter } from '../../support/processes.ts'
import { edit } from '../../support/replace.ts'
import { environment, newEvent, post } from '../../support/service.ts'
import { startSlackServer } from '../../support/slack/server.ts'
import { until } from '../../support/until.ts'
import { look } from './stored.ts'

const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))

const toConsole = `
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
channels: { console: {} }
receivers: { log: { console: {} } }
routes: [{ name: analyses, match: { type: "analysis.*" }, receivers: [log] }]
`

/** Each delivery's destination and state, the oldest first. */
async function deliveriesOf({ folder }: Pick<TestApp, 'folder'>): Promise<string[]> {
  const { items } = await look(folder, (store) => store.deliveries({}, { limit: 1_000 }))
  return items.map(({ destination, state }) => `${destination.target} ${state}`).toReversed()
}

t.test('what came is listed, resent and replayed', async (t) => {
  const app = await startTestApp(t, toConsole)
  const run = (...args: string[]) => hookbridge(['--config', app.config, ...args])
  const event = newEvent()
  const { id } = (await (await post(app.url, event)).json()) as { id: string }
  await post(app.url, newEvent('startup.created'))
  await until(async () => (await deliveriesOf(app))[0] === 'console delivered', 'the delivery')
  t.match(JSON.parse((await run('events', '--json')).out), {
    events: [
      { type: 'startup.created', unrouted: true },
      { id, subject: event.objectId, deliveries: { delivered: 1 } },
    ],
    next: null,
  })
  for (const name of [id, event.messageId, event.objectId, id.slice(0, -3)]) {
    t.match(await run('events', 'show', name), {
      code: 0,
      out: new RegExp(
        `event ${id}[\\s\\S]*message ${event.messageId}, verified with secret 1[\\s\\S]*route +analyses \\(routes\\[0\\]\\) -> log[\\s\\S]*attempt 1, .*: sent`,
      ),
    })
  }
  const [delivery] = JSON.parse((await run('deliveries', '--state', 'delivered', '--json')).out).deliveries
  t.match(delivery, { id: /^dlv_[0-9A-Z]{13,}$/, event_id: id, plan: 1, channel: 'console', attempts: 1 })
  t.match(await run('resend', delivery.id), { code: 0, out: /^1 delivery due now/ })
  await until(() => app.printed.length === 2, 'the message again')
  t.match(await run('replay', id), { code: 0, out: new RegExp(`^${id}: plan 2, 1 delivery\n$`) })
  await until(() => app.printed.length === 3, 'the replayed message')
  t.match(await run('destinations'), { code: 0, out: /^console console +working +/m })
})

t.test(
  'a channel was renamed: once the receiver is corrected, resend goes there and mails nobody twice',
  async (t) => {
    const slack = await startSlackServer()
    const mail = await startMailServer()
    t.teardown(() => Promise.all([slack.close(), mail.close()]))
    slack.behave = ({ channel }) =>
      channel === '#dealflow' ? { status: 200, body: '{"ok":false,"error":"channel_not_found"}' } : undefined
    const app = await startTestApp(
      t,
      `
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", api_url: "${slack.url}", burst: 100 }
  email: { smtp: "${mail.url}", from: "Alerts <alerts@example.com>" }
receivers:
  deals: { slack: { channel: "#dealflow" }, email: { to: [ada@example.org, bob@example.org] } }
routes: [{ receivers: [deals] }]
`,
    )
    const run = (...args: string[]) => hookbridge(['--config', app.config, ...args])
    const depth = async () => {
      const text = await (await fetch(`${app.url}/metrics`)).text()
      const line = /^hookbridge_queue_depth\{.*channel="slack".*state="parked".*\} (\d+)$/m.exec(text)
      return Number(line?.[1] ?? 0)
    }
    await post(app.url, newEvent())
    await post(app.url, newEvent())
    await until(
      async () =>
        (await deliveriesOf(app)).toSorted().join() ===
        ['#dealflow parked', '#dealflow parked', ...mails('delivered')].join(),
      'both to be parked, and mailed',
    )
    await until(async () => (await depth()) === 2, 'the metric of what is parked')
    t.match(await run('destinations'), { out: /^slack #dealflow +\w+ +0 +2 +0\b.*channel_not_found/m })

    edit(app.config, '#dealflow', '#deal-flow')
    t.match(await app.reload('signal'), { ok: true })
    t.match(await run('resend', '--state', 'parked'), {
      code: 0,
      out: /^2 deliveries due now.*\n {2}2 of them to slack #deal-flow instead of slack #dealflow\n$/,
    })
    await until(() => slack.messages.length === 2, 'the messages')
    await until(
      async () =>
        (await deliveriesOf(app)).toSorted().join() ===
        [
          '#deal-flow delivered',
          '#deal-flow delivered',
          '#dealflow cancelled',
          '#dealflow cancelled',
          ...mails('delivered'),
        ].join(),
      'nothing to be left',
    )
    t.strictSame(
      slack.messages.map(({ channel }) => channel),
      ['#deal-flow', '#deal-flow'],
    )
    t.equal(mail.messages.length, 4, 'nobody was mailed twice')
    await until(async () => (await depth()) === 0, 'the metric to end')
  },
)

function mails(state: string): string[] {
  return ['ada@example.org', 'ada@example.org', 'bob@example.org', 'bob@example.org'].map(
    (one) => `${one} ${state}`,
  )
}

t.test('dismiss ends the metric of what is parked', async (t) => {
  const slack = await startSlackServer()
  t.teardown(() => slack.close())
  slack.behave = () => ({ status: 200, body: '{"ok":false,"error":"not_in_channel"}' })
  const app = await startTestApp(
    t,
    `
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
channels: { slack: { token: "\${SLACK_BOT_TOKEN}", api_url: "${slack.url}" } }
receivers: { deals: { slack: { channel: "#deals" } } }
routes: [{ receivers: [deals] }]
`,
  )
  const parked = async () => {
    const text = await (await fetch(`${app.url}/metrics`)).text()
    return /^hookbridge_queue_depth\{.*state="parked".*\} (\d+)$/m.exec(text)?.[1]
  }
  await post(app.url, newEvent())
  await until(async () => (await parked()) === '1', 'the message to be parked')
  const args = ['--config', app.config, 'dismiss', '--destination', '#deals', '--reason', 'the deal is off']
  t.match(await hookbridge(args), { code: 0, out: '1 delivery dismissed\n' })
  await until(async () => (await parked()) !== '1', 'the metric to end')
  t.strictSame(await deliveriesOf(app), ['#deals dismissed'])
})

/** `hookbridge … --follow`, as somebody runs it in another terminal. */
function following(t: Test, config: string, ...args: string[]) {
  const child = spawn(process.execPath, [main, ...args, '--follow', '--config', config], {
    env: { ...process.env, ...environment, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  killAfter(t, child)
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  return {
    lines: () => out.split('\n').slice(0, -1),
    async stop() {
      child.kill('SIGINT')
      return ended
    },
  }
}

t.test('--follow prints what comes, and what becomes of it', async (t) => {
  const slack = await startSlackServer()
  t.teardown(() => slack.close())
  const app = await startTestApp(
    t,
    `
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
channels: { slack: { token: "\${SLACK_BOT_TOKEN}", api_url: "${slack.url}", burst: 100 } }
receivers: { deals: { slack: { channel: "#deals" } } }
routes: [{ match: { type: "analysis.*" }, receivers: [deals] }]
`,
  )
  const send = async (type: string) =>
    ((await (await post(app.url, newEvent(type))).json()) as { id: string }).id
  const before: string[] = []
  for (let count = 0; count < 12; count += 1) before.push(await send('startup.created'))
  const events = following(t, app.config, 'events')
  const deliveries = following(t, app.config, 'deliveries', '--json')
  const unrouted = following(t, app.config, 'events', '--kind', 'unrouted', '--limit', '1')
  await until(() => events.lines().length === 10 && unrouted.lines().length === 1, 'the last ones')
  t.strictSame(
    events.lines().map((line) => /evt_\w+/.exec(line)?.[0]),
    before.slice(-10),
    'oldest first',
  )
  slack.behave = () => ({ status: 200, body: '{"ok":false,"error":"not_in_channel"}' })
  const parked = await send('analysis.completed')
  const ofParked = () => events.lines().filter((line) => line.includes(parked))
  await until(() => /1 parked$/.test(ofParked().at(-1) ?? ''), 'the event and what became of it')
  t.match(ofParked()[0], new RegExp(`^\\d\\d-\\d\\d \\S+  ${parked}  analysis\\.completed  \\S+  1 \\w+$`))
  const states = () => deliveries.lines().map((line) => JSON.parse(line).state)
  await until(() => states().at(-1) === 'parked', 'its delivery')
  slack.behave = () => undefined
  t.match(await hookbridge(['resend', '--state', 'parked', '--config', app.config]), { code: 0 })
  await until(() => /1 delivered$/.test(ofParked().at(-1) ?? ''), 'that it arrived')
  await until(() => states().at(-1) === 'delivered', 'the same of the delivery')
  t.equal(new Set(deliveries.lines().map((line) => JSON.parse(line).id)).size, 1)
  const last = await send('startup.created')
  await until(() => unrouted.lines().length === 2, 'the one that the filter wants')
  t.match(unrouted.lines()[1], new RegExp(`${last}.*unrouted$`))
  t.strictSame(await Promise.all([events, deliveries, unrouted].map((one) => one.stop())), [0, 0, 0])
  t.match(await hookbridge(['events', '--follow', '--cursor', '1-1', '--config', app.config]), {
    code: 2,
    err: /cannot be combined with --cursor/,
  })
})
