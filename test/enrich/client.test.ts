/** One try at a step: what is followed, cut off and refused. */
import { createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { compileSteps } from '../../src/core/enrichment/step.ts'
import { AnswerCache } from '../../src/enrich/answer-cache.ts'
import { openEnrichClient } from '../../src/enrich/client.ts'
import { createTurns } from '../../src/enrich/turns.ts'
import { noProxies } from '../../src/network/proxies.ts'
import { type JsonApi, startJsonApi } from '../support/json-api.ts'

/** Asks a step whose API is at `url`. */
function asking(t: Test, url: string, timeout = 30_000, clock = () => performance.now()) {
  const limits = { require: [], within: 60_000, timeout, allow_private: false }
  const compiled = compileSteps([{ name: 'analysis', get: `${url}/start`, headers: {}, ...limits }])
  const [step] = compiled.ok ? compiled.steps : []
  if (step === undefined) throw new Error('no step')
  const client = openEnrichClient([step], {
    proxies: noProxies,
    userAgent: 'hookbridge/test',
    now: Date.now,
    clock,
  })
  t.teardown(() => client.close())
  return async () => {
    const request = { url: `${url}/start`, headers: { Authorization: 'Bearer key' } }
    const tried = await client.ask(step, request, 60_000)
    return tried.kind === 'asked' ? tried.verdict : tried
  }
}

async function fromApi(t: Test, answer: JsonApi['answer'], timeout?: number) {
  const api = await startJsonApi(t, answer)
  return { api, ask: asking(t, api.url, timeout) }
}

const to = (location: string) => ({ status: 302, headers: { location } })

t.test('a redirect within the host is followed, with the same headers', async (t) => {
  const { api, ask } = await fromApi(t, ({ path }) =>
    path === '/start' ? to('/there') : { body: { score: 1 } },
  )
  t.match(await ask(), { kind: 'picked' })
  t.match(api.requests, [{ path: '/start' }, { path: '/there', headers: { authorization: 'Bearer key' } }])
})

t.test('one to another host is not, since headers hold secrets', async (t) => {
  const other = await startJsonApi(t, () => ({ body: {} }))
  for (const location of [`${other.url}/x`, 'https://example.com/x', '//example.com/x', 'http://[']) {
    const { ask } = await fromApi(t, () => to(location))
    t.match(await ask(), { kind: 'failed', reason: /^it redirects to .*, which is not followed$/ }, location)
  }
  t.equal(other.requests.length, 0)
})

t.test('a circle of redirects ends', async (t) => {
  const { api, ask } = await fromApi(t, () => to('/start'))
  t.match(await ask(), { reason: 'it redirects too often' })
  t.equal(api.requests.length, 4)
})

t.test('an answer over 256 kB is cut off, and one just below is read', async (t) => {
  const { ask: tooMuch } = await fromApi(t, () => ({ body: `"${'x'.repeat(256 * 1024)}"` }))
  t.match(await tooMuch(), { kind: 'failed', reason: /^the answer of .* has more than 256 kB$/ })
  const { ask: enough } = await fromApi(t, () => ({
    body: `{"a":"${'x'.repeat(15_000)}","b":${' '.repeat(200_000)}1}`,
  }))
  t.match(await enough(), { kind: 'picked' })
})

t.test('what is no JSON is not ready', async (t) => {
  for (const body of ['<html>', '', '{"a":', '\xff']) {
    const { ask } = await fromApi(t, () => ({ body }))
    t.notMatch(await ask(), { kind: 'picked' }, body)
  }
})

t.test('an answer that does not come, or not whole, is waited for as long as the step says', async (t) => {
  const { ask } = await fromApi(t, () => ({ after: new Promise(() => {}) }), 200)
  t.match(await ask(), { reason: /^no whole answer from 127\.0\.0\.1:\d+ within 0\.2 s$/ })
  const dribbling = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"score"'))
  })
  await new Promise<void>((resolve) => dribbling.listen(0, '127.0.0.1', resolve))
  t.teardown(() => dribbling.close())
  const address = dribbling.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  t.match(await asking(t, `http://127.0.0.1:${port}`, 200)(), { reason: /^no whole answer from / })
})

t.test('an answer that breaks off counts by its status, unless that is a success', async (t) => {
  const headers = { 'content-length': '1000', connection: 'close', 'retry-after': '30' }
  const answered = async (status: number, body: unknown = '{"error"') => {
    const { ask } = await fromApi(t, ({ path }) =>
      path === '/start' ? { status, headers, body } : { body: { score: 1 } },
    )
    return ask()
  }
  const soon = { kind: 'again', after: 30_000 }
  for (const status of [429, 500, 503])
    t.match(await answered(status), { ...soon, reason: `the answer was HTTP ${status}`, unavailable: true })
  t.match(await answered(404), { ...soon, reason: 'the answer was HTTP 404', unavailable: false })
  t.match(await answered(401), { kind: 'failed', status: 401 })
  t.match(await answered(410), { kind: 'failed', reason: 'the answer was HTTP 410' })
  t.match(await answered(200, '{"score":1}'), { kind: 'again', reason: /^no answer from /, after: null })

  Object.assign(headers, { location: '/there' })
  t.match(await answered(302), { kind: 'picked' }, 'a redirect is in its head')
  Object.assign(headers, { 'content-length': String(300 * 1024) })
  t.match(await answered(503, 'x'.repeat(300 * 1024)), soon, 'so does one that is too long')
})

