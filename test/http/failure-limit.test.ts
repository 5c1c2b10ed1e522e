/** The limit of requests that do not verify, by client address. */
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { Secret } from '../../src/core/secret.ts'
import { secret } from '../support/service.ts'
import { until } from '../support/until.ts'
import { type FakeServer, fakeServer, wrongSecret } from './fake-server.ts'

async function exhaust(t: Test, { send }: FakeServer, from: string, failures = 5, source = 'cuuro') {
  for (let n = 0; n < failures; n++)
    t.equal((await send({ from, key: wrongSecret, source })).error, 'wrong_signature')
}

/** Fails where the address may still fail. */
async function isLimited(server: FakeServer, from: string) {
  return (await server.send({ from, key: wrongSecret })).error === 'rate_limited'
}

t.test('after its burst an address waits, and others do not', async (t) => {
  const server = fakeServer(t)
  await exhaust(t, server, '192.0.2.1')
  const { status, error, headers } = await server.send({ from: '192.0.2.1', key: wrongSecret })
  t.match({ status, error }, { status: 429, error: 'rate_limited' })
  t.equal(headers.connection, 'close')
  t.ok(Number(headers['retry-after']) > 3_000, `Retry-After is true: ${headers['retry-after']} s`)
  t.equal(server.received.length, 5, 'nothing is verified any more')
  t.equal(server.rejected.at(-1)?.code, 'rate_limited')
  t.equal(server.counted.at(-1), 'rate_limited')
  t.equal((await server.send({ from: '192.0.2.2', key: wrongSecret })).status, 401, 'another address')
  t.equal((await server.send({ from: '192.0.2.2' })).status, 202)
  t.equal(
    (await server.ask({ url: '/livez', headers: { 'x-forwarded-for': '192.0.2.1' } })).status,
    200,
    'health checks are not limited',
  )
})

t.test('a /64 of IPv6 is one address', async (t) => {
  const server = fakeServer(t)
  for (let n = 1; n <= 5; n++) t.notOk(await isLimited(server, `2001:db8::${n}:1`))
  t.ok(await isLimited(server, '2001:db8::ffff:ffff:ffff:ffff'))
  t.notOk(await isLimited(server, '2001:db8:0:1::1'))
})

t.test('every failure counts: paths, sources, types, sizes, tokens', async (t) => {
  const token = 'only-tests-know-this-token'
  const server = fakeServer(t, {
    deps: { adminToken: () => new Secret(token), failureLimit: () => ({ rate: 1 / 3_600, burst: 1 }) },
    limits: { bodyLimit: 1_024 },
  })
  const json = { 'content-type': 'application/json' }
  const cases = [
    [404, 'GET', '/nothing', {}, undefined],
    [404, 'POST', '/webhooks/nobody', json, '{}'],
    [405, 'GET', '/webhooks/cuuro', {}, undefined],
    [415, 'POST', '/webhooks/cuuro', { ...json, 'content-encoding': 'gzip' }, 'x'],
    [415, 'POST', '/webhooks/cuuro', { 'content-type': 'text/plain' }, 'x'],
    [413, 'POST', '/webhooks/cuuro', json, 'x'.repeat(2_000)],
    [401, 'POST', '/webhooks/cuuro', json, '{}'],
    [403, 'POST', '/webhooks/listed', json, '{}'],
    [401, 'POST', '/-/reload', {}, undefined],
  ] as const
  for (const [n, [status, method, url, more, payload]] of cases.entries()) {
    const from = `192.0.2.${n}`
    const headers = { ...more, 'x-forwarded-for': from }
    const answered = await server.ask({ method, url, headers, ...(payload && { payload }) })
    t.equal(answered.status, status, `${method} ${url}`)
    t.equal(answered.error, server.rejected.at(-1)?.code, 'observed as it is answered')
    t.ok(await isLimited(server, from), `${method} ${url} counts`)
    t.equal((await server.ask({ url: '/nothing', headers: { 'x-forwarded-for': from } })).status, 429)
  }
  t.same(
    server.rejected.map(({ code }) => code),
    server.counted,
    'each refusal is observed and counted once',
  )
  const headers = { authorization: `Bearer ${token}`, 'x-forwarded-for': '192.0.2.1' }
  const reload = await server.ask({ method: 'POST', url: '/-/reload', headers })
  t.equal(reload.status, 200, 'the admin token is compared before the limit is asked')
})

t.test('what a verified request gets wrong does not count', async (t) => {
  const server = fakeServer(t, {
    receive: () => ({ kind: 'quarantined', repeated: false, code: 'invalid_json' }),
  })
  for (let n = 0; n < 8; n++) t.equal((await server.send({ from: '192.0.2.1' })).status, 400)
  await exhaust(t, server, '192.0.2.1')
})

