/** Every answer of `POST /webhooks/<source>`, with a `receive` that the test plays. */
import { type AddressInfo, connect } from 'node:net'
import t from 'tap'
import { errors } from '../../src/core/errors.ts'
import { Secret } from '../../src/core/secret.ts'
import { statuses } from '../../src/http/errors.ts'
import { readSignature } from '../../src/sources/svix.ts'
import { newEvent, secret, signedHeaders } from '../support/service.ts'
import { until } from '../support/until.ts'
import { askRaw, fakeServer, wrongSecret } from './fake-server.ts'

t.test('what becomes of a request is its answer', async (t) => {
  const cases = [
    [{ kind: 'stored', id: 'evt_1' }, 202, { id: 'evt_1' }],
    [{ kind: 'duplicate', id: 'evt_1' }, 200, { id: 'evt_1', duplicate: true }],
    [{ kind: 'quarantined', repeated: false, code: 'invalid_utf8' }, 400, { error: 'invalid_utf8' }],
    [{ kind: 'quarantined', repeated: false, code: 'no_event_type' }, 400, { error: 'no_event_type' }],
    [{ kind: 'quarantined', repeated: false, code: 'not_planned' }, 500, { error: 'not_planned' }],
    [{ kind: 'rejected', code: 'store_unavailable' }, 503, { error: 'store_unavailable' }],
  ] as const
  for (const [received, status, answer] of cases) {
    const server = fakeServer(t, { receive: () => received })
    const answered = await server.send()
    t.equal(answered.status, status)
    const whole = 'error' in answer ? { ...answer, message: errors[answer.error] } : answer
    t.strictSame(answered.answer, whole, 'a tiny body, without anything else')
    t.equal(
      answered.headers['webhook-delivery'],
      received.kind === 'quarantined' ? 'abort-message' : undefined,
      'only what cannot get better is not to be repeated',
    )
    t.equal(Number(answered.headers['retry-after']) > 0, status === 503)
    t.same(server.counted, 'code' in received ? [received.code] : [], 'errors are counted')
    t.match(
      server.rejected,
      received.kind === 'rejected' ? [{ code: received.code, messageId: /^msg_/ }] : [],
      'logged with the message id',
    )
    t.equal(server.rejected.length, received.kind === 'rejected' ? 1 : 0)
  }
})

t.test('a request is passed on unchanged, and its head is read once', async (t) => {
  const server = fakeServer(t)
  const { messageId, body } = newEvent()
  const signed = signedHeaders(messageId, body)
  const text = `  ${body}\n`
  const again = signedHeaders(messageId, text)
  await server.ask({
    method: 'POST',
    url: '/webhooks/cuuro',
    headers: { ...again, traceparent: '00-x', 'content-type': 'application/cloudevents+json; charset=utf-8' },
    payload: text,
  })
  const [request] = server.received
  t.match(request, { source: 'cuuro', traceparent: '00-x', signature: { ok: true, messageId } })
  t.equal(request?.body.toString(), text)
  t.ok((request?.age ?? -1) >= 0)
  t.same(server.calls, { settings: 1, readSignature: 1 })
  const empty = await server.ask({ method: 'POST', url: '/webhooks/cuuro', headers: signed })
  t.equal(empty.error, 'wrong_signature')
  t.equal(server.received[1]?.body.length, 0, 'no body is an empty one')
  t.equal(server.inFlight.count, 0)
})

t.test('refused before the body is read: 403, 404, 413, 415', async (t) => {
  const server = fakeServer(t, { limits: { bodyLimit: 1_024 }, deps: { failureLimit: () => null } })
  const cases = [
    ['address_not_allowed', 'listed', { from: '192.0.2.1' }],
    ['address_not_allowed', 'listed', { from: '198.51.100.1, 192.0.2.1' }],
    ['unknown_source', 'nobody', {}],
    ['unknown_source', '__proto__', {}],
    ['body_too_large', 'cuuro', { body: 'x'.repeat(1_025) }],
    ['unsupported_media_type', 'cuuro', { headers: { 'content-type': 'text/plain' } }],
  ] as const
  for (const [code, source, options] of cases) {
    const { status, error, answer, headers } = await server.send({ ...options, source })
    t.equal(error, code)
    t.equal(status, statuses[code])
    t.equal(answer.message, errors[code])
    t.equal(headers.connection, 'close', code)
    t.match(server.rejected.at(-1), { source, code, messageId: /^msg_/ }, 'observed with the message id')
  }
  t.equal(server.received.length, 0)
  t.equal(server.counted.length, cases.length)
  t.equal((await server.send({ source: 'listed', from: '198.51.100.1' })).status, 202, 'behind a proxy')
  t.equal((await server.ask({ url: '/nothing' })).error, 'not_found')
})

