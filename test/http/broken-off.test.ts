/** Requests whose client breaks off: before the body is whole, or before it has read the answers. */
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { startTestApp, type TestApp } from '../support/app.ts'
import { scrape } from '../support/metrics.ts'
import { newEvent, post } from '../support/service.ts'
import { until } from '../support/until.ts'

const yaml = `
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
receivers: { log: { console: {} } }
channels: { console: {} }
routes: [{ receivers: [log] }]
`
const head = 'POST /webhooks/cuuro HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n'
const unsigned = `${head}content-length: 2\r\n\r\n{}`
const partial = `${head}content-length: 100\r\n\r\n{`

async function open(t: Test, app: TestApp): Promise<Socket> {
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  return socket
}

const rejectedOf = async (app: TestApp) => (await scrape(app.url)).value('hookbridge_requests_rejected_total')
const toldOf = (app: TestApp) =>
  app.log.filter(({ msg }) => msg === 'request rejected').map(({ code }) => code)

t.test('answers that nobody reads keep no place', async (t) => {
  const app = await startTestApp(t, yaml, { server: 'max_pending: 10, unverified: false' })
  const socket = await open(t, app)
  socket.pause()
  // More than the kernel holds for one who does not read: the answers behind it wait.
  socket.write(('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(50) + unsigned).repeat(500))
  await until(() => toldOf(app).length >= 10, 'the requests to be handled')
  await until(async () => (await post(app.url, newEvent())).status === 202, 'an event to be taken')
  t.notOk(socket.destroyed, 'while the answers are still unread')
  const pending = async () => (await scrape(app.url)).value('hookbridge_http_requests_in_flight')
  await until(async () => (await pending()) === 0, 'no place to be taken')
})

t.test('a body that does not come in time is one rejection', async (t) => {
  const app = await startTestApp(t, yaml, { server: 'request_timeout: 1s' })
  const socket = await open(t, app)
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  socket.write(partial)
  await until(() => toldOf(app).length > 0, 'the rejection')
  t.match(answer, /^HTTP\/1\.1 408 /)
  t.same(toldOf(app), ['request_timeout'])
  t.equal(await rejectedOf(app), 1)
})

t.test('a client that goes before its body is whole is told, and was not answered', async (t) => {
  const app = await startTestApp(t, yaml)
  const socket = await open(t, app)
  socket.write(partial, () => socket.resetAndDestroy())
  await until(() => toldOf(app).length > 0, 'the rejection')
  t.same(toldOf(app), ['request_timeout'])
  t.equal(await rejectedOf(app), 0)
  t.equal((await scrape(app.url)).value('hookbridge_http_requests_in_flight'), 0)
})

t.test('a body that gave up its place costs its address something', async (t) => {
  const app = await startTestApp(t, yaml, {
    server: 'max_pending: 1, trust_proxy: false, unverified: { rate: 1/h, burst: 1 }',
  })
  const event = newEvent()
  t.equal((await post(app.url, event)).status, 202, 'the sender is known')
  const socket = await open(t, app)
  socket.write(partial)
  const pending = async () => (await scrape(app.url)).value('hookbridge_http_requests_in_flight')
  await until(async () => (await pending()) === 1, 'the place to be taken')
  t.equal((await post(app.url, event)).status, 200, 'strangers make room')
  await until(() => socket.destroyed, 'the end of the connection')
  t.equal((await fetch(`${app.url}/nothing`)).status, 429)
})
