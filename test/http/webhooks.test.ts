/** Every answer of `POST /webhooks/<source>`, with a `receive` that the test plays. */
import t from 'tap'
import { errors } from '../../src/core/errors.ts'
import { statuses } from '../../src/http/errors.ts'
import { newEvent, secret, signedHeaders } from '../support/service.ts'
import { fakeServer, wrongSecret } from './fake-server.ts'

t.test('what becomes of a request is its answer', async (t) => {
  const cases = [
    [{ kind: 'stored', id: 'evt_1' }, 202, { id: 'evt_1' }],
    [{ kind: 'duplicate', id: 'evt_1' }, 200, { id: 'evt_1', duplicate: true }],
    [{ kind: 'quarantined', code: 'invalid_utf8' }, 400, { error: 'invalid_utf8' }],
    [{ kind: 'quarantined', code: 'no_event_type' }, 400, { error: 'no_event_type' }],
    [{ kind: 'rejected', code: 'store_unavailable' }, 503, { error: 'store_unavailable' }],
  ] as const
  for (const [received, status, answer] of cases) {
    const server = fakeServer(t, { receive: () => received })
    const answered = await server.send()
    t.equal(answered.status, status)
    t.match(answered.answer, answer)
    t.equal(
      answered.headers['webhook-delivery'],
      received.kind === 'quarantined' ? 'abort-message' : undefined,
      'only what cannot get better is not to be repeated',
    )
    t.equal(Number(answered.headers['retry-after']) > 0, status === 503)
    t.same(server.counted, 'code' in received ? [received.code] : [], 'errors are counted')
    t.same(
      server.rejected.map(({ code }) => code),
      received.kind === 'rejected' ? [received.code] : [],
    )
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
  t.equal((await server.ask({ url: '/webhooks/cuuro' })).error, 'not_found', 'GET is not a webhook')
  t.equal((await server.ask({ url: '/nothing' })).error, 'not_found')
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
  await server.send({ headers: { 'svix-signature': '' } })
  t.equal(server.rejected.at(-1)?.messageId, undefined)
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
  t.match(server.rejected, [{ code: 'overloaded' }])
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
