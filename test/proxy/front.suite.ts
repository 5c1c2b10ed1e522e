/**
 * nginx and Caddy in front of two instances on one database, with the configurations that docs/scale.md gives: who the sender is,
 * what is let through, and what a sender notices of an instance that hangs, dies or is replaced.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { installPackages } from '../support/debian.ts'
import { settled, storedDeliveries, unexplainedArrivals } from '../support/instances.ts'
import { freePort } from '../support/ports.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import {
  environment,
  newEvent,
  type Service,
  type SignedEvent,
  signedHeaders,
  startService,
  temporaryFolder,
} from '../support/service.ts'
import { type Sinks, startSinks } from '../support/sinks.ts'
import { until } from '../support/until.ts'
import { type Front, proxies, startFront } from './front.ts'

const EVENTS = 400
const SENDERS = 8
const REPEAT_AFTER_MS = 50
/** Only a test that fails takes that long, on a machine however busy. */
const TIMEOUT_MS = 800_000
// As long as Svix waits.
const SENDER_TIMEOUT_MS = 15_000
const HOSTS = ['127.0.0.2', '127.0.0.3'] as const
const ALLOWED = '127.0.0.9'
const OTHER = '127.0.0.10'

installPackages('nginx, Caddy and docker-compose', 'nginx', 'caddy', 'docker-compose')
const postgres = await startPostgres(t)

interface Stage {
  readonly front: Front
  readonly services: Service[]
  readonly sinks: Sinks
  readonly postgres: Postgres
  readonly url: string
  start(index: number): Promise<void>
}

interface Sent {
  readonly event?: SignedEvent
  readonly source?: string
  readonly from?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly agent?: Agent
}

interface Answer {
  readonly status: number
  readonly text: string
  readonly retryAfter: string | undefined
}

async function setUp(t: Test, proxy: (typeof proxies)[number]): Promise<Stage> {
  const url = postgres.createDatabase()
  const sinks = await startSinks(t, 3)
  const folder = temporaryFolder(t)
  const port = freePort()
  const services: Service[] = []
  const start = async (index: number) => {
    const own = join(folder, `instance-${index}`)
    mkdirSync(own, { recursive: true })
    const file = join(own, 'config.yaml')
    writeFileSync(file, configOf(`${HOSTS[index]}`, port, url, sinks))
    services[index] = await startService(file, environment)
  }
  await Promise.all(HOSTS.map((_, index) => start(index)))
  t.teardown(async () => {
    for (const service of services) await service.end('SIGKILL')
  })
  const addresses = HOSTS.map((host) => `${host}:${port}`)
  const front = await startFront(t, proxy, freePort(), addresses)
  return { front, services, sinks, postgres, url, start }
}

const configOf = (host: string, port: number, url: string, { slack, mail }: Sinks) => `
server: { host: ${host}, port: ${port}, trust_proxy: [127.0.0.1] }
store: { url: "${url}" }
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
  near: { svix: { secrets: ["\${WEBHOOK_SECRET}"] }, allow_ips: [${ALLOWED}] }
channels:
  slack: { token: "\${SLACK_BOT_TOKEN}", rate: 1000/s, burst: 100, api_url: "${slack.url}" }
  email: { smtp: "${mail.url}", from: "Alerts <alerts@example.com>" }
receivers:
  deals: { slack: { channel: "#deals" } }
  partners: { email: { to: [partners@example.com] } }
routes:
  - { match: { type: "analysis.*" }, receivers: [deals] }
  - { receivers: [partners] }
`

/** Null where there was no answer. */
function send({ front }: Pick<Stage, 'front'>, sent: Sent = {}): Promise<Answer | null> {
  const { event = newEvent(), source = 'cuuro', from, headers = {}, agent } = sent
  return call(front, 'POST', `/webhooks/${source}`, {
    headers: {
      ...signedHeaders(event.messageId, event.body),
      'content-length': String(Buffer.byteLength(event.body)),
      ...headers,
    },
    body: event.body,
    ...(from !== undefined && { from }),
    ...(agent !== undefined && { agent }),
  })
}

interface Call {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly from?: string
  readonly agent?: Agent
}

