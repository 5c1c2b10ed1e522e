/** Lets a service see everything that it counts: each result, each error that can be provoked, each outcome. */
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Test } from 'tap'
import { startTestApp, type TestApp } from '../support/app.ts'
import { scrape } from '../support/metrics.ts'
import { newEvent, post, signedHeaders } from '../support/service.ts'
import { type Misbehaviour, startSlackServer } from '../support/slack/server.ts'
import { until } from '../support/until.ts'

const ADMIN = 'only-tests-know-this-admin-token'
/** What Slack answers, and the outcome that it makes. */
const answers: readonly (readonly [string, Misbehaviour | undefined])[] = [
  ['sent', undefined],
  ['retry', { status: 503, headers: { 'retry-after': '600' }, body: '' }],
  ['ambiguous', 'accept-and-reset'],
  ['park', { status: 200, headers: {}, body: '{"ok":false,"error":"not_in_channel"}' }],
  ['refuse', { status: 200, headers: {}, body: '{"ok":false,"error":"msg_too_long"}' }],
]
/** Need a service that is stopping, bugs, and a flood: their series are there, and are 0. */
export const neverSeen: readonly string[] = ['stopping', 'internal', 'not_planned', 'rate_limited']

const yaml = (slack: string) => `
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
  elsewhere: { svix: { secrets: ["\${WEBHOOK_SECRET}"] }, allow_ips: [192.0.2.1] }
enrich:
  - { name: analysis, match: { type: analysis.enriched }, get: "http://127.0.0.1:1/{{ data.id }}" }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", rate: 1000/s, burst: 1000, api_url: "${slack}" }
receivers:
${answers.map(([name]) => `  ${name}: { slack: { channel: "#${name}" } }`).join('\n')}
routes:
${answers.map(([name]) => `  - { match: { type: "slack.${name}" }, receivers: [${name}] }`).join('\n')}
`

export async function startService(t: Test): Promise<TestApp> {
  const slack = await startSlackServer({})
  t.teardown(() => slack.close())
  const byChannel = new Map(answers.map(([name, answer]) => [`#${name}`, answer]))
  slack.behave = ({ channel = '' }) => byChannel.get(channel)
  return startTestApp(t, yaml(slack.url), {
    server: `body_limit: 1kb, request_timeout: 3s, max_pending: 1, admin_token: ${ADMIN}`,
  })
}

export async function seeEverything(app: TestApp): Promise<void> {
  for (const [name] of answers) await post(app.url, newEvent(`slack.${name}`))
  const again = newEvent('slack.sent')
  for (const _ of [1, 2]) await post(app.url, again)
  await post(app.url, newEvent('nobody.wants.this'))
  await quarantine(app)
  await unverified(app)
  await malformed(app)
  await overload(app)
  await blockStore(app)
  await reload(app)
  await until(async () => {
    const { value } = await scrape(app.url)
    return answers.every(([outcome]) => (value('hookbridge_attempts_total', { outcome }) ?? 0) > 0)
  }, 'every outcome')
}

const json = { 'content-type': 'application/json' }

async function send(app: TestApp, path: string, body: string | Buffer, headers: Record<string, string>) {
  const response = await fetch(app.url + path, {
    method: 'POST',
    headers,
    body: new Uint8Array(Buffer.from(body)),
  })
  return response.status
}

async function quarantine(app: TestApp): Promise<void> {
  for (const body of [Buffer.from([0x7b, 0xff]), '[]', '{}'])
    await send(app, '/webhooks/cuuro', body, signedHeaders(`msg_${Math.random()}`, Buffer.from(body)))
}

async function unverified(app: TestApp): Promise<void> {
  const { body } = newEvent()
  const good = signedHeaders('msg_1', body)
  await send(app, '/webhooks/cuuro', body, json)
  await send(app, '/webhooks/cuuro', body, { ...good, 'svix-timestamp': 'x' })
  await send(app, '/webhooks/cuuro', body, { ...good, 'svix-signature': 'v1,AAAA' })
  await send(app, '/webhooks/cuuro', body, signedHeaders('msg_1', body, undefined, Date.now() - 3_600_000))
  await send(app, '/webhooks/elsewhere', body, good)
  await send(app, '/webhooks/nobody', body, good)
}

async function malformed(app: TestApp): Promise<void> {
  await send(app, '/webhooks/cuuro', 'x'.repeat(2_000), json)
  await send(app, '/webhooks/cuuro', 'x', { 'content-type': 'text/plain' })
  await send(app, '/webhooks/cuuro', 'x', { 'content-encoding': 'gzip' })
  await fetch(`${app.url}/webhooks/cuuro`)
  await fetch(`${app.url}/nowhere`)
  await ended(talk(app, 'this is no HTTP\r\n\r\n'))
  const expecting = ['POST /webhooks/cuuro HTTP/1.1', 'host: x', 'expect: everything', 'connection: close']
  await ended(talk(app, `${expecting.join('\r\n')}\r\n\r\n`))
  await ended(talk(app, 'POST /webhooks/cuuro HTTP/1.1\r\nhost: x\r\n'))
}

function talk(app: TestApp, text: string) {
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1', () => socket.write(text))
  return socket.on('error', () => {}).resume()
}

function ended(socket: ReturnType<typeof talk>): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

async function overload(app: TestApp): Promise<void> {
  const again = newEvent('slack.sent')
  // Signed, so that it waits for its body as a sender's request would.
  const signed = Object.entries(signedHeaders(again.messageId, again.body)).map(
    ([name, value]) => `${name}: ${value}`,
  )
  const lines = ['POST /webhooks/cuuro HTTP/1.1', 'host: x', ...signed, 'content-length: 9']
  const head = `${lines.join('\r\n')}\r\n\r\n{`
  let holder = talk(app, head)
  await until(async () => {
    if ((await post(app.url, again)).status === 429) return true
    // It came at the same time, and was turned away itself; by the next turn it has the place.
    if (holder.destroyed) holder = talk(app, head)
    return false
  }, 'the only place to be taken')
  holder.destroy()
  await until(async () => (await post(app.url, again)).ok, 'it to be free again')
}

async function blockStore(app: TestApp): Promise<void> {
  const blocker = new DatabaseSync(join(app.folder, 'store.db'))
  blocker.exec('BEGIN IMMEDIATE')
  // While the service waits for the store it reads nothing, and a request may run into its own time limit.
  await until(async () => (await post(app.url, newEvent('slack.sent'))).status === 503, 'a refusal')
  blocker.close()
}

async function reload(app: TestApp): Promise<void> {
  await send(app, '/-/reload', '', { authorization: 'Bearer wrong' })
  writeFileSync(app.config, 'sources: nothing\n')
  await send(app, '/-/reload', '', { authorization: `Bearer ${ADMIN}` })
}