t.test('its time is that of the whole answer: of each byte that drips, and of every redirect', async (t) => {
  const dripping = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n[')
      const drip = setInterval(() => socket.write(' '), 10)
      socket.once('close', () => clearInterval(drip))
    })
  })
  await new Promise<void>((resolve) => dripping.listen(0, '127.0.0.1', resolve))
  t.teardown(() => dripping.close())
  const address = dripping.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  t.match(await asking(t, `http://127.0.0.1:${port}`, 300)(), {
    reason: /^no whole answer from .* within 0\.3 s$/,
  })

  // The redirect takes all but 50 ms of the minute, by the client's clock.
  let now = 0
  const api = await startJsonApi(t, ({ path }) => {
    if (path !== '/start') return { after: new Promise(() => {}) }
    now = 59_950
    return to('/there')
  })
  const begun = performance.now()
  t.match(await asking(t, api.url, 60_000, () => now)(), { reason: /^no whole answer from .* within 60 s$/ })
  t.ok(performance.now() - begun < 30_000, 'the second request had no minute of its own')
})

t.test('what is compressed is not unpacked: nothing was asked for that is', async (t) => {
  const bomb = gzipSync(Buffer.alloc(50_000_000, 0x20))
  t.ok(bomb.length < 256 * 1024)
  const headers = { 'content-encoding': 'gzip' }
  const { ask, api } = await fromApi(t, () => ({ headers, body: bomb.toString('latin1') }))
  t.match(await ask(), { kind: 'again', reason: /no JSON/ })
  t.equal(api.requests[0]?.headers['accept-encoding'], undefined)
})

t.test('the cache forgets the oldest answer, and each when its time is over', async (t) => {
  const cache = new AnswerCache()
  const verdict = { kind: 'picked', value: {}, fields: [] } as const
  for (let i = 0; i <= 500; i++) cache.set(`key ${i}`, { ...verdict }, 1_000)
  t.equal(cache.get('key 0', 0), undefined)
  t.ok(cache.get('key 1', 999))
  t.equal(cache.get('key 1', 1_000), undefined)
})

const unavailable = { kind: 'again', reason: 'HTTP 503', after: null, unavailable: true } as const

t.test('requests take turns: one for a URL, eight for a host, first come first served', async (t) => {
  const turns = createTurns(() => 0)
  const went: string[] = []
  const ask = async (url: string, host = 'a') => {
    const turn = await turns.take(host, url, 60_000)
    went.push(turn.kind === 'turn' ? url : `${url} ${turn.afterMs}`)
  }
  const all = [...'112345678', '9'].map((url) => ask(url))
  await ask('other', 'b')
  t.same(went, [...'12345678', 'other'])
  t.equal(turns.end('a', '2'), null)
  await all[9]
  t.equal(went.at(-1), '9', 'what waits for its URL keeps no one else waiting')
  turns.end('a', '1')
  await all[1]
  t.equal(went.at(-1), '1')
  const line = Array.from({ length: 65 }, (_, i) => ask(`line ${i}`))
  await line[64]
  t.equal(went.at(-1), 'line 64 1000', 'more than 64 do not wait in memory')
  turns.close()
  await Promise.all(line)
  t.equal(went.filter((one) => /^line .* 0$/.test(one)).length, 64, 'a client that closes sends all away')
})

t.test('a host that fails sends all away that wait, and is asked once at a time afterwards', async (t) => {
  let now = 0
  const turns = createTurns(() => now)
  const fails = { verdict: unavailable, startedAt: 0, within: 30_000 }
  const urls = [...'12345678']
  for (const url of urls) await turns.take('a', url, 60_000)
  const waiting = turns.take('a', '9', 60_000)
  t.same(
    urls.map((url) => turns.end('a', url, fails)),
    [null, null, { failing: true, reason: 'HTTP 503' }, null, null, null, null, null],
  )
  // The first two that ended made room.
  t.match(await waiting, { kind: 'turn' })
  const paused = { kind: 'later', afterMs: 1_000, reason: 'no requests are sent to a for now: HTTP 503' }
  t.same(await turns.take('a', 'x', 60_000), paused)
  t.same(await turns.take('b', 'x', 60_000), { kind: 'turn' }, 'another host')
  turns.end('a', '9')
  now = 1_000
  t.match(await turns.take('a', 'x', 60_000), { kind: 'turn' })
  const second = turns.take('a', 'y', 60_000)
  const third = turns.take('a', 'z', 1)
  t.match(await third, { kind: 'later', afterMs: null }, 'its patience is over')
  t.same(
    turns.end('a', 'x', { ...fails, verdict: { kind: 'picked', value: {}, fields: [] }, startedAt: now }),
    {
      failing: false,
    },
  )
  t.match(await second, { kind: 'turn' })
})