function call({ port }: Front, method: string, path: string, more: Call = {}): Promise<Answer | null> {
  const { headers = {}, body, from, agent } = more
  return new Promise((resolve) => {
    const sent = request({
      host: '127.0.0.1',
      port,
      method,
      path,
      headers,
      ...(agent !== undefined && { agent }),
      ...(from !== undefined && { localAddress: from }),
    })
    sent.setTimeout(SENDER_TIMEOUT_MS, () => sent.destroy())
    sent.once('error', () => resolve(null))
    sent.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        text += chunk
      })
      response.once('close', () =>
        resolve({
          status: response.statusCode ?? 0,
          text,
          retryAfter: response.headers['retry-after'],
        }),
      )
    })
    sent.end(body)
  })
}

/** Sends events, each again until it is acknowledged; `each` is called after so many. Refusals by their status. */
async function sendAll(stage: Stage, each: (acknowledged: number) => void) {
  const agent = new Agent({ keepAlive: true, maxSockets: SENDERS })
  const acknowledged = new Map<string, string>()
  const refused = new Map<string, number>()
  let next = 0
  const run = async () => {
    for (; next < EVENTS; ) {
      next += 1
      const event = newEvent(next % 2 === 0 ? 'analysis.completed' : 'startup.created')
      for (;;) {
        const answer = await send(stage, { event, agent })
        if (answer !== null && answer.status < 300) {
          acknowledged.set(event.messageId, JSON.parse(answer.text).id)
          break
        }
        const kind = String(answer?.status ?? 'no answer')
        refused.set(kind, (refused.get(kind) ?? 0) + 1)
        await new Promise((resolve) => setTimeout(resolve, REPEAT_AFTER_MS))
      }
      each(acknowledged.size)
    }
  }
  await Promise.all(Array.from({ length: SENDERS }, run))
  agent.destroy()
  return { acknowledged, refused: Object.fromEntries(refused) }
}

/** All that was acknowledged is stored once and arrived. */
async function checkAll(t: Test, stage: Stage, acknowledged: ReadonlyMap<string, string>) {
  const { postgres, url, sinks } = stage
  await settled(t, url, TIMEOUT_MS)
  const stored = postgres.query("SELECT message_id || ' ' || id FROM hookbridge.events", url)
  t.strictSame(
    stored.toSorted(),
    [...acknowledged].map(([messageId, id]) => `${messageId} ${id}`).toSorted(),
    'each is one event, with the id that was acknowledged',
  )
  const deliveries = storedDeliveries(postgres, url)
  t.equal(deliveries.length, EVENTS)
  t.strictSame(unexplainedArrivals(sinks, deliveries), [], 'which arrived once, or was recorded as ambiguous')
}

t.test('docker-compose accepts the Compose files', async (t) => {
  const check = (text: string) => {
    const file = join(temporaryFolder(t), 'compose.yaml')
    // Debian's version is older than the key `name`.
    writeFileSync(file, text.replace(/^name: .+$/m, ''))
    return spawnSync('docker-compose', ['--file', file, 'config', '--quiet'], { encoding: 'utf8' })
  }
  for (const name of ['scale', 'container']) {
    const text = readFileSync(new URL(`../../packaging/${name}/compose.yaml`, import.meta.url), 'utf8')
    const { status, stderr } = check(text)
    t.equal(status, 0, `${name}: ${stderr}`)
    t.match(check(text.replace('restart:', 'restrat:')), { status: 1, stderr: /restrat/ })
  }
})

