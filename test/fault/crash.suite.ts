/** kill -9 at random moments under load: nothing acknowledged is lost, and only ambiguous attempts repeat. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { edit } from '../support/replace.ts'
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
import { arrivals, startSinks, unexplained } from '../support/sinks.ts'
import { until } from '../support/until.ts'

const EVENTS = 2_000
const SENDERS = 20
/** Only a test that fails waits that long, on a machine however busy. */
const PATIENCE_MS = 900_000

/** More than there are kills: a message that each of them interrupts is not parked. */
const RESENDS = 'delivery: { ambiguous_resends: 10 }\n'

t.test('2,000 events at concurrency 20, three kills', async (t) => {
  const folder = temporaryFolder(t)
  const sinks = await startSinks(t, 5)
  const config = writeConfig({
    folder,
    slackUrl: sinks.slack.url,
    smtpUrl: sinks.mail.url,
    extra: RESENDS,
  })
  let service: Service = await startService(config, environment)
  t.teardown(() => service.end('SIGKILL'))

  const events = Array.from({ length: EVENTS }, () => newEvent())
  const acknowledged = new Map<string, string>()
  let next = 0
  const sending = Promise.all(Array.from({ length: SENDERS }, sender))
  for (let kill = 1; kill <= 3; kill++) {
    const moment = Math.floor(((kill - Math.random()) / 3.2) * EVENTS)
    await until(() => acknowledged.size >= moment, `${moment} acknowledgements`, PATIENCE_MS)
    t.equal((await service.end('SIGKILL')).signal, 'SIGKILL')
    service = await startService(config, environment)
  }
  await sending
  t.equal(acknowledged.size, EVENTS, 'every event is acknowledged in the end, as the sender repeats')
  const { slack, mail } = sinks
  // Counting which have arrived keeps the sinks, which are in this process, from answering: not before there are enough.
  const isThere = () =>
    slack.messages.length + mail.messages.length >= 2 * EVENTS && arrivals(sinks).size >= 2 * EVENTS
  try {
    await until(isThere, 'every delivery to arrive', PATIENCE_MS)
  } catch (error) {
    const { deliveries } = await history(folder)
    for (const delivery of deliveries.filter(({ state }) => state !== 'delivered').slice(0, 20))
      t.comment(delivery)
    t.comment(service.output().slice(-10_000))
    throw error
  }
  await until(
    async () => (await history(folder)).deliveries.every(({ state }) => state === 'delivered'),
    'every delivery to be recorded',
    PATIENCE_MS,
  )
  t.equal((await service.end('SIGTERM')).code, 0)

  const { events: stored, deliveries } = await history(folder)
  t.equal(stored.length, EVENTS, 'each message id is one event')
  t.strictSame(
    new Set(stored.map(({ id }) => id)),
    new Set(acknowledged.values()),
    'the acknowledged ids are the stored ones',
  )
  t.equal(deliveries.length, 2 * EVENTS)
  t.strictSame(unexplained(sinks, deliveries), [], 'each arrived once, or was recorded as ambiguous')
  const duplicates = [...arrivals(sinks).values()].reduce((sum, count) => sum + count - 1, 0)
  const ambiguous = deliveries
    .flatMap(({ history }) => history)
    .filter(({ outcome }) => outcome.kind === 'ambiguous').length
  t.ok(duplicates <= ambiguous)
  t.comment(`${duplicates} duplicates, ${ambiguous} ambiguous attempts`)

  /** Repeats each event until it is acknowledged, as Svix does. */
  async function sender(): Promise<void> {
    for (let event = events[next++]; event !== undefined; event = events[next++]) {
      while (!acknowledged.has(event.messageId)) {
        try {
          const response = await post(service.url, event)
          const answer = (await response.json()) as { id: string }
          if (response.ok) acknowledged.set(event.messageId, answer.id)
        } catch {
          // The service is down: this sender comes back when it is up again.
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }
    }
  }
})

t.test('kills between a failure, its fallback and the fallback message', async (t) => {
  const folder = temporaryFolder(t)
  const sinks = await startSinks(t, 5)
  sinks.slack.behave = () => ({ status: 200, body: '{"ok":false,"error":"not_in_channel"}' })
  const config = join(folder, 'config.yaml')
  writeFileSync(
    config,
    `
server: { port: 0 }
store: { url: "sqlite:${join(folder, 'store.db')}" }
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", rate: 100000/s, burst: 1000, api_url: "${sinks.slack.url}" }
  email: { smtp: "${sinks.mail.url}", from: alerts@acme.io }
receivers:
  deals: { slack: { channel: "#deals" }, fallback: partners }
  partners: { email: { to: [partners@acme.io] } }
routes: [{ receivers: [deals] }]
${RESENDS}`,
  )
  const count = 300
  let service = await startService(config, environment)
  t.teardown(() => service.end('SIGKILL'))
  for (let i = 0; i < count; i++) t.equal((await post(service.url, newEvent())).status, 202)
  for (const mails of [count / 6, count / 3, count / 2]) {
    await until(() => sinks.mail.messages.length >= mails, `${mails} mails`, PATIENCE_MS)
    await service.end('SIGKILL')
    service = await startService(config, environment)
  }
  await until(() => arrivals(sinks).size === count, 'a fallback message of each event', PATIENCE_MS)
  const ends = async () => (await history(folder)).deliveries
  await until(
    async () => (await ends()).filter(({ state }) => state === 'delivered').length === count,
    'their records',
    PATIENCE_MS,
  )
  t.equal((await service.end('SIGTERM')).code, 0)
  const deliveries = await ends()
  const [first, fallbacks] = [null, 'deals'].map((of) =>
    deliveries.filter(({ standsInFor }) => (standsInFor?.receiver ?? null) === of),
  )
  t.ok(first?.every(({ state }) => state === 'parked'))
  t.equal(first?.length, count)
  t.equal(fallbacks?.length, count)
  t.equal(new Set(fallbacks?.map(({ standsInFor }) => standsInFor?.delivery)).size, count, 'one for each')
  t.strictSame(unexplained(sinks, fallbacks ?? []), [], 'each arrived once, or was recorded as ambiguous')
})

t.test('kills around a notice: it is stored and sent once', async (t) => {
  const folder = temporaryFolder(t)
  const sinks = await startSinks(t, 5)
  sinks.slack.behave = () => ({ status: 200, body: '{"ok":false,"error":"not_in_channel"}' })
  const config = writeConfig({
    folder,
    slackUrl: sinks.slack.url,
    smtpUrl: sinks.mail.url,
    extra: `notices: { routes: [{ receivers: [ops] }] }\n${RESENDS}`,
  })
  edit(config, 'receivers:\n', 'receivers:\n  ops: { email: { to: [ops@example.com] } }\n')
  let service = await startService(config, environment)
  t.teardown(() => service.end('SIGKILL'))
  const notices = async () => (await history(folder)).events.filter(({ source }) => source === 'hookbridge')
  for (let kill = 0; kill < 5; kill += 1) {
    await post(service.url, newEvent())
    const parked = async () =>
      (await history(folder)).deliveries.filter(({ state }) => state === 'parked').length > kill
    await until(parked, 'a message to be parked', PATIENCE_MS)
    // Before, during or after the pass that follows a failure.
    await new Promise((resolve) => setTimeout(resolve, kill * 100))
    await service.end('SIGKILL')
    service = await startService(config, environment)
  }
  const delivered = async () =>
    (await notices()).length > 0 &&
    (await notices()).every(({ plans }) =>
      plans.every((plan) => plan.deliveries.every(({ state }) => state === 'delivered')),
    )
  await until(delivered, 'the notice', PATIENCE_MS)
  t.same(
    (await notices()).map(({ type }) => type),
    ['destination.failing'],
  )
  t.equal((await service.end('SIGTERM')).code, 0)
})
