/** Slack loses one answer in five, and the service is killed at random: what can be looked up arrives once. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { scrape } from '../support/metrics.ts'
import { history, newEvent, post, type Service, startService, temporaryFolder } from '../support/service.ts'
import { accountsOf, startLossySlack, toFiveChannels } from '../support/unanswered.ts'
import { until } from '../support/until.ts'

const EVENTS = 200
const DELIVERIES = 5 * EVENTS
const KILLS = 6

/** 1,000 deliveries, and what became of them. */
async function deliverAll(t: Test, lookUps: boolean) {
  const slack = await startLossySlack(t, lookUps)
  const folder = temporaryFolder(t)
  const config = join(folder, 'config.yaml')
  const store = `server: { port: 0 }\nstore: { url: "sqlite:${join(folder, 'store.db')}" }\n`
  writeFileSync(config, store + toFiveChannels(slack.url))
  let service: Service = await startService(config)
  t.teardown(() => service.end('SIGKILL'))
  for (let sent = 0; sent < EVENTS; sent += 20) {
    const answered = await Promise.all(Array.from({ length: 20 }, () => post(service.url, newEvent())))
    t.ok(answered.every(({ status }) => status === 202))
  }
  for (let kill = 0; kill < KILLS; kill += 1) {
    const moment = slack.messages.length + Math.floor((Math.random() * DELIVERIES) / KILLS)
    await until(() => slack.messages.length >= Math.min(moment, DELIVERIES * 0.9), `${moment} messages`)
    t.equal((await service.end('SIGKILL')).signal, 'SIGKILL')
    service = await startService(config)
  }
  await until(() => slack.messages.length >= DELIVERIES * 0.95, 'most messages to arrive', 240_000)
  // Reading the history instead would keep the stand-in, which is in this process, from answering in time.
  await until(async () => (await waiting(service)) === 0, 'every delivery to end', 240_000)
  t.equal((await service.end('SIGTERM')).code, 0)
  const accounts = accountsOf(slack, (await history(folder)).deliveries)
  t.equal(accounts.length, DELIVERIES)
  const unanswered = accounts.reduce((sum, account) => sum + account.unanswered, 0)
  t.ok(unanswered > DELIVERIES / 10, 'answers were lost')
  t.comment(`${slack.messages.length} messages, ${unanswered} attempts without an answer`)
  return { accounts, messages: slack.messages.length }
}

async function waiting({ url }: Service): Promise<number> {
  const { value } = await scrape(url)
  const states = ['pending', 'sending', 'retrying', 'ambiguous']
  return states.reduce((sum, state) => sum + (value('hookbridge_queue_depth', { state }) ?? 1), 0)
}

t.test('with look-ups', { timeout: 600_000 }, async (t) => {
  const { accounts, messages } = await deliverAll(t, true)
  t.equal(messages, DELIVERIES, 'not one message too many')
  t.same(
    accounts.filter(({ arrived, state }) => arrived !== 1 || state !== 'delivered'),
    [],
    'each arrived once, and that is known',
  )
  t.ok(accounts.some(({ found }) => found))
})

t.test('without', { timeout: 600_000 }, async (t) => {
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
