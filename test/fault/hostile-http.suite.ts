/** Whatever bytes come, a real process answers with 4xx or not at all, and goes on. */
import fc from 'fast-check'
import t from 'tap'
import { statuses as known } from '../../src/http/errors.ts'
import { anyText } from '../support/any-text.ts'
import { classics, message } from '../support/malformed.ts'
import '../support/property-seed.ts'
import { history, newEvent, secret, signedHeaders, temporaryFolder } from '../support/service.ts'
import {
  attackerAddress,
  besiege,
  besiegedConfig,
  exchange,
  type Siege,
  startBesieged,
  timeout,
} from '../support/siege.ts'

const LIMIT = 4_096
// Of the service, and of Node for what never becomes a request.
const allowed = [...Object.values(known), 100, 200, 202, 431].filter((status) => status < 500)

// Milliseconds for an answer that must come.
const PATIENCE = 60_000
// On a machine that stalls, a request takes a while to be sent: none of these is refused for that.
const config = besiegedConfig(
  ', body_limit: 4kb, request_timeout: 60s, admin_token: only-tests-know-this-token',
)

function check(answer: string): void {
  for (const [, status] of answer.matchAll(/HTTP\/1\.1 (\d{3}) /g))
    if (!allowed.includes(Number(status))) throw new Error(`answered ${status}: ${answer.slice(0, 300)}`)
}

t.test('malformed HTTP', { timeout }, async (t) => {
  const service = await startBesieged(t, config)
  let n = 0
  const { statuses } = await besiege(t, service, async (siege) => {
    const shots = (bytes: string | Buffer, patience?: number) =>
      exchange(siege, bytes, attackerAddress(n++), patience)
    const property = fc.asyncProperty(
      fc.array(message, { minLength: 20, maxLength: 20 }),
      async (messages) => {
        for (const answer of await Promise.all(messages.map((text) => shots(Buffer.from(text, 'latin1')))))
          check(answer)
      },
    )
    // Some of what is counted below only these are answered with: in each round, as a machine that stalls may miss them once.
    do {
      for (const answer of await Promise.all(classics.map((bytes) => shots(bytes, 1_500)))) check(answer)
      await fc.assert(property, { numRuns: 5, endOnFailure: true })
    } while (!siege.isOver())
  })
  t.ok((statuses.get(400) ?? 0) > 10, 'most was no HTTP')
  t.ok((statuses.get(404) ?? 0) > 0)
  t.ok((statuses.get(431) ?? 0) + (statuses.get(413) ?? 0) > 0)
})

t.test('smuggling: what follows an ambiguous request is not another one', { timeout }, async (t) => {
  const service = await startBesieged(t, config)
  await besiege(t, service, async (siege) => {
    for (const [at, bytes] of classics.slice(0, 7).entries()) {
      const answer = await exchange(siege, bytes, attackerAddress(at), PATIENCE)
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

const routed = /^\/(?:livez|readyz|metrics|-\/reload|webhooks\/(?:cuuro|nobody))$/

t.test('every method on every path', { timeout }, async (t) => {
  const service = await startBesieged(t, config)
  let n = 0
  await besiege(t, service, async (siege) => {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'PATCH', 'PROPFIND', 'POST']) {
      for (const path of paths) {
        const bytes = `${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\nx-secret: echo me not\r\n\r\n`
        const answer = await exchange(siege, bytes, attackerAddress(n++), PATIENCE)
        const expected = fine[method]?.includes(path)
          ? 200
          : method === 'POST' && (path === '/-/reload' || path === '/webhooks/cuuro')
            ? 401
            : routed.test(path) && !(method === 'POST' && path === '/webhooks/nobody')
              ? 405
              : 404
        t.match(answer, new RegExp(`^HTTP/1\\.1 ${expected} `), `${method} ${path}`)
        t.equal(/^allow: /im.test(answer), expected === 405)
        t.notMatch(answer, /echo me not|access-control/i, 'nothing is echoed or opened')
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
  const answer = await exchange(siege, bytes, attackerAddress(n), PATIENCE)
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
    [415, 'compressed, it says', claim({ ...signed('{}'), 'content-encoding': 'gzip' }, body)],
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
      anyText({ maxLength: 60 }),
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
