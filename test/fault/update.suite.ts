/** kill -9 in the middle of an edit and of its reply: the conversation is whole afterwards. */
import { readFileSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import {
  environment,
  history,
  newEvent,
  post,
  startService,
  temporaryFolder,
  writeConfig,
} from '../support/service.ts'
import { startSinks } from '../support/sinks.ts'
import { until } from '../support/until.ts'

const scopes = ['chat:write', 'channels:read', 'channels:history']

/** The process is killed while Slack has this call, before or after Slack has done what it asks. */
async function killedDuring(t: Test, method: string, done: boolean) {
  const folder = temporaryFolder(t)
  const { slack, mail } = await startSinks(t, 0, { scopes })
  const config = writeConfig({
    folder,
    slackUrl: slack.url,
    smtpUrl: mail.url,
    extra:
      'lifecycles: { analysis: { stages: [analysis.created, analysis.completed] } }\ndelivery: { timeout: 1s }\n',
  })
  const text = readFileSync(config, 'utf8')
  writeFileSync(
    config,
    text.replace('{ channel: "#deal-flow" }', '{ channel: "#deal-flow", follow_up: update_and_reply }'),
  )
  const service = await startService(config, environment)
  t.teardown(() => service.end('SIGKILL'))
  const created = newEvent('analysis.created')
  t.equal((await post(service.url, created)).status, 202)
  await until(() => slack.messages.length === 1, 'the first message')
  await until(
    async () => (await history(folder)).deliveries.every(({ state }) => state === 'delivered'),
    'its record',
  )

  let asked = false
  slack.behave = (request) => {
    const isMeant =
      request.method === method && (method === 'chat.update' || request.body.thread_ts !== undefined)
    if (!isMeant) return undefined
    asked = true
    return done ? 'accept-and-hang' : 'hang'
  }
  const completed = { ...newEvent(), body: created.body.replace('analysis.created', 'analysis.completed') }
  t.equal((await post(service.url, completed)).status, 202)
  await until(() => asked, 'the call')
  t.equal((await service.end('SIGKILL')).signal, 'SIGKILL')
  slack.behave = () => undefined
  const again = await startService(config, environment)
  t.teardown(() => again.end('SIGKILL'))
  await until(
    async () => (await history(folder)).deliveries.every(({ state }) => state === 'delivered'),
    'every delivery',
  )
  t.equal((await again.end('SIGTERM')).code, 0)
  return { slack, deliveries: (await history(folder)).deliveries }
}

for (const [method, done] of [
  ['chat.update', false],
  ['chat.update', true],
  ['chat.postMessage', false],
  ['chat.postMessage', true],
] as const) {
  t.test(`${method}, ${done ? 'after' : 'before'} Slack has done it`, { timeout: 120_000 }, async (t) => {
    const { slack, deliveries } = await killedDuring(t, method, done)
    const [first, ...replies] = slack.messages
    t.match(JSON.stringify(first?.blocks), /complete/i, 'the first message says that it is complete')
    t.equal(replies.length, 1, 'one reply')
    t.equal(replies[0]?.threadTs, first?.ts)
    const interrupted = deliveries.find(({ history }) => history.length > 1)
    t.match(interrupted?.history[0]?.outcome, { kind: 'ambiguous' })
    t.match(interrupted?.history.at(-1), { step: { how: 'update_and_reply', number: 2 } })
  })
}