t.test('405 for a method that a path does not take', async (t) => {
  const adminToken = () => new Secret('only-tests-know-this-token')
  const server = fakeServer(t, { deps: { failureLimit: () => null, adminToken } })
  const cases = [
    ['/webhooks/cuuro', 'GET', 'POST'],
    ['/webhooks/cuuro?x=1', 'DELETE', 'POST'],
    ['/webhooks/nobody', 'PUT', 'POST'],
    ['/livez', 'POST', 'GET, HEAD'],
    ['/metrics', 'PUT', 'GET, HEAD'],
    ['/-/reload', 'GET', 'POST'],
  ] as const
  for (const [url, method, allow] of cases) {
    const { status, error, answer, headers } = await server.ask({ method, url })
    t.match({ status, error, allow: headers.allow }, { status: 405, error: 'method_not_allowed', allow })
    t.match(answer.message, /methods in the Allow header; a webhook URL accepts only signed POST requests/)
    t.match(server.rejected.at(-1), { code: 'method_not_allowed', method, path: url.split('?')[0] })
  }
  t.equal((await server.ask({ method: 'HEAD', url: '/livez' })).status, 200)
  const off = fakeServer(t, { deps: { failureLimit: () => null } })
  t.equal((await off.ask({ url: '/-/reload' })).status, 404, 'without a token the path does not exist')
})

t.test('a refusal is observed with method, path, message id, and the path that was meant', async (t) => {
  const server = fakeServer(t, { deps: { failureLimit: () => null } })
  const { messageId, body } = newEvent()
  const headers = signedHeaders(messageId, body)
  const cases = [
    ['/webhooks/cuuro/', 'not_found', '/webhooks/cuuro'],
    ['//webhooks/cuuro', 'not_found', '/webhooks/cuuro'],
    ['/Webhooks/cuuro', 'not_found', '/webhooks/cuuro'],
    ['/webhooks/Cuuro', 'unknown_source', '/webhooks/cuuro'],
    ['/webhooks/cuuro%20', 'unknown_source', '/webhooks/cuuro'],
    ['/webhooks/curo', 'unknown_source', undefined],
    ['/webhook/cuuro?token=secret', 'not_found', undefined],
  ] as const
  for (const [url, code, intended] of cases) {
    t.equal((await server.ask({ method: 'POST', url, headers, payload: body })).error, code, url)
    const { hint, ...seen } = server.rejected.at(-1) ?? {}
    t.match(seen, { code, method: 'POST', path: url.split('?')[0], messageId })
    t.equal(hint, intended && `the sender should use the path ${intended}`)
  }
  t.equal((await server.ask({ method: 'POST', url: '/%zz', headers, payload: body })).status, 400)
  t.match(server.rejected.at(-1), { code: 'bad_request', method: 'POST', path: '/%zz', messageId })
})

t.test('a compressed body is refused by name', async (t) => {
  const server = fakeServer(t)
  for (const encoding of ['gzip', 'br', 'identity, gzip', 'x']) {
    const { status, error } = await server.send({ headers: { 'content-encoding': encoding } })
    t.match({ status, error }, { status: 415, error: 'unsupported_encoding' }, encoding)
    t.match(server.rejected.at(-1), { path: '/webhooks/cuuro', messageId: /^msg_/ })
  }
  t.equal((await server.send({ headers: { 'content-encoding': 'Identity' } })).status, 202)
})

