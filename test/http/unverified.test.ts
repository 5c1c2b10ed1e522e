/** The limit of unverified requests, over real connections: trust_proxy makes the addresses. */
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { startTestApp, type TestApp } from '../support/app.ts'
import { newEvent, secret, signedHeaders } from '../support/service.ts'
import { until } from '../support/until.ts'

const yaml = `
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
  listed: { svix: { secrets: ["\${WEBHOOK_SECRET}"] }, allow_ips: [198.51.100.7] }
receivers: { log: { console: {} } }
channels: { console: {} }
routes: [{ receivers: [log] }]
`
const stranger = `whsec_${Buffer.from('somebody elses secret, 32 bytes.').toString('base64')}`
// So slow that none comes back within a test.
const slow = 'unverified: { rate: 1/h, burst: 5 }'

async function send(app: TestApp, from: string, key: string, source = 'cuuro', headers = {}) {
  const { messageId, body } = newEvent()
  const response = await fetch(`${app.url}/webhooks/${source}`, {
    method: 'POST',
    headers: { ...signedHeaders(messageId, body, key), 'x-forwarded-for': from, ...headers },
    body,
  })
  const answer = (await response.json()) as { error?: string }
  return { status: response.status, error: answer.error, headers: response.headers }
}

async function exhaust(t: Test, app: TestApp, from: string, failures = 5, source = 'cuuro') {
  for (let n = 0; n < failures; n++) t.equal((await send(app, from, stranger, source)).status, 401)
}

t.test('after its burst an address waits, and others do not', async (t) => {
  const app = await startTestApp(t, yaml, { server: slow })
  await exhaust(t, app, '192.0.2.1')
  const { status, error, headers } = await send(app, '192.0.2.1', stranger)
  t.equal(status, 429)
  t.equal(error, 'rate_limited')
  t.equal(headers.get('connection'), 'close')
  t.ok(Number(headers.get('retry-after')) > 3_000, `Retry-After is true: ${headers.get('retry-after')} s`)
  t.equal((await send(app, '192.0.2.2', stranger)).status, 401, 'another address')
  t.equal((await send(app, '192.0.2.2', secret)).status, 202)
  t.equal((await fetch(`${app.url}/livez`, { headers: { 'x-forwarded-for': '192.0.2.1' } })).status, 200)
  t.match(
    await (await fetch(`${app.url}/metrics`)).text(),
    'hookbridge_requests_rejected_total{code="rate_limited"} 1',
  )
})

t.test('a /64 of IPv6 is one address', async (t) => {
  const app = await startTestApp(t, yaml, { server: slow })
  for (let n = 1; n <= 5; n++) t.equal((await send(app, `2001:db8::${n}:1`, stranger)).status, 401)
  t.equal((await send(app, '2001:db8::ffff:ffff:ffff:ffff', stranger)).status, 429)
  t.equal((await send(app, '2001:db8:0:1::1', stranger)).status, 401)
})

t.test('every failure costs: paths, sources, types, sizes, tokens', async (t) => {
  const app = await startTestApp(t, yaml, {
    server: 'admin_token: only-tests-know-this-token, body_limit: 1kb, unverified: { rate: 1/h, burst: 1 }',
  })
  let n = 0
  const cases: readonly [number, string, RequestInit][] = [
    [404, '/nothing', {}],
    [404, '/webhooks/nobody', { method: 'POST', body: '{}' }],
    [404, '/webhooks/cuuro', {}],
    [415, '/webhooks/cuuro', { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } }],
    [
      413,
      '/webhooks/cuuro',
      { method: 'POST', body: 'x'.repeat(2_000), headers: { 'content-type': 'application/json' } },
    ],
    [401, '/webhooks/cuuro', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }],
    [403, '/webhooks/listed', { method: 'POST', body: '{}' }],
    [401, '/-/reload', { method: 'POST' }],
  ]
  for (const [status, path, init] of cases) {
    const from = `192.0.2.${++n}`
    const headers = { ...(init.headers as Record<string, string>), 'x-forwarded-for': from }
    const name = `${init.method ?? 'GET'} ${path.slice(0, 40)}`
    t.equal((await fetch(app.url + path, { ...init, headers })).status, status, name)
    t.equal((await send(app, from, stranger)).status, 429, `${name} costs`)
    t.equal((await fetch(`${app.url}/nothing`, { headers: { 'x-forwarded-for': from } })).status, 429)
  }
  const authorization = 'Bearer only-tests-know-this-token'
  const reload = await fetch(`${app.url}/-/reload`, {
    method: 'POST',
    headers: { authorization, 'x-forwarded-for': '192.0.2.1' },
  })
  t.not(reload.status, 429, 'whoever has the admin token is not kept out')
})

t.test('what the sender itself does wrong after it verified costs nothing', async (t) => {
  const app = await startTestApp(t, yaml, { server: 'unverified: { rate: 1/h, burst: 1 }' })
  for (let n = 0; n < 3; n++) {
    const headers = { ...signedHeaders(`msg_${n}`, '[]'), 'x-forwarded-for': '192.0.2.1' }
    const response = await fetch(`${app.url}/webhooks/cuuro`, { method: 'POST', headers, body: '[]' })
    t.equal(response.status, 400)
  }
  t.equal((await send(app, '192.0.2.1', stranger)).status, 401)
})

