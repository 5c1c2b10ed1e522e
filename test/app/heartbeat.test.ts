/** server.heartbeat_url: requested every minute while the service works, and only then. */
import { renameSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createHeartbeat } from '../../src/app/health/heartbeat.ts'
import { Secret } from '../../src/core/secret.ts'
import { noProxies } from '../../src/network/proxies.ts'
import { describeFact } from '../../src/pipeline/describe-fact.ts'
import type { Fact } from '../../src/pipeline/fact.ts'
import { startTestApp } from '../support/app.ts'
import { scrape } from '../support/metrics.ts'
import { edit } from '../support/replace.ts'
import { until } from '../support/until.ts'

const KEY = '6c2f0d0e-only-tests-know-this-key'

/** Who watches the service: `answer` is what it answers. */
async function startMonitor(t: Test) {
  const monitor = {
    url: '',
    asked: [] as string[],
    answer: (response: ServerResponse): void => void response.end('OK'),
  }
  const server = createServer((request: IncomingMessage, response) => {
    monitor.asked.push(`${request.method} ${request.url}`)
    monitor.answer(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  monitor.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${KEY}`
  return monitor
}

/** A heartbeat whose pauses end when the test says so. */
async function startHeartbeat(t: Test, timeoutMs = 60_000) {
  const monitor = await startMonitor(t)
  const facts: Fact[] = []
  const pauses: { readonly ms: number; readonly end: () => void }[] = []
  const state = { problem: null as string | null, probe: async () => {}, url: new Secret(monitor.url) }
  const heartbeat = createHeartbeat({
    url: () => state.url,
    problem: () => state.problem,
    probe: () => state.probe(),
    proxies: noProxies,
    userAgent: 'hookbridge/test',
    clock: () => 0,
    timeoutMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
        pauses.push({ ms, end: resolve })
      }),
    observe: (fact) => facts.push(fact),
    onBug: (error) => t.fail(String(error)),
  })
  t.teardown(() => heartbeat.stop())
  heartbeat.start()
  /** Ends the pause that it is in, and returns how long the next one is to be, in seconds. */
  async function next(): Promise<number> {
    const { length } = pauses
    pauses.at(-1)?.end()
    await until(() => pauses.length > length, 'the next pause')
    return (pauses.at(-1)?.ms ?? 0) / 1000
  }
  const lines = () => facts.map(describeFact).map(({ level, message }) => `${level} ${message}`)
  return { monitor, state, facts, lines, next, heartbeat, first: () => pauses[0]?.ms }
}

t.test('it is requested once a minute, first after ten seconds of work', async (t) => {
  const { monitor, next, first, lines } = await startHeartbeat(t)
  t.equal(first(), 10_000, 'a service that ends at each start is not alive')
  t.same(monitor.asked, [])
  t.same([await next(), await next()], [60, 60])
  t.same(monitor.asked, [`GET /${KEY}`, `GET /${KEY}`])
  t.same(lines(), ['info heartbeat sent', 'debug heartbeat sent'])
})

t.test('while the service does not work there is none', async (t) => {
  const { monitor, state, next, lines } = await startHeartbeat(t)
  await next()
  state.problem = 'the delivery loop has been stuck for 7 s'
  t.same([await next(), await next(), await next()], [5, 5, 60], 'it looks again soon')
  for (const _ of [1, 2, 3]) await next()
  state.problem = null
  state.probe = async () => {
    throw new Error('the disk is full')
  }
  for (const _ of [1, 2, 3]) await next()
  t.equal(monitor.asked.length, 1)
  t.same(lines().slice(1), [
    'error heartbeat withheld: the delivery loop has been stuck for 7 s',
    'debug heartbeat withheld: the delivery loop has been stuck for 7 s',
    'debug heartbeat withheld: the disk is full',
  ])
  state.probe = async () => {}
  t.equal(await next(), 60)
  t.equal(monitor.asked.length, 2)
})

t.test('a store that does not answer is one that does not work', async (t) => {
  const { monitor, state, next, facts } = await startHeartbeat(t, 20)
  state.probe = () => new Promise(() => {})
  for (const _ of [1, 2, 3]) await next()
  t.same(monitor.asked, [])
  t.match(facts, [{ result: 'withheld', reason: /^the store has not answered within/ }])
})

t.test('a failure is tried three times, counted and logged once, and never more often', async (t) => {
  const { monitor, next, facts, lines } = await startHeartbeat(t)
  monitor.answer = (response) => void response.writeHead(503).end('<html>')
  t.same([await next(), await next(), await next()], [5, 5, 60])
  t.equal(monitor.asked.length, 3)
  for (const _ of [1, 2, 3]) await next()
  t.equal(monitor.asked.length, 6)
  t.equal(facts.length, 2)
  monitor.answer = (response) => void response.end('{"ok":true}')
  await next()
  t.same(lines(), [
    'warn heartbeat failed: it answered 503',
    'debug heartbeat failed: it answered 503',
    'info heartbeat sent',
  ])
})

t.test('a URL that a reload changes during a request is requested at once', async (t) => {
  const { monitor, state, heartbeat, next, lines } = await startHeartbeat(t)
  const { answer } = monitor
  monitor.answer = (response) => {
    monitor.answer = answer
    state.url = new Secret(`${monitor.url}-2`)
    heartbeat.observe({
      kind: 'reloaded',
      ok: true,
      trigger: 'signal',
      changed: [],
      fingerprint: '',
      reason: '',
    })
    response.end('OK')
  }
  t.equal(await next(), 60)
  t.same(monitor.asked, [`GET /${KEY}`, `GET /${KEY}-2`])
  t.same(lines(), ['info heartbeat sent', 'info heartbeat sent'])
  t.equal(await next(), 60, 'and then once a minute again')
  t.equal(monitor.asked.length, 3)
})

const failures: readonly (readonly [string, (response: ServerResponse) => void, RegExp])[] = [
  ['an unknown key', (response) => response.writeHead(404).end('no'), /^it answered 404$/],
  [
    'an unknown key, in an answer that breaks off',
    (response) => response.writeHead(404, { 'content-length': '9', connection: 'close' }).end('no'),
    /^it answered 404$/,
  ],
  [
    'one of healthchecks.io',
    (response) => response.end('OK (not found)'),
    /^it answered "OK \(not found\)"$/,
  ],
  [
    'a redirect, even to itself',
    (response) => response.writeHead(301, { location: '/elsewhere' }).end(),
    /^it answered 301, a redirect/,
  ],
]
for (const [name, answer, reason] of failures) {
  t.test(`not tried again before a minute has passed: ${name}`, async (t) => {
    const { monitor, next, facts } = await startHeartbeat(t)
    monitor.answer = answer
    t.equal(await next(), 60)
    t.same(monitor.asked, [`GET /${KEY}`])
    t.match(facts, [{ kind: 'heartbeat', result: 'failed', reason }])
  })
}

t.test('an answer that does not come, one that does not end, and none at all', async (t) => {
  const { monitor, next, facts } = await startHeartbeat(t, 50)
  const late = /^no answer within 0\.05 s$/
  monitor.answer = () => {}
  for (const _ of [1, 2, 3]) await next()
  monitor.answer = (response) => void response.write('OK')
  for (const _ of [1, 2, 3]) await next()
  t.match(facts, [{ reason: late }, { reason: late }])
  // With time enough: on a busy machine an answer that breaks off may come late.
  const patient = await startHeartbeat(t)
  patient.monitor.answer = (response) => void response.destroy()
  for (const _ of [1, 2, 3]) await patient.next()
  t.match(patient.facts, [{ reason: /closed|hang|other side/ }])
  t.notMatch(JSON.stringify([facts, patient.facts]), KEY)
})

t.test('in the service: a reload changes it, its key stays secret, and it ends with the store', async (t) => {
  const monitor = await startMonitor(t)
  const app = await startTestApp(
    t,
    `sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
receivers: { ops: { console: {} } }
routes: [{ receivers: [ops] }]
`,
  )
  edit(app.config, 'server: { port: 0 }', `server: { port: 0, heartbeat_url: "${monitor.url}" }`)
  const answer = await app.reload('signal')
  t.match(answer, { ok: true, changed: ['server.heartbeat_url'] })
  await until(() => monitor.asked.length === 1, 'the first heartbeat, at once')
  const sent = async (result: string) =>
    (await scrape(app.url)).value('hookbridge_heartbeats_total', { result })
  await until(async () => (await sent('sent')) === 1, 'it to be counted')
  const at = (await scrape(app.url)).value('hookbridge_heartbeat_last_success_timestamp_seconds')
  t.ok(Math.abs((at ?? 0) - Date.now() / 1000) < 60)
  await app.reload('signal')
  t.equal(monitor.asked.length, 1, 'a reload that does not change it asks for nothing')

  renameSync(join(app.folder, 'store.db'), join(app.folder, 'elsewhere.db'))
  edit(app.config, KEY, `${KEY}-2`)
  t.match(await app.reload('signal'), { ok: true })
  await until(() => app.log.some(({ msg }) => /^heartbeat withheld: /.test(String(msg))), 'its end')
  t.equal(monitor.asked.length, 1)
  t.equal(await sent('withheld'), 1)
  t.notMatch(JSON.stringify([app.log, answer, await (await fetch(`${app.url}/metrics`)).text()]), KEY)
})