t.test('a captured request that is repeated makes nobody trusted', async (t) => {
  for (const repeated of [
    { kind: 'duplicate', id: 'evt_1' },
    { kind: 'quarantined', repeated: true, code: 'invalid_json' },
  ] as const) {
    const server = fakeServer(t, { receive: () => repeated })
    await server.send({ from: '192.0.2.1' })
    await exhaust(t, server, '192.0.2.1')
    t.equal((await server.send({ from: '192.0.2.1' })).status, 429, repeated.kind)
  }
})

t.test('a trusted sender is not locked out by others that share its address', async (t) => {
  const server = fakeServer(t)
  t.equal((await server.send({ from: '192.0.2.1' })).status, 202)
  await exhaust(t, server, '192.0.2.1', 50)
  for (let n = 0; n < 3; n++)
    t.equal((await server.send({ from: '192.0.2.1' })).status, 202, 'it has verified before')
  const unsigned = { from: '192.0.2.1', headers: { 'svix-signature': '' } }
  t.equal((await server.send(unsigned)).status, 429, 'but what is not even signed is limited')

  await exhaust(t, server, '44.228.126.217', 50)
  t.equal((await server.send({ from: '44.228.126.217' })).status, 202, 'Svix publishes the address')
  const stale = { from: '44.228.126.217', headers: { 'svix-timestamp': '1700000000' } }
  t.equal((await server.send(stale)).status, 429)

  await exhaust(t, server, '198.51.100.7', 50, 'listed')
  t.equal((await server.send({ from: '198.51.100.7' })).status, 429, 'another source does not list it')
  t.equal((await server.send({ from: '198.51.100.7', source: 'listed' })).status, 202, 'allow_ips lists it')
})

t.test('behind a proxy that trust_proxy does not list, no sender is locked out', async (t) => {
  const server = fakeServer(t, { deps: { isProxy: () => false } })
  await exhaust(t, server, '192.0.2.1', 50)
  t.equal((await server.send({ from: '192.0.2.2' })).status, 202, 'not even with its first event')
  t.equal((await server.send({ from: '192.0.2.1', headers: { 'svix-id': '' } })).status, 429)
})

t.test('a spoofed X-Forwarded-For is not another address', async (t) => {
  const server = fakeServer(t)
  await exhaust(t, server, '203.0.113.1, 192.0.2.1')
  t.ok(await isLimited(server, '203.0.113.2, 192.0.2.1'))
})

t.test('off, and changed while it runs', async (t) => {
  let limit: { rate: number; burst: number } | null = null
  const server = fakeServer(t, { deps: { failureLimit: () => limit } })
  await exhaust(t, server, '192.0.2.1', 20)
  limit = { rate: 1 / 3_600, burst: 2 }
  await exhaust(t, server, '192.0.2.1', 2)
  t.ok(await isLimited(server, '192.0.2.1'))
})

t.test('a malformed path counts as well, where the address is known', async (t) => {
  for (const url of ['/webhooks/%zz', `/webhooks/${'x'.repeat(200)}`]) {
    const server = fakeServer(t, { deps: { isProxy: () => false } })
    for (let n = 0; n < 5; n++)
      t.ok([400, 404].includes((await server.ask({ method: 'POST', url, payload: 'x' })).status))
    t.equal((await server.ask({ url: '/nothing' })).status, 429)
    t.equal(server.rejected.length, 6, 'and is observed')
  }
})

async function listen({ server }: FakeServer): Promise<(text: string) => Promise<string>> {
  const { port } = new URL(await server.listen({ host: '127.0.0.1', port: 0 }))
  return (text) =>
    new Promise((resolve) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write(text))
      let answer = ''
      socket.on('data', (chunk) => {
        answer += chunk
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(answer))
    })
}

t.test('over a socket: refused before the body is read, and the connection ends', async (t) => {
  const server = fakeServer(t)
  const exchange = await listen(server)
  await exhaust(t, server, '192.0.2.1')
  const head =
    'POST /webhooks/cuuro HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.1\r\ncontent-type: application/json\r\ncontent-length: 200000\r\n\r\n'
  t.match(await exchange(head), /^HTTP\/1\.1 429 [\s\S]*"rate_limited"/, 'the body never came')
})

t.test('over a socket: what is not HTTP counts as well, and is not answered for ever', async (t) => {
  const server = fakeServer(t, { deps: { isProxy: () => false } })
  const exchange = await listen(server)
  for (let n = 0; n < 5; n++) t.match(await exchange('\0\0\r\n\r\n'), /^HTTP\/1\.1 400 /)
  t.equal(await exchange('\0\0\r\n\r\n'), '', 'no answer any more')
  t.same(
    server.counted,
    Array.from({ length: 5 }, () => 'bad_request'),
  )
  t.match(server.rejected.at(0), { code: 'bad_request', address: '127.0.0.1' })
  await until(() => server.rejected.length === 6, 'the last to be observed')
  t.equal((await server.send({ key: secret })).status, 429, 'as the address has not verified yet')
})
