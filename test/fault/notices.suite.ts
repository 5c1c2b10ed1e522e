/** Notices in storms with kill -9 in between, and the heartbeat of services that are killed, stopped or lose their store. */
import { renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { DeliveryRecord } from '../../src/store/store.ts'
import { scrape } from '../support/metrics.ts'
import { environment, history, newEvent, post, startService, temporaryFolder } from '../support/service.ts'
import { startSinks, unexplained } from '../support/sinks.ts'
import { until } from '../support/until.ts'

const EVENTS = Number(process.env.STORM_EVENTS ?? 1_500)
const AT_ONCE = 50
const LONG_MS = 480_000

async function send(url: string, count: number, type: string): Promise<void> {
  for (let sent = 0; sent < count; sent += AT_ONCE) {
    const answers = await Promise.allSettled(
      Array.from({ length: AT_ONCE }, () => post(url, newEvent(type)).then((answer) => answer.text())),
    )
    if (answers.every(({ status }) => status === 'rejected')) return
  }
}

t.test(
  'thousands of events for a dead destination, and without a route, while the process is killed',
  async (t) => {
    const sinks = await startSinks(t)
    const api = createServer((_, response) => response.writeHead(401).end('{}'))
    await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve))
    t.teardown(() => api.close())
    const host = `127.0.0.1:${(api.address() as AddressInfo).port}`
    const folder = temporaryFolder(t)
    const config = join(folder, 'config.yaml')
    writeFileSync(
      config,
      `
server: { port: 0 }
store: { url: "sqlite:${join(folder, 'store.db')}" }
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", rate: 100000/s, burst: 1000, api_url: "${sinks.slack.url}" }
  email: { smtp: "${sinks.mail.url}", from: "Alerts <alerts@example.com>" }
receivers:
  deal-flow: { slack: { channel: "#deal-flow" } }
  ops: { email: { to: [ops@example.com] } }
enrich: [{ name: score, match: { type: analysis.created }, get: "http://${host}/{{ data.id }}" }]
routes: [{ match: { type: "analysis.*" }, receivers: [deal-flow] }]
notices: { receivers: [ops] }
# More than there are kills: a notice that each of them interrupts is not parked.
delivery: { ambiguous_resends: 10 }
`,
    )
    sinks.slack.behave = () => ({ status: 200, headers: {}, body: '{"ok":false,"error":"not_in_channel"}' })
    // The first mails are being sent when the process is killed, and are sent again.
    sinks.mail.behave = (step) => (step === 'accepted' ? 'stall' : undefined)
    // One of each delivery.
    const subjects = () => {
      const mails = sinks.mail.messages.map(({ raw }) => String(raw))
      const ofDeliveries = new Map(
        mails.map((mail) => [/^X-Hookbridge-Delivery: (\S+)/im.exec(mail)?.[1], mail]),
      )
      return (
        [...ofDeliveries.values()]
          .map((mail) => /^Subject: (.*)$/im.exec(mail)?.[1]?.trim())
          // What is parked may be seen before the failures that are the cause.
          .map((subject) =>
            subject?.replace(/^Messages to slack (.*) are parked$/, 'Slack $1 does not take messages'),
          )
          .toSorted()
      )
    }

    const KILLS = 3
    for (let kill = 0; kill < KILLS; kill += 1) {
      const service = await startService(config)
      const sending = Promise.all([
        send(service.url, EVENTS / KILLS, 'analysis.completed'),
        send(service.url, EVENTS / KILLS, 'startup.created'),
        send(service.url, AT_ONCE, 'analysis.created'),
      ])
      await until(() => sinks.slack.calls > kill * 20 + 10, 'some attempts')
      await until(() => sinks.mail.messages.length > 0, 'a mail', LONG_MS)
      if (kill > 0) await sending
      await service.end('SIGKILL')
      sinks.mail.behave = () => undefined
      await sending
    }
    const service = await startService(config)
    t.teardown(() => service.end('SIGKILL'))
    await until(() => allParked(service.url), 'all messages to be parked', LONG_MS)
    const failed = [
      `${host} refuses the step score of enrich`,
      'No route takes the event type startup.created',
      'Slack #deal-flow does not take messages',
    ]
    await until(() => subjects().length >= failed.length, 'the notices', LONG_MS)
    const unrouted = (await history(folder)).events.filter(({ type }) => type === 'startup.created').length
    t.ok(unrouted > EVENTS / KILLS, `${unrouted} events without a route`)

    sinks.slack.behave = () => undefined
    await post(service.url, newEvent())
    await until(() => subjects().length > failed.length, 'the recovery', LONG_MS)
    t.same(subjects(), [...failed, 'Slack #deal-flow takes messages again'])
    const isDelivered = ({ state }: DeliveryRecord) => state === 'delivered'
    const mails = async () =>
      (await history(folder)).deliveries.filter(({ destination }) => destination.channel === 'email')
    await until(async () => (await mails()).every(isDelivered), 'their records', LONG_MS)
    t.equal((await mails()).length, failed.length + 1, 'and no others are stored')
    t.strictSame(unexplained(sinks, await mails()), [], 'each arrived once, or was recorded as ambiguous')
    t.ok(sinks.mail.messages.length > failed.length + 1, 'some arrived twice')
  },
)

