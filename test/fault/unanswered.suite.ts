/** Slack loses one answer in five, and the service is killed at random: what can be looked up arrives once. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { scrape } from '../support/metrics.ts'
import {
  history,
  newEvent,
  post,
  type Service,
  type SignedEvent,
  startService,
  temporaryFolder,
} from '../support/service.ts'
import type { SlackServer } from '../support/slack/server.ts'
import { accountsOf, startLossySlack, toFiveChannels } from '../support/unanswered.ts'
import { until } from '../support/until.ts'

const EVENTS = 200
const DELIVERIES = 5 * EVENTS
const SUBJECTS = 60

/**
 * Sends events, and kills the service so often that the rest of so many messages are spread over it. Resolves with the
 * deliveries once none is under way.
 */
async function survive(
  t: Test,
  slack: SlackServer,
  yaml: string,
  { events, messages, kills }: { events: readonly SignedEvent[]; messages: number; kills: number },
) {
  const { service, restart, folder } = await startKillable(t, yaml)
  for (let sent = 0; sent < events.length; sent += 20) {
    const batch = events.slice(sent, sent + 20)
    const answered = await Promise.all(batch.map((event) => post(service().url, event)))
    t.ok(answered.every(({ status }) => status === 202))
  }
  for (let kill = 0; kill < kills; kill += 1) {
    const moment = slack.messages.length + Math.floor((Math.random() * messages) / kills)
    await until(() => slack.messages.length >= Math.min(moment, messages * 0.9), `${moment} messages`)
    await restart()
  }
  await until(() => slack.messages.length >= messages * 0.95, 'most messages to arrive', 240_000)
  // Reading the history instead would keep the stand-in, which is in this process, from answering in time.
  await until(async () => (await waiting(service())) === 0, 'every delivery to end', 240_000)
  t.equal((await service().end('SIGTERM')).code, 0)
  return (await history(folder)).deliveries
}

/** A service, and what kills and starts it again. */
async function startKillable(t: Test, yaml: string) {
  const folder = temporaryFolder(t)
  const config = join(folder, 'config.yaml')
  const store = `server: { port: 0 }\nstore: { url: "sqlite:${join(folder, 'store.db')}" }\n`
  writeFileSync(config, store + yaml)
  let service: Service = await startService(config)
  t.teardown(() => service.end('SIGKILL'))
  const restart = async () => {
    t.equal((await service.end('SIGKILL')).signal, 'SIGKILL')
    service = await startService(config)
  }
  return { folder, service: () => service, restart }
}

/** 1,000 deliveries, and what became of them. */
async function deliverAll(t: Test, lookUps: boolean) {
  const slack = await startLossySlack(t, lookUps)
  const events = Array.from({ length: EVENTS }, () => newEvent())
  const work = { events, messages: DELIVERIES, kills: 6 }
  const accounts = accountsOf(slack, await survive(t, slack, toFiveChannels(slack.url), work))
  t.equal(accounts.length, DELIVERIES)
  const unanswered = accounts.reduce((sum, account) => sum + account.unanswered, 0)
  t.ok(unanswered > DELIVERIES / 10, 'answers were lost')
  t.comment(`${slack.messages.length} messages, ${unanswered} attempts without an answer`)
  return { accounts, messages: slack.messages.length }
}

async function waiting({ url }: Service): Promise<number> {
  const { value } = await scrape(url)
  const states = ['pending', 'held', 'sending', 'retrying', 'ambiguous']
  return states.reduce((sum, state) => sum + (value('hookbridge_queue_depth', { state }) ?? 1), 0)
}

t.test('with look-ups', async (t) => {
  const { accounts, messages } = await deliverAll(t, true)
  t.equal(messages, DELIVERIES, 'not one message too many')
  t.same(
    accounts.filter(({ arrived, state }) => arrived !== 1 || state !== 'delivered'),
    [],
    'each arrived once, and that is known',
  )
  t.ok(accounts.some(({ found }) => found))
})

