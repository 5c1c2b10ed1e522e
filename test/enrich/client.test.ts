/** One try at a step: what is followed, cut off and refused. */
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { compileSteps } from '../../src/core/enrichment/step.ts'
import { AnswerCache } from '../../src/enrich/answer-cache.ts'
import { openEnrichClient } from '../../src/enrich/client.ts'
import { noProxies } from '../../src/network/proxies.ts'
import { type JsonApi, startJsonApi } from '../support/json-api.ts'

/** Asks a step whose API is at `url`. */
function asking(t: Test, url: string, timeout = 30_000) {
  const limits = { require: [], within: 60_000, timeout, allow_private: false }
  const compiled = compileSteps([{ name: 'analysis', get: `${url}/start`, headers: {}, ...limits }])
  const [step] = compiled.ok ? compiled.steps : []
  if (step === undefined) throw new Error('no step')
  const client = openEnrichClient([step], { proxies: noProxies, userAgent: 'hookbridge/test', now: Date.now })
  t.teardown(() => client.close())
  return async () => {
    const { verdict } = await client.ask(step, {
      url: `${url}/start`,
      headers: { Authorization: 'Bearer key' },
    })
    return verdict
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
    t.match(await ask(), { kind: 'failed', reason: /^it redirects to .*, and is not followed$/ }, location)
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

t.test('the cache forgets the oldest answer, and each when its time is over', async (t) => {
  const cache = new AnswerCache()
  const verdict = { kind: 'picked', value: {}, fields: [] } as const
  for (let i = 0; i <= 500; i++) cache.set(`key ${i}`, { ...verdict }, 1_000)
  t.equal(cache.get('key 0', 0), undefined)
  t.ok(cache.get('key 1', 999))
  t.equal(cache.get('key 1', 1_000), undefined)
})
