/** What connections may cost: how many there are, how long they last, and clients that break off. Over real sockets. */
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { affordableConnections } from '../../src/http/limits/connections.ts'
import { until } from '../support/until.ts'
import { type FakeServer, fakeServer } from './fake-server.ts'

const head = 'POST /webhooks/cuuro HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n'
const unsigned = `${head}content-length: 2\r\n\r\n{}`
const partial = `${head}content-length: 100\r\n\r\n{`

interface Client {
  readonly socket: Socket
  /** Everything received so far. */
  text(): string
  isClosed(): boolean
}

async function open(t: Test, { server }: FakeServer): Promise<() => Promise<Client>> {
  const { port } = new URL(await server.listen({ host: '127.0.0.1', port: 0 }))
  return async () => {
    const socket = connect(Number(port), '127.0.0.1')
    t.teardown(() => socket.destroy())
    let text = ''
    let closed = false
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      closed = true
    })
    await new Promise<void>((resolve) => socket.once('connect', resolve))
    return { socket, text: () => text, isClosed: () => closed }
  }
}

/** From now on a request, or what is to become one, may have been on its way for so long. */
function allow({ server: { server } }: FakeServer, ms: number): void {
  server.headersTimeout = ms
  server.requestTimeout = ms
}

t.test('as many connections as the process may open files for', async (t) => {
  t.equal(affordableConnections(4_096, 524_288), 4_096)
  t.equal(affordableConnections(4_096, 1_024), 864)
  t.equal(affordableConnections(4_096, 200), 50)
  t.equal(affordableConnections(4_096, 1), 1)
  t.ok(affordableConnections(4_096) > 0)
})

t.test('a proxy keeps its connections for as long as it likes to', async (t) => {
  for (const [isProxy, expected] of [
    [() => true, 620_000],
    [() => false, 6_000],
  ] as const) {
    const server = fakeServer(t, { deps: { isProxy } })
    const connected = await open(t, server)
    const sockets: Socket[] = []
    server.server.server.on('connection', (socket) => sockets.push(socket))
    const client = await connected()
    for (const requests of [1, 2]) {
      client.socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
      await until(() => client.text().split('"ok"').length > requests, 'the answer')
      await until(() => sockets[0]?.timeout === expected, `a timeout of ${expected} ms`)
      t.equal(sockets.length, 1, `${expected} ms for the next request on the same connection`)
    }
  }
})

t.test('a client that asks on without reading the answers is cut off', async (t) => {
  const server = fakeServer(t)
  const connected = await open(t, server)
  let asked = 0
  server.server.server.on('request', () => {
    asked += 1
  })
  const patient = await connected()
  patient.socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(10))
  await until(() => patient.text().split('"ok"').length > 10, 'ten answers')
  t.notOk(patient.isClosed())
  for (const path of ['/livez', '/nowhere', '/%zz']) {
    asked = 0
    const client = await connected()
    client.socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`.repeat(500))
    await until(client.isClosed, `the end of the connection that asks for ${path}`)
    t.ok(asked > 20, 'Node has read more requests than are answered')
    t.ok(client.text().split('HTTP/1.1 ').length <= 20)
  }
})

t.test('connections beyond the limit are closed; idle ones make room in time', async (t) => {
  const server = fakeServer(t, { limits: { maxConnections: 2, requestTimeout: 70_000 } })
  t.match(server.server.server, { headersTimeout: 70_000, requestTimeout: 70_000 })
  const connected = await open(t, server)
  const idle = await connected()
  const halfHead = await connected()
  halfHead.socket.write(head)
  const third = await connected()
  await until(third.isClosed, 'the third to be closed')
  t.equal(third.text(), '')
  t.match(server.rejected, [{ code: 'overloaded', address: '127.0.0.1' }])
  t.same(server.counted, ['overloaded'])
  t.notOk(idle.isClosed() || halfHead.isClosed())
  allow(server, 1)
  await until(() => idle.isClosed() && halfHead.isClosed(), 'the timeout to end the others')
  t.match(idle.text(), /^HTTP\/1\.1 408 [\s\S]*"request_timeout"/)
  t.match(halfHead.text(), /^HTTP\/1\.1 408 [\s\S]*"request_timeout"/)
  allow(server, 70_000)
  const next = await connected()
  next.socket.write(unsigned)
  await until(() => next.text().includes('401'), 'the next to be served')
})

t.test('a body that does not arrive in time is one refusal, and holds its place no longer', async (t) => {
  const server = fakeServer(t, { maxPending: 1 })
  const connected = await open(t, server)
  const slow = await connected()
  slow.socket.write(partial)
  await until(() => server.inFlight.count === 1, 'the request to be in flight')
  t.equal((await server.send()).error, 'overloaded')
  allow(server, 1)
  await until(slow.isClosed, 'the timeout')
  // The client may see its end before the server has.
  await until(() => server.inFlight.count === 0, 'the place to be free')
  t.match(slow.text(), /^HTTP\/1\.1 408 [\s\S]*"request_timeout"/)
  t.same(
    server.rejected.map(({ code }) => code),
    ['overloaded', 'request_timeout'],
  )
  t.equal(server.rejected[1]?.source, 'cuuro')
  t.same(server.counted, ['overloaded', 'request_timeout'])
  t.equal((await server.send()).status, 202)
})

t.test('a client that disconnects before its body is complete is observed, and not answered', async (t) => {
  const server = fakeServer(t)
  const client = await (await open(t, server))()
  client.socket.write(partial, () => client.socket.resetAndDestroy())
  await until(() => server.rejected.length > 0, 'the refusal')
  t.match(server.rejected, [{ source: 'cuuro', code: 'request_timeout' }])
  t.same(server.counted, [])
  t.equal(server.inFlight.count, 0)
})

t.test('answers that are not read are not in flight', async (t) => {
  const server = fakeServer(t, { maxPending: 10, deps: { failureLimit: () => null } })
  const client = await (await open(t, server))()
  client.socket.pause()
  // As many as may wait for the answers before them.
  client.socket.write(unsigned.repeat(12))
  await until(() => server.received.length >= 10, 'the requests to be handled')
  await until(async () => (await server.send()).status === 202, 'an event to be taken')
  t.notOk(client.isClosed(), 'while the answers are still unread')
  await until(() => server.inFlight.count === 0, 'nothing to be in flight')
})

t.test(
  'a request that came in time is answered by a server that closes, however late it gets to it',
  async (t) => {
    const server = fakeServer(t)
    const client = await (await open(t, server))()
    const closed = server.server.close()
    await until(() => !server.server.server.listening, 'the server to wait for what is on its way')
    client.socket.write(unsigned)
    const end = performance.now() + 500
    while (performance.now() < end);
    await closed
    t.match(client.text(), /^HTTP\/1\.1 401 /)
  },
)

t.test('what is not HTTP is answered 400, and the connection ends', async (t) => {
  const server = fakeServer(t)
  const client = await (await open(t, server))()
  client.socket.write('this is not HTTP\r\n\r\n')
  await until(client.isClosed, 'the end')
  t.match(client.text(), /^HTTP\/1\.1 400 [\s\S]*"bad_request"/)
})

t.test('a client that asks for /metrics again and again, and reads nothing, is cut off', async (t) => {
  const text = async () => 'x'.repeat(100_000)
  const server = fakeServer(t, { deps: { metrics: { contentType: 'text/plain', text } } })
  let closed = 0
  server.server.server.on('connection', (socket) => socket.on('close', () => closed++))
  const client = await (await open(t, server))()
  client.socket.pause()
  client.socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(500))
  await until(() => closed === 1, 'the connection to be closed')
})
