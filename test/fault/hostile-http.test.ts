/** Whatever bytes come, a real process answers with 4xx or not at all, and goes on. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { statuses as known } from '../../src/http/errors.ts'
import { history, newEvent, secret, signedHeaders, temporaryFolder } from '../support/service.ts'
import { attackerAddress, besiege, exchange, SECONDS, type Siege, startBesieged } from '../support/siege.ts'

const timeout = 60_000 + SECONDS * 5_000
const LIMIT = 4_096
// Of the service, and of Node for what never becomes a request.
const allowed = [...Object.values(known), 100, 200, 202, 417, 431].filter((status) => status < 500)

const config = (folder: string) => {
  const file = join(folder, 'config.yaml')
  writeFileSync(
    file,
    `
server: { port: 0, trust_proxy: false, body_limit: 4kb, request_timeout: 2s, admin_token: only-tests-know-this-token }
store: { url: "sqlite:${join(folder, 'store.db')}" }
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
receivers: { here: { console: {} } }
routes: [{ match: { type: never }, receivers: [here] }]
`,
  )
  return file
}

const token = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_!~'), minLength: 1, maxLength: 12 })
const anyText = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    '\0',
    '\r',
    '\n',
    '\r\n',
    '\x1b[31m',
    ' ',
    '\t',
    '%00',
    '%zz',
    '%2e%2e%2f',
    '🙂',
    '\u202e',
    '__proto__',
  ),
)
const method = fc.oneof(
  fc.constantFrom(
    'GET',
    'HEAD',
    'POST',
    'PUT',
    'DELETE',
    'OPTIONS',
    'TRACE',
    'CONNECT',
    'PATCH',
    'QUERY',
    'PROPFIND',
    'get',
    'PRI',
    'SOURCE',
  ),
  token,
  anyText,
)
const path = fc.oneof(
  fc.constantFrom(
    '/',
    '*',
    '',
    '/livez',
    '/readyz',
    '/metrics',
    '/-/reload',
    '/webhooks/cuuro',
    '/webhooks/cuuro/',
    '/webhooks/',
    '/webhooks/__proto__',
    '/webhooks/constructor',
    '/webhooks/%00',
    '/webhooks/%2e%2e%2fetc%2fpasswd',
    '//livez',
    '/../../etc/passwd',
    'http://127.0.0.1/livez',
    'http://evil.example/webhooks/cuuro',
    'livez',
    '/livez?a=%',
    '/livez#x',
    '/%zz',
    '/livez;x=1',
    `/webhooks/${'x'.repeat(101)}`,
    `/${'x'.repeat(8_000)}`,
    `/${'x'.repeat(70_000)}`,
  ),
  anyText.map((text) => `/webhooks/${text}`),
  anyText,
)
const version = fc.constantFrom(
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/0.9',
  'HTTP/2.0',
  'HTTP/1.11',
  'HTTP',
  '',
)
const newline = fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\n\r')
const header = fc.oneof(
  fc.tuple(
    fc.constantFrom(
      'host',
      'content-type',
      'content-length',
      'transfer-encoding',
      'expect',
      'connection',
      'upgrade',
      'svix-id',
      'svix-timestamp',
      'svix-signature',
      'webhook-id',
      'x-forwarded-for',
      'forwarded',
      'authorization',
      'content-encoding',
      'trailer',
      'te',
      'range',
      'http2-settings',
      'origin',
      'cookie',
      '__proto__',
      'constructor',
      'traceparent',
    ),
    fc.oneof(
      anyText,
      fc.constantFrom(
        'chunked',
        'chunked, chunked',
        'chunked, identity',
        'xchunked',
        ' chunked',
        'Chunked',
        '0',
        '-1',
        '+1',
        '1, 1',
        '1e9',
        '0x10',
        '99999999999999999999',
        '5',
        'application/json',
        'application/json; charset=utf-16',
        'text/json;;;',
        'multipart/form-data',
        '100-continue',
        'upgrade',
        'websocket',
        'h2c',
        'keep-alive, close',
        'gzip',
        '1700000000',
        'v1,AAAA',
        '1.2.3.4, 5.6.7.8',
        'Bearer x',
        'x'.repeat(20_000),
      ),
    ),
  ),
  fc.tuple(anyText, anyText),
)
const body = fc.oneof(
  fc.constant(''),
  anyText,
  fc.constantFrom(
    '{}',
    '0\r\n\r\n',
    '5\r\nhello\r\n0\r\n\r\n',
    'fffffffffffffffff\r\n',
    '-5\r\nhello\r\n',
    '5;x=y\r\nhello\r\n0\r\nt: r\r\n\r\n',
    '5\nhello\n0\n\n',
  ),
)
const message = fc
  .record({
    method,
    path,
    version,
    newline,
    headers: fc.array(header, { maxLength: 8 }),
    body,
    hosted: fc.boolean(),
  })
  .map(({ method, path, version, newline, headers, body, hosted }) => {
    const lines = [...(hosted ? ['host: x'] : []), ...headers.map(([name, value]) => `${name}: ${value}`)]
    return [`${method} ${path} ${version}`, ...lines, '', body].join(newline)
  })

const valid = 'GET /livez HTTP/1.1\r\nhost: x\r\n\r\n'
const smuggled = `POST /webhooks/cuuro HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`
const classics: readonly (string | Buffer)[] = [
  `${smuggled}content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${valid}`,
  `${smuggled}transfer-encoding: chunked\r\ncontent-length: 6\r\n\r\n0\r\n\r\n${valid}`,
  `${smuggled}transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n${valid}`,
  `${smuggled}content-length: 5\r\ncontent-length: 6\r\n\r\nhello!`,
  `${smuggled}content-length : 5\r\n\r\nhello`,
  `${smuggled}transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n`,
  `${smuggled} folded: yes\r\n\r\n`,
  `${smuggled}transfer-encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(10_000)}0\r\n\r\n`,
  `${smuggled}transfer-encoding: chunked\r\n\r\n1;${'x'.repeat(40_000)}\r\nx\r\n0\r\n\r\n`,
  `${smuggled}transfer-encoding: chunked\r\n\r\n0\r\n${'t: r\r\n'.repeat(5_000)}\r\n`,
  `GET /livez HTTP/1.1\nhost: x\n\n`,
  `GET /livez HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n`,
  `GET /livez HTTP/1.1\r\nhost: x\r\na\0b: c\r\n\r\n`,
  `GET /livez HTTP/1.1\r\nhost: x\r\na: b\0c\r\n\r\n`,
  `GET /livez HTTP/1.1\r\nhost: x\r\n${'a: b\r\n'.repeat(5_000)}\r\n`,
  `GET /livez HTTP/1.1\r\nhost: x\r\na: ${'b'.repeat(100_000)}\r\n\r\n`,
  `GET /livez HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: x\r\n\r\n`,
  `GET /livez HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n`,
  'CONNECT 127.0.0.1:22 HTTP/1.1\r\nhost: x\r\n\r\n',
  'GET http://127.0.0.1:1/livez HTTP/1.1\r\nhost: x\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n',
  'TRACE /livez HTTP/1.1\r\nhost: x\r\nauthorization: secret\r\n\r\n',
  valid.repeat(2_000),
  Buffer.from('16030100a5010000a10303', 'hex'),
  Buffer.alloc(100_000, 0xff),
  '\r\n'.repeat(10_000),
]

function check(answer: string): void {
  for (const [, status] of answer.matchAll(/HTTP\/1\.1 (\d{3}) /g))
    if (!allowed.includes(Number(status))) throw new Error(`answered ${status}: ${answer.slice(0, 300)}`)
}

t.test('malformed HTTP', { timeout }, async (t) => {
  const service = await startBesieged(t, config)
  let n = 0
  const { statuses } = await besiege(t, service, async (siege) => {
    const shots = (bytes: string | Buffer) => exchange(siege, bytes, attackerAddress(n++))
    for (const bytes of classics) check(await shots(bytes))
    const property = fc.asyncProperty(
      fc.array(message, { minLength: 20, maxLength: 20 }),
      async (messages) => {
        for (const answer of await Promise.all(messages.map((text) => shots(Buffer.from(text, 'latin1')))))
          check(answer)
      },
    )
    do await fc.assert(property, { numRuns: 5, endOnFailure: true })
    while (!siege.isOver())
  })
  t.ok((statuses.get(400) ?? 0) > 10, 'most was no HTTP')
  t.ok((statuses.get(404) ?? 0) > 0)
  t.ok((statuses.get(431) ?? 0) + (statuses.get(413) ?? 0) > 0)
})

t.test('smuggling: what follows an ambiguous request is not another one', { timeout }, async (t) => {
  const service = await startBesieged(t, config)
  await besiege(t, service, async (siege) => {
    for (const [at, bytes] of classics.slice(0, 7).entries()) {
      const answer = await exchange(siege, bytes, attackerAddress(at))
      t.match(answer, /^HTTP\/1\.1 400 /, JSON.stringify(String(bytes).slice(0, 120)))
      t.equal(answer.match(/HTTP\/1\.1/g)?.length, 1, 'one answer')
      t.match(answer, /connection: close/i)
    }
  })
})

const paths = [
  '/',
  '/livez',
  '/readyz',
  '/metrics',
  '/-/reload',
  '/-/',
  '/webhooks',
  '/webhooks/cuuro',
  '/webhooks/nobody',
]
const fine: Readonly<Record<string, readonly string[]>> = {
  GET: ['/livez', '/readyz', '/metrics'],
  HEAD: ['/livez', '/readyz', '/metrics'],
}

t.test('every method on every path', { timeout }, async (t) => {
  const service = await startBesieged(t, config)
  let n = 0
  await besiege(t, service, async (siege) => {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'PATCH', 'PROPFIND', 'POST']) {
      for (const path of paths) {
        const bytes = `${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\nx-secret: echo me not\r\n\r\n`
        const answer = await exchange(siege, bytes, attackerAddress(n++))
        const expected = fine[method]?.includes(path)
          ? 200
          : method === 'POST' && (path === '/-/reload' || path === '/webhooks/cuuro')
            ? 401
            : 404
        t.match(answer, new RegExp(`^HTTP/1\\.1 ${expected} `), `${method} ${path}`)
        t.notMatch(answer, /echo me not|access-control|^allow:/im, 'nothing is echoed or opened')
      }
    }
  })
})

/** A signed body, or one that says so. */
function claim(
  headers: Readonly<Record<string, string>>,
  body: Buffer | string,
  length = Buffer.byteLength(body),
) {
  const lines = Object.entries({ host: 'x', connection: 'close', 'content-length': length, ...headers })
  const head = `POST /webhooks/cuuro HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body)])
}

async function statusFor(siege: Siege, bytes: Buffer, n: number): Promise<number> {
  const answer = await exchange(siege, bytes, attackerAddress(n), 5_000)
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)
}

t.test('headers and bodies that only look like an event', { timeout }, async (t) => {
  const folder = temporaryFolder(t)
  const service = await startBesieged(t, () => config(folder))
  const { body } = newEvent()
  const signed = (text: string | Buffer, id = newEvent().messageId) => signedHeaders(id, text, secret)
  const deep = `{"event":"x","data":${'['.repeat(2_000)}${']'.repeat(2_000)}}`
  const pad = (length: number) =>
    `{"event":"x","data":"${'y'.repeat(length - '{"event":"x","data":""}'.length)}"}`
  const pollution =
    '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"event":"x","data":{"__proto__":{"a":1}}}'
  const cases: readonly [number, string, Buffer][] = [
    [202, 'an event', claim(signed(body), body)],
    [400, 'deep JSON', claim(signed(deep), deep)],
    [202, 'prototype pollution', claim(signed(pollution), pollution)],
    [202, 'exactly as large as may be', claim(signed(pad(LIMIT)), pad(LIMIT))],
    [413, 'a byte more', claim(signed(pad(LIMIT + 1)), pad(LIMIT + 1))],
    [413, 'far more than comes', claim(signed(body), body, 99_999_999)],
    [400, 'invalid UTF-8', claim(signed(Buffer.from([0x7b, 0xff])), Buffer.from([0x7b, 0xff]))],
    [400, 'a body cut short by its length', claim(signed(body), body, body.length - 1)],
    [400, 'a length that is none', claim({ ...signed(body), 'content-length': '1x' }, body)],
    [401, 'compressed, it says', claim({ ...signed('{}'), 'content-encoding': 'gzip' }, body)],
    [415, 'another type', claim({ ...signed(body), 'content-type': 'text/plain' }, body)],
    [401, 'an id of 10 kB', claim({ ...signed(body), 'svix-id': 'x'.repeat(10_000) }, body)],
    [400, 'an id of 64 kB', claim({ ...signed(body), 'svix-id': 'x'.repeat(65_536) }, body)],
    [401, 'an id that is not ASCII', claim({ ...signed(body), 'svix-id': 'm\u00fc' }, body)],
    [400, 'an id with a control character', claim({ ...signed(body), 'svix-id': 'a\x01b' }, body)],
    [401, 'two ids', claim({ ...signed(body), 'Svix-Id': 'msg_other' }, body)],
    [
      401,
      'ten thousand signatures',
      claim({ ...signed(body), 'svix-signature': 'v1,A '.repeat(2_500) }, body),
    ],
    [401, 'a timestamp that is none', claim({ ...signed(body), 'svix-timestamp': '1e9' }, body)],
  ]
  await besiege(t, service, async (siege) => {
    for (const [at, [status, name, bytes]] of cases.entries())
      t.equal(await statusFor(siege, bytes, at), status, name)
    let n = cases.length
    const fuzz = fc.asyncProperty(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.constantFrom('svix-id', 'svix-timestamp', 'svix-signature', 'content-type'),
      async (text, name) => {
        const value = Buffer.from(text)
          .toString('latin1')
          .replaceAll(/[\r\n]/g, '')
        const status = await statusFor(siege, claim({ ...signed(body), [name]: value }, body), n++)
        return [400, 401, 415].includes(status)
      },
    )
    do await fc.assert(fuzz, { numRuns: 30 })
    while (!siege.isOver())
  })
  const { events } = await history(folder)
  const odd = events.filter(({ type }) => type === 'x')
  t.equal(odd.length, 2, 'what verified is stored, and nothing else')
  t.equal(
    events.filter(({ problem }) => problem !== null).length,
    2,
    'but what is too deep or not UTF-8, in quarantine',
  )
  t.notOk('polluted' in {}, 'nothing leaks into objects')
})