/** From the metrics, for the history is long. */
async function allParked(url: string): Promise<boolean> {
  const metrics = await scrape(url)
  const depth = (state: string) => metrics.value('hookbridge_queue_depth', { channel: 'slack', state }) ?? 0
  return depth('parked') > 0 && depth('pending') + depth('sending') + depth('retrying') === 0
}

async function startMonitored(t: Test) {
  const asked = { count: 0 }
  const server = createServer((_, response) => {
    asked.count += 1
    response.end('OK')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const folder = temporaryFolder(t)
  const config = join(folder, 'config.yaml')
  const { port } = server.address() as AddressInfo
  writeFileSync(
    config,
    `server: { port: 0, heartbeat_url: "\${HEARTBEAT_URL}" }
store: { url: "sqlite:${join(folder, 'store.db')}" }
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
receivers: { log: { console: {} } }
routes: [{ receivers: [log] }]
`,
  )
  const url = `http://127.0.0.1:${port}/only-tests-know-this-key`
  const service = await startService(config, { ...environment, HEARTBEAT_URL: url })
  t.teardown(() => service.end('SIGKILL'))
  return { asked, service, folder }
}

t.test('the heartbeat ends with what it stands for', async (t) => {
  const all = await Promise.all(
    ['working', 'killed', 'suspended', 'without store'].map(() => startMonitored(t)),
  )
  const [working, killed, suspended, lost] = all
  if (!working || !killed || !suspended || !lost) return t.fail('they did not start')
  await until(() => all.every(({ asked }) => asked.count > 0), 'the first heartbeat of each', LONG_MS)
  await killed.service.end('SIGKILL')
  process.kill(suspended.service.pid, 'SIGSTOP')
  renameSync(join(lost.folder, 'store.db'), join(lost.folder, 'elsewhere.db'))
  // Where the last of them took long to start, others are at their second.
  const counts = () => [killed, suspended, lost].map(({ asked }) => asked.count)
  const [before, ended] = [working.asked.count, counts()]
  await until(() => working.asked.count >= before + 2, 'two more minutes', LONG_MS)
  t.same(counts(), ended)
  t.match(lost.service.output(), /"msg":"heartbeat withheld: /)
  process.kill(suspended.service.pid, 'SIGCONT')
  await until(() => suspended.asked.count > (ended[1] ?? 0), 'it to go on', LONG_MS)
  for (const { service } of all) t.notMatch(service.output(), 'only-tests-know-this-key')
})
