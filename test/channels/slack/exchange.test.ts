/** What counts as an answer where a connection ends before its time. */
import { createServer } from 'node:net'
import t from 'tap'
import { Agent, Dispatcher } from 'undici'
import { exchange, NotSent, type Request } from '../../../src/channels/slack/sending/exchange.ts'
import { IN_TIME_MS } from '../../support/channel-environment.ts'

const sent: Request = {
  url: new URL('http://127.0.0.1:1/api/chat.postMessage'),
  method: 'POST',
  headers: {},
  body: '{}',
}

/** Its answers begin like this, and never end; `status` null: they do not begin. */
class Stalling extends Dispatcher {
  readonly #status: number | null

  constructor(status: number | null) {
    super()
    this.#status = status
  }

  override dispatch(_options: unknown, handler: Dispatcher.DispatchHandler): boolean {
    const controller: Dispatcher.DispatchController = {
      aborted: false,
      paused: false,
      reason: null,
      rawHeaders: [],
      rawTrailers: [],
      pause() {},
      resume() {},
      abort: (reason) => handler.onResponseError?.(controller, reason),
    }
    handler.onRequestStart?.(controller, {})
    if (this.#status === null) return true
    handler.onResponseStart?.(controller, this.#status, { 'retry-after': '30' })
    handler.onResponseData?.(controller, Buffer.from('{'))
    return true
  }
}

t.test('an answer whose body is too slow', async (t) => {
  for (const status of [302, 404, 429, 500, 503]) {
    t.strictSame(
      await exchange(new Stalling(status), sent, 1),
      { status, headers: { 'retry-after': '30' }, text: '{', isWhole: false },
      'its status is the answer',
    )
  }
  for (const status of [200, 204, 103, null])
    await t.rejects(exchange(new Stalling(status), sent, 1), { name: 'TimeoutError' }, `${status}`)
})

t.test('an answer that breaks off', async (t) => {
  let answer = ''
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(answer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const agent = new Agent({ maxResponseSize: 100 })
  t.teardown(async () => {
    await agent.close()
    await new Promise((resolve) => server.close(resolve))
  })
  const answered = (text: string) => {
    answer = text
    return exchange(agent, { ...sent, url: new URL(`http://127.0.0.1:${port}/`) }, IN_TIME_MS)
  }
  const limited = 'HTTP/1.1 429 Too Many Requests\r\nretry-after: 30\r\n'
  const chunked = 'transfer-encoding: chunked\r\n\r\n'
  const hints = 'HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n'
  for (const [what, text, received] of [
    ['before its body', `${limited}content-length: 20\r\n\r\n`, ''],
    ['in its body', `${limited}content-length: 20\r\n\r\n{"ok"`, '{"ok"'],
    ['before its last chunk', `${limited}${chunked}4\r\nabcd\r\n`, 'abcd'],
    ['with a chunk that is none', `${limited}${chunked}4\r\nabcd\r\nxx`, 'abcd'],
    ['beyond what is read', `${limited}content-length: 200\r\n\r\n${'a'.repeat(200)}`, ''],
    ['after another', `${hints}${limited}content-length: 20\r\n\r\n`, ''],
  ] as const) {
    t.match(
      await answered(text),
      { status: 429, headers: { 'retry-after': '30' }, text: received, isWhole: false },
      what,
    )
  }
  t.match(await answered(`${limited}content-length: 2\r\n\r\n{}`), { status: 429, text: '{}', isWhole: true })
  for (const [what, text] of [
    ['before its head', ''],
    ['in its head', 'HTTP/1.1 429 Too Many Requests\r\nretry-after: 3'],
    ['after another', hints],
    ['in the body of a success', 'HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{"ok":true'],
  ] as const) {
    const error: unknown = await answered(text).catch((error: unknown) => error)
    t.ok(error instanceof Error && !(error instanceof NotSent), what)
  }
})