t.test('large bodies in flight share a limit in bytes, whatever the in-flight limit', async (t) => {
  const server = fakeServer(t, { limits: { bodyLimit: 8 * 1_024 * 1_024 } })
  await server.server.listen({ host: '127.0.0.1', port: 0 })
  const { port } = server.server.server.address() as AddressInfo
  const stalled = (length: string) => {
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    const signed = Object.entries(signedHeaders('msg_1', '{}'))
    const head = [...signed, ['host', 'x'], length.split(': ')].map((pair) => pair.join(': '))
    socket.write(`POST /webhooks/cuuro HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`)
    return { answer: () => answer, socket }
  }
  const large = Array.from({ length: 8 }, () => stalled(`content-length: ${8 * 1_024 * 1_024}`))
  await until(() => server.inFlight.count === 8, 'eight requests that fill the limit')
  for (const refused of [`content-length: ${20_000}`, 'transfer-encoding: chunked']) {
    const { answer } = stalled(refused)
    await until(() => answer().includes('overloaded'), refused)
  }
  t.equal((await server.send()).status, 202, 'small bodies still fit')
  large[0]?.socket.destroy()
  await until(() => server.inFlight.count === 7, 'one of them to go')
  t.equal((await server.send({ body: JSON.stringify({ type: 'x'.repeat(20_000) }) })).status, 202)
})

t.test('a request that is signed but long ago says by how much', async (t) => {
  const now = 1_800_000_000_000
  const server = fakeServer(t, { deps: { readSignature: (headers) => readSignature(headers, now) } })
  const { messageId, body } = newEvent()
  const cases = [
    [-432, /^the request was signed 432 s before the time here: the clock here is ahead/],
    [600, /^the request was signed 600 s after the time here: the clock here is behind/],
  ] as const
  for (const [offset, message] of cases) {
    const headers = signedHeaders(messageId, body, secret, now + offset * 1_000)
    const answered = await server.ask({ method: 'POST', url: '/webhooks/cuuro', headers, payload: body })
    t.match(answered, { status: 401, error: 'timestamp_out_of_range', answer: { message } })
    t.match(server.rejected.at(-1), { code: 'timestamp_out_of_range', messageId, hint: message })
  }
})

t.test('X-Forwarded-For as proxies write it', async (t) => {
  const server = fakeServer(t, { deps: { failureLimit: () => null } })
  const allowed = [
    '198.51.100.7',
    '198.51.100.7:51234',
    '"198.51.100.7:51234"',
    '[::ffff:198.51.100.7]:443',
    '::ffff:198.51.100.7',
    '192.0.2.1, 198.51.100.7:51234, 127.0.0.1:8080',
  ]
  for (const from of allowed) {
    t.equal((await server.send({ source: 'listed', from })).status, 202, from)
  }
  for (const from of [
    '198.51.100.7:51234:9',
    '198.51.100.7:port',
    'unknown',
    '[198.51.100.7',
    '[::1]:443',
    '198.51.100.7, x',
  ]) {
    t.equal((await server.send({ source: 'listed', from })).status, 403, from)
  }
  await server.send({ source: 'listed', from: '192.0.2.1:51234' })
  t.equal(server.rejected.at(-1)?.address, '192.0.2.1')
})

t.test('401, and logged with the message id where the headers name one', async (t) => {
  const server = fakeServer(t)
  const wrong = await server.send({ key: wrongSecret })
  t.match(wrong, { status: 401, error: 'wrong_signature' })
  t.match(server.rejected.at(-1), {
    source: 'cuuro',
    code: 'wrong_signature',
    address: '127.0.0.1',
    messageId: /^msg_/,
  })
  const now = Math.floor(Date.now() / 1000)
  const cases = [
    ['no signature', { 'svix-id': 'msg_1' }, 'msg_1'],
    ['no signature, Standard Webhooks', { 'webhook-id': 'msg_2' }, 'msg_2'],
    [
      'a malformed timestamp',
      { 'svix-id': 'msg_3', 'svix-timestamp': `${now}.5`, 'svix-signature': 'v1,x' },
      'msg_3',
    ],
    ['two ids', { 'svix-id': 'msg_4', 'webhook-id': 'msg_5' }, 'msg_4'],
    ['an id that no sender writes', { 'svix-id': 'msg 6' }, undefined],
    ['a second one that is well-formed', { 'svix-id': 'msg 6', 'webhook-id': 'msg_7' }, 'msg_7'],
    ['a long id', { 'svix-id': 'x'.repeat(257) }, undefined],
    ['none', {}, undefined],
  ] as const
  const unlimited = fakeServer(t, { deps: { failureLimit: () => null } })
  for (const [name, headers, messageId] of cases) {
    await unlimited.ask({ method: 'POST', url: '/webhooks/cuuro', headers, payload: '{}' })
    t.equal(unlimited.rejected.at(-1)?.messageId, messageId, name)
    await unlimited.ask({ method: 'POST', url: '/webhook', headers, payload: '{}' })
    t.equal(unlimited.rejected.at(-1)?.messageId, messageId, `${name}, where no route is`)
  }
})