t.test('without', async (t) => {
  const { accounts, messages } = await deliverAll(t, false)
  t.ok(messages > DELIVERIES)
  t.same(
    accounts.filter(
      ({ arrived, posted, unanswered, state }) =>
        arrived < posted || arrived > posted + unanswered || (state === 'delivered') !== posted > 0,
    ),
    [],
    'no more arrived than attempts are recorded that may have posted',
  )
  t.ok(accounts.every(({ unanswered }) => unanswered <= 3))
})

/** Conversations in three channels, each with its own way to follow up. */
const conversations = (slackUrl: string) => `
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", api_url: "${slackUrl}", rate: 1000/s, burst: 100 }
lifecycles:
  analysis: { stages: [analysis.created, analysis.completed] }
receivers:
  a: { slack: { channel: "#a", follow_up: reply } }
  b: { slack: { channel: "#b", follow_up: update } }
  c: { slack: { channel: "#c", follow_up: update_and_reply } }
routes:
  - receivers: [a, b, c]
delivery: { timeout: 2s }
`

t.test('killed in the middle of an edit, and of a reply', async (t) => {
  for (const method of ['chat.update', 'chat.postMessage']) {
    const slack = await startLossySlack(t, true)
    slack.behave = () => undefined
    const { service, restart, folder } = await startKillable(t, conversations(slack.url))
    const created = newEvent('analysis.created')
    await post(service().url, created)
    await until(() => slack.messages.length === 3, 'the first messages')
    await until(async () => (await waiting(service())) === 0, 'them to be recorded')
    const hanging = Promise.withResolvers<void>()
    slack.behave = ({ method: called, body }) => {
      if (called !== method || (called === 'chat.postMessage' && body.thread_ts === undefined))
        return undefined
      hanging.resolve()
      return 'accept-and-hang'
    }
    await post(service().url, newEvent('analysis.completed', created.objectId))
    await hanging.promise
    await restart()
    slack.behave = () => undefined
    await until(() => slack.messages.length >= 5, 'the replies')
    await until(async () => (await waiting(service())) === 0, 'every delivery to end')
    t.equal((await service().end('SIGTERM')).code, 0)
    checkConversations(t, slack, 1)
    const { deliveries } = await history(folder)
    t.ok(deliveries.every(({ state }) => state === 'delivered'))
    t.ok(deliveries.some((delivery) => delivery.history.some(({ outcome }) => outcome.kind === 'ambiguous')))
  }
})

t.test('conversations', async (t) => {
  const slack = await startLossySlack(t, true)
  const created = Array.from({ length: SUBJECTS }, () => newEvent('analysis.created'))
  const completed = created.map(({ objectId }) => newEvent('analysis.completed', objectId))
  const work = { events: [...created, ...completed], messages: 5 * SUBJECTS, kills: 4 }
  const deliveries = await survive(t, slack, conversations(slack.url), work)
  t.ok(deliveries.every(({ state }) => state === 'delivered'))
  t.equal(deliveries.length, 6 * SUBJECTS)
  checkConversations(t, slack, SUBJECTS)
})

/** Of so many subjects, each in three channels. */
function checkConversations(t: Test, slack: SlackServer, subjects: number): void {
  t.equal(slack.messages.length, 5 * subjects, 'an edit makes no message')
  const parents = slack.messages.filter(({ threadTs }) => threadTs === null)
  t.equal(parents.length, 3 * subjects, 'one conversation for each subject and channel')
  for (const { channel, ts, edits, blocks } of parents) {
    const replies = slack.messages.filter(({ threadTs }) => threadTs === ts)
    t.equal(replies.length, channel === '#b' ? 0 : 1, `${channel}: replies`)
    t.equal(edits > 0, channel !== '#a', `${channel}: edits`)
    t.equal(
      /complete/i.test(JSON.stringify(blocks)),
      channel !== '#a',
      `${channel}: what the first message says`,
    )
  }
}