t.test('the true sender is not locked out by whoever shares its address', async (t) => {
  const app = await startTestApp(t, yaml, { server: slow })
  t.equal((await send(app, '192.0.2.1', secret)).status, 202)
  await exhaust(t, app, '192.0.2.1', 50)
  for (let n = 0; n < 3; n++) t.equal((await send(app, '192.0.2.1', secret)).status, 202, 'it was verified')
  t.equal((await send(app, '192.0.2.1', stranger, 'cuuro', { 'svix-signature': '' })).status, 429)

  const stale = { 'svix-timestamp': '1700000000' }
  await exhaust(t, app, '44.228.126.217', 50)
  t.equal((await send(app, '44.228.126.217', secret)).status, 202, 'Svix publishes the address')
  t.equal((await send(app, '44.228.126.217', stranger, 'cuuro', stale)).status, 429)

  await exhaust(t, app, '198.51.100.7', 50, 'listed')
  t.equal((await send(app, '198.51.100.7', secret)).status, 429, 'another source does not')
  t.equal((await send(app, '198.51.100.7', secret, 'listed')).status, 202, 'allow_ips lists the address')
})

t.test('behind a proxy that trust_proxy does not list, nobody is locked out', async (t) => {
  const app = await startTestApp(t, yaml, { server: `trust_proxy: false, ${slow}` })
  await exhaust(t, app, '192.0.2.1', 50)
  t.equal((await send(app, '192.0.2.2', secret)).status, 202, 'as the first event of all')
  t.equal((await send(app, '192.0.2.1', stranger, 'cuuro', { 'svix-id': '' })).status, 429)
})

t.test('a spoofed X-Forwarded-For is no other address', async (t) => {
  const app = await startTestApp(t, yaml, { server: slow })
  await exhaust(t, app, '203.0.113.1, 192.0.2.1')
  t.equal((await send(app, '203.0.113.2, 192.0.2.1', stranger)).status, 429)
})

t.test('refused before its body is read', async (t) => {
  const app = await startTestApp(t, yaml, { server: slow })
  await exhaust(t, app, '192.0.2.1')
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1')
  t.teardown(() => socket.destroy())
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  // The body never comes.
  socket.write(
    'POST /webhooks/cuuro HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.1\r\ncontent-type: application/json\r\ncontent-length: 200000\r\n\r\n',
  )
  await until(() => answer.includes('rate_limited'), 'the answer')
  await until(() => socket.readableEnded, 'the end of the connection')
})

t.test('off, and changed while it runs', async (t) => {
  const off = await startTestApp(t, yaml, { server: 'unverified: false' })
  await exhaust(t, off, '192.0.2.1', 150)
  const app = await startTestApp(t, yaml)
  await exhaust(t, app, '192.0.2.1', 100)
  await until(async () => (await send(app, '192.0.2.1', stranger)).status === 429, 'the default burst to end')
})

t.test('a path that is no path costs as well, where the address is known', async (t) => {
  for (const path of ['/webhooks/%zz', `/webhooks/${'x'.repeat(200)}`]) {
    const app = await startTestApp(t, yaml, { server: `trust_proxy: false, ${slow}` })
    const ask = () => fetch(app.url + path, { method: 'POST', body: 'x'.repeat(1_000) })
    for (let n = 0; n < 5; n++) t.ok([400, 404].includes((await ask()).status))
    t.equal((await fetch(`${app.url}/nothing`)).status, 429)
  }
})

t.test('what is no HTTP costs as well, and is not answered for ever', async (t) => {
  const app = await startTestApp(t, yaml, { server: `trust_proxy: false, ${slow}` })
  const garbage = () =>
    new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(app.url).port), '127.0.0.1', () => socket.write('\0\0\r\n\r\n'))
      let answer = ''
      socket.on('data', (chunk) => {
        answer += chunk
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(answer))
    })
  for (let n = 0; n < 5; n++) t.match(await garbage(), /^HTTP\/1\.1 400 /)
  t.equal(await garbage(), '', 'no word more')
  t.equal((await send(app, '', secret, 'cuuro', { 'x-forwarded-for': '' })).status, 202)
})

t.test('a flood of rejections is few lines in the log', async (t) => {
  const app = await startTestApp(t, yaml, { server: slow })
  for (let n = 0; n < 300; n++) await send(app, `192.0.2.${n % 100}`, stranger)
  t.equal(app.log.filter(({ msg }) => msg === 'request rejected').length, 20, 'the first ones')
  t.notOk(app.log.some(({ msg }) => /more requests/.test(String(msg))))
  await app.stop()
  const [sum, ...others] = app.log.filter(({ msg }) => /more requests/.test(String(msg)))
  t.match(sum, { level: 40, msg: '280 more requests rejected within 60 s', codes: { wrong_signature: 280 } })
  t.equal(Object.keys(sum?.addresses ?? {}).length, 5, 'those who sent most')
  t.same(others, [])
})