t.test('what Node would refuse itself is refused, observed and counted like the rest', async (t) => {
  const server = fakeServer(t, { deps: { failureLimit: () => ({ rate: 1 / 3_600, burst: 6 }) } })
  await server.server.listen({ host: '127.0.0.1', port: 0 })
  const { port } = server.server.server.address() as AddressInfo
  const cases = [
    [417, 'expectation_failed', 'expect: everything\r\nhost: x\r\n'],
    [400, 'bad_request', ''],
  ] as const
  for (const [status, code, lines] of cases) {
    for (const path of ['/webhooks/cuuro', '/livez', '/nothing']) {
      const head = `${lines}svix-id: msg_1\r\ncontent-length: 2\r\n`
      const answer = await askRaw(port, `POST ${path} HTTP/1.1\r\n${head}\r\n{}`)
      t.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), path)
      t.strictSame(JSON.parse(answer.split('\r\n\r\n')[1] ?? ''), { error: code, message: errors[code] })
      t.match(server.rejected.at(-1), { code, messageId: 'msg_1', method: 'POST', path })
      t.equal(server.counted.at(-1), code)
    }
  }
  t.equal(server.rejected.length, cases.length * 3)
  t.equal(server.received.length, 0)
  t.match(await askRaw(port, 'GET /livez HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /, 'HTTP/1.0 needs no Host')
  const head = 'connection: close\r\nhost: x\r\nexpect: everything\r\n'
  t.match(
    await askRaw(port, `GET /livez HTTP/1.1\r\n${head}\r\n`),
    /^HTTP\/1\.1 429 /,
    'they count against their address',
  )
})

t.test('429 at the in-flight limit', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const server = fakeServer(t, {
    maxPending: 2,
    receive: async () => {
      await promise
      return { kind: 'stored', id: 'evt_1' }
    },
  })
  const held = [server.send(), server.send()]
  while (server.received.length < 2) await new Promise(setImmediate)
  t.equal(server.inFlight.count, 2)
  const { status, error, headers } = await server.send()
  t.match({ status, error }, { status: 429, error: 'overloaded' })
  t.ok(Number(headers['retry-after']) > 0)
  t.match(server.rejected, [{ code: 'overloaded', messageId: /^msg_/, path: '/webhooks/cuuro' }])
  t.equal((await server.ask({ url: '/livez' })).status, 200, 'health checks are not limited')
  resolve()
  for (const { status } of await Promise.all(held)) t.equal(status, 202)
  t.equal(server.inFlight.count, 0)
  t.equal((await server.send()).status, 202)
})

t.test('an exception in receive is 500, logged once, and ends nothing else', async (t) => {
  const server = fakeServer(t, {
    receive: () => {
      throw new Error('a bug')
    },
  })
  t.match(await server.send(), { status: 500, error: 'internal' })
  t.match(server.rejected, [{ code: 'internal', messageId: /^msg_/ }])
  t.match(server.log, [{ msg: 'unexpected error', err: { message: 'a bug' } }])
  t.equal(server.inFlight.count, 0)
  t.equal((await server.send({ key: secret })).status, 500)
})

t.test('health', async (t) => {
  const problems: string[] = []
  let last: Readonly<Record<string, unknown>> | null = null
  const server = fakeServer(t, {
    deps: {
      notReady: () => problems,
      lastReload: () => last,
      metrics: { contentType: 'text/x', text: async () => 'a 1\n' },
    },
  })
  const ready = () => server.ask({ url: '/readyz' })
  t.match(await server.ask({ url: '/livez' }), { status: 200, answer: { status: 'ok' } })
  t.strictSame((await ready()).answer, { status: 'ready' })
  last = { ok: false }
  const reload = { ok: false }
  t.match(await ready(), { status: 200, answer: { status: 'ready', reload } }, 'a failed reload is shown')
  problems.push('the disk is full')
  t.match(await ready(), { status: 503, answer: { status: 'not ready', problems, reload } })
  const { payload, headers } = await server.server.inject('/metrics')
  t.equal(payload, 'a 1\n')
  t.equal(headers['content-type'], 'text/x')
})

t.test('POST /-/reload without a token is off', async (t) => {
  const server = fakeServer(t)
  t.equal((await server.ask({ method: 'POST', url: '/-/reload' })).error, 'not_found')
})