for (const proxy of proxies) {
  t.test(proxy, { timeout: 5 * TIMEOUT_MS }, async (t) => {
    t.test('what it lets through', { timeout: TIMEOUT_MS }, async (t) => {
      const stage = await setUp(t, proxy)
      t.match(await send(stage), { status: 202, text: /"id":"evt_/ })
      for (const [from, headers, status] of [
        [ALLOWED, {}, 202],
        [OTHER, {}, 403],
        [OTHER, { 'x-forwarded-for': ALLOWED }, 403],
        [ALLOWED, { 'x-forwarded-for': OTHER }, 202],
      ] as const) {
        t.match(
          await send(stage, { source: 'near', from, headers }),
          { status },
          `${from} ${JSON.stringify(headers)}`,
        )
      }
      for (const [method, path] of [
        ['GET', '/metrics'],
        ['GET', '/readyz'],
        ['POST', '/-/reload'],
        ['GET', '/webhooks/../metrics'],
        ['GET', '/webhooks/%2e%2e/metrics'],
      ] as const) {
        t.match(await call(stage.front, method, path), { status: 404 }, `${method} ${path}`)
      }
      t.match(await send(stage, { event: large(200_000) }), { status: 202 })
      t.match(await send(stage, { event: large(300_000) }), { status: 413, text: /"error":"body_too_large"/ })
      t.match(await send(stage, { event: large(3_000_000) }), { status: 413 })
      t.match(await send(stage, { headers: { 'svix-signature': 'v1,AAAA' } }), { status: 401 })
    })

    t.test('an instance that hangs', { timeout: TIMEOUT_MS }, async (t) => {
      const stage = await setUp(t, proxy)
      const pid = stage.services[0]?.pid ?? 0
      process.kill(pid, 'SIGSTOP')
      const statuses = () =>
        Promise.all(Array.from({ length: 4 }, async () => (await send(stage))?.status ?? 0))
      const first = await statuses()
      const expected = proxy === 'nginx' ? [202] : [202, 502, 504]
      t.same(
        first.filter((status) => !expected.includes(status)),
        [],
        'the other one answers in time, or the sender tries again',
      )
      await until(
        async () => (await statuses()).every((status) => status === 202),
        'the other one to answer all',
      )
      process.kill(pid, 'SIGCONT')
    })

    t.test('a store that is away', { timeout: TIMEOUT_MS }, async (t) => {
      const stage = await setUp(t, proxy)
      await stage.postgres.stop()
      const answer = await send(stage)
      t.match(answer, { status: 503 })
      // Caddy has found that no instance is ready, and answers itself.
      if (proxy === 'nginx') t.equal(answer?.retryAfter, '5', 'what the instance asks for')
      await stage.postgres.start()
      await until(async () => (await send(stage))?.status === 202, 'events to be taken again')
    })

    t.test('a rolling restart under load', { timeout: TIMEOUT_MS }, async (t) => {
      const stage = await setUp(t, proxy)
      const { services } = stage
      const rolling: Promise<void>[] = []
      const codes: (number | null | undefined)[] = []
      const roll = async (index: number) => {
        codes.push((await services[index]?.end('SIGTERM'))?.code)
        await stage.start(index)
      }
      const { acknowledged, refused } = await sendAll(stage, (count) => {
        if (count === 100) rolling.push(roll(0).then(() => roll(1)))
      })
      await Promise.all(rolling)
      t.same(codes, [0, 0])
      t.comment(`refused: ${JSON.stringify(refused)}`)
      // On a busy machine an instance may take longer than a proxy waits. Caddy does not repeat what was sent.
      const allowed = proxy === 'nginx' ? ['503', '504'] : ['502', '503', '504']
      t.same(
        Object.keys(refused).filter((status) => !allowed.includes(status)),
        [],
        'no request is lost with the connection that it was sent on, or its sender tries again',
      )
      await checkAll(t, stage, acknowledged)
    })

    t.test('kill -9 under load', { timeout: TIMEOUT_MS }, async (t) => {
      const stage = await setUp(t, proxy)
      const { services } = stage
      const killing: Promise<void>[] = []
      const kill = async (index: number) => {
        await services[index]?.end('SIGKILL')
        await stage.start(index)
      }
      const { acknowledged, refused } = await sendAll(stage, (count) => {
        if (count === 100) killing.push(kill(0).then(() => kill(1)))
      })
      await Promise.all(killing)
      t.comment(`refused: ${JSON.stringify(refused)}`)
      t.same(
        Object.keys(refused).filter((status) => !['502', '503', '504'].includes(status)),
        [],
        'nothing but what a sender tries again',
      )
      await checkAll(t, stage, acknowledged)
    })
  })
}

function large(bytes: number): SignedEvent {
  const event = newEvent()
  const body = JSON.stringify({ ...JSON.parse(event.body), padding: 'x'.repeat(bytes) })
  return { ...event, body }
}
