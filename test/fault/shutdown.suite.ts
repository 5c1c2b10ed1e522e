import { Agent, request } from 'node:http'
import t from 'tap'
import {
  history,
  newEvent,
  post,
  signedHeaders,
  startService,
  temporaryFolder,
  writeConfig,
} from '../support/service.ts'
import { startSinks } from '../support/sinks.ts'
import { until } from '../support/until.ts'

/** A service that misses its own deadline, of nine seconds, ends with another code than 0; a machine that stalls adds to what is measured from here. */
const STOPS_WITHIN_MS = 60_000

/** It was being claimed when the stop began. */
const NOT_SENT = /^retrying: the service was stopping when it claimed this delivery; nothing was sent$/

t.test('SIGTERM with keep-alive clients, a request on its way and an attempt in flight', async (t) => {
  const folder = temporaryFolder(t)
  const sinks = await startSinks(t, 300)
  const service = await startService(
    writeConfig({ folder, slackUrl: sinks.slack.url, smtpUrl: sinks.mail.url }),
  )
  t.teardown(() => service.end('SIGKILL'))

  const agent = new Agent({ keepAlive: true, maxSockets: 5 })
  t.teardown(() => agent.destroy())
  await Promise.all(Array.from({ length: 5 }, () => postWith(agent, service.url)))
  t.equal(Object.values(agent.freeSockets).flat().length, 5, 'five idle keep-alive connections are open')

  await post(service.url, newEvent())
  await until(() => sinks.slack.calls > 0, 'an attempt to be in flight')
  const slow = slowRequest(service.url)
  await slow.begun
  const begun = Date.now()
  const ended = service.end('SIGTERM')
  await until(() => service.output().includes('"stopping"'), 'the stop to begin')
  slow.finish()
  t.equal(await slow.status, 202, 'the request that was on its way is answered')
  t.strictSame(await ended, { code: 0, signal: null })
  t.ok(Date.now() - begun < STOPS_WITHIN_MS, `${Date.now() - begun} ms`)

  const { events, deliveries } = await history(folder)
  t.equal(events.length, 7)
  t.ok(
    deliveries.every(
      ({ state, reason }) =>
        state === 'delivered' || state === 'pending' || NOT_SENT.test(`${state}: ${reason}`),
    ),
    `what was in flight is finished and recorded; the rest is due: ${JSON.stringify(deliveries)}`,
  )
  t.ok(deliveries.some(({ state }) => state === 'delivered'))
})

t.test('an attempt that does not end is recorded as ambiguous', async (t) => {
  const folder = temporaryFolder(t)
  const sinks = await startSinks(t)
  sinks.slack.behave = () => 'hang'
  const service = await startService(
    writeConfig({ folder, slackUrl: sinks.slack.url, smtpUrl: sinks.mail.url }),
  )
  t.teardown(() => service.end('SIGKILL'))
  await post(service.url, newEvent())
  await until(() => sinks.slack.calls > 0 && sinks.mail.messages.length > 0, 'the attempts')
  const begun = Date.now()
  t.equal((await service.end('SIGTERM')).code, 0)
  t.ok(Date.now() - begun < STOPS_WITHIN_MS, `${Date.now() - begun} ms`)
  const { deliveries } = await history(folder)
  const slack = deliveries.find(({ destination }) => destination.channel === 'slack')
  t.match(slack, { state: 'ambiguous', history: [{ outcome: { kind: 'ambiguous' } }] })
})

t.test('a second service on the same store is refused', async (t) => {
  const folder = temporaryFolder(t)
  const sinks = await startSinks(t)
  const config = writeConfig({ folder, slackUrl: sinks.slack.url, smtpUrl: sinks.mail.url })
  const first = await startService(config)
  t.teardown(() => first.end('SIGKILL'))
  await t.rejects(
    startService(config),
    { message: new RegExp(`^[^]*process ${first.pid}[^]*store\\.db; stop it`) },
    'and says which process has it',
  )
  t.equal((await post(first.url, newEvent())).status, 202, 'the first goes on')
  await first.end('SIGKILL')
  const third = await startService(config)
  t.equal((await third.end('SIGTERM')).code, 0, 'a killed service leaves no lock behind')
})

function postWith(agent: Agent, url: string): Promise<number> {
  const event = newEvent()
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/webhooks/cuuro`, {
      method: 'POST',
      agent,
      headers: signedHeaders(event.messageId, event.body),
    })
    sent.once('error', reject)
    sent.once('response', (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode ?? 0))
    })
    sent.end(event.body)
  })
}

/** A request that the server has begun to read, and whose body stops half-way until `finish`. */
function slowRequest(url: string) {
  const event = newEvent()
  const headers = {
    ...signedHeaders(event.messageId, event.body),
    'content-length': String(event.body.length),
    // The server answers that it waits for the body: then it knows of the request.
    expect: '100-continue',
  }
  const sent = request(`${url}/webhooks/cuuro`, { method: 'POST', headers })
  const status = new Promise<number>((resolve, reject) => {
    sent.once('response', (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    sent.once('error', reject)
  })
  const begun = new Promise<void>((resolve) =>
    sent.once('continue', () => sent.write(event.body.slice(0, 20), () => resolve())),
  )
  sent.flushHeaders()
  return { begun, status, finish: () => sent.end(event.body.slice(20)) }
}
