/** A socket that outlives the service: this test holds it, as systemd does, and never accepts from it. */
import { open } from 'node:fs/promises'
import { request } from 'node:http'
import { BoundSocket, connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { inheritSocket } from '../../../src/app/systemd/socket.ts'
import {
  environment,
  history,
  newEvent,
  signedHeaders,
  startService,
  temporaryFolder,
  writeConfig,
} from '../../support/service.ts'
import { startSinks } from '../../support/sinks.ts'
import { watchStalls } from '../../support/stalls.ts'
import { until } from '../../support/until.ts'

// More than Node's own backlog of 511.
const WAITING = 600
const LONG_STALL_MS = 50

function openSocket(t: Test) {
  const socket = new BoundSocket({ host: '127.0.0.1' })
  t.teardown(() => socket.close())
  return { fd: socket.fd(), port: socket.address().port }
}

/** Resolves with the status, or the code of the error, of a signed event sent over a connection of its own. */
function send(port: number): Promise<number | string> {
  const event = newEvent()
  return new Promise((resolve) => {
    const headers = signedHeaders(event.messageId, event.body)
    const options = {
      port,
      host: '127.0.0.1',
      path: '/webhooks/cuuro',
      method: 'POST',
      agent: false,
      headers,
    }
    const sent = request(options, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode ?? 0))
    })
    sent.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    sent.end(event.body)
  })
}

/**
 * Sends without a pause, several at once. A service that stops waits for a tenth of a second for the request of a connection: what this
 * process did not send within that, because it could not run, is no result.
 */
function startSending(port: number) {
  const results: (number | string)[] = []
  const stalls = watchStalls()
  let stopped = false
  const sender = async () => {
    while (!stopped) {
      const stalled = stalls.total()
      const result = await send(port)
      if (result === 202 || stalls.total() - stalled < LONG_STALL_MS) results.push(result)
    }
  }
  const senders = Array.from({ length: 4 }, sender)
  return {
    results,
    async stop() {
      stopped = true
      await Promise.all(senders)
      stalls.stop()
    },
  }
}

t.test('no connection is refused while the service restarts', async (t) => {
  const folder = temporaryFolder(t)
  const sinks = await startSinks(t)
  const config = writeConfig({ folder, slackUrl: sinks.slack.url, smtpUrl: sinks.mail.url })
  const { fd, port } = openSocket(t)
  const start = () => startService(config, environment, { socket: fd })
  let service = await start()
  t.teardown(() => service.end('SIGKILL'))
  t.equal(service.url, `http://127.0.0.1:${port}`, 'it says where it really listens')
  t.match(service.output(), /server\.host and server\.port are not used/)

  const sending = startSending(port)
  const more = async () => {
    const count = sending.results.length
    await until(() => sending.results.length >= count + 20, 'answers')
  }
  for (let restart = 1; restart <= 3; restart += 1) {
    await more()
    t.strictSame(await service.end('SIGTERM'), { code: 0, signal: null })
    const waits = send(port)
    service = await start()
    t.equal(await waits, 202, 'what came while nobody ran waited')
  }
  await more()
  t.strictSame(new Set(sending.results), new Set([202]), 'every event was taken, at the first try')

  await service.end('SIGKILL')
  service = await start()
  await more()
  await sending.stop()
  const reset = sending.results.filter((result) => result !== 202)
  t.ok(
    reset.length <= 4 && reset.every((code) => code === 'ECONNRESET' || code === 'EPIPE'),
    `kill -9 ends what it is in the middle of, and refuses nothing: ${reset}`,
  )
  const taken = sending.results.length - reset.length + 3
  t.ok((await history(folder)).events.length >= taken, 'all that was acknowledged is stored')
  await service.end('SIGTERM')
})

t.test('the queue of the socket stays as long as it was', async (t) => {
  const folder = temporaryFolder(t)
  const config = writeConfig({ folder, slackUrl: 'http://127.0.0.1:1/', smtpUrl: 'smtp://127.0.0.1:1' })
  const { fd, port } = openSocket(t)
  const service = await startService(config, environment, { socket: fd })
  await service.end('SIGTERM')
  let connected = 0
  for (let count = 0; count < WAITING; count += 1) {
    const socket = connect(port, '127.0.0.1', () => {
      connected += 1
    })
    t.teardown(() => socket.destroy())
  }
  await until(() => connected === WAITING, 'all to connect while nobody accepts')
  t.pass(`${connected} wait`)
})

t.test('two sockets are a mistake that is reported', async (t) => {
  const folder = temporaryFolder(t)
  const config = writeConfig({ folder, slackUrl: 'http://127.0.0.1:1/', smtpUrl: 'smtp://127.0.0.1:1' })
  const { fd } = openSocket(t)
  await t.rejects(startService(config, { ...environment, LISTEN_FDS: '2' }, { socket: fd }), {
    message: /ended with 1:.*hookbridge: 2 sockets were passed \(LISTEN_FDS\).*one ListenStream/s,
  })
})

t.test('what is no TCP socket is a mistake that is reported', async (t) => {
  const folder = temporaryFolder(t)
  const config = writeConfig({ folder, slackUrl: 'http://127.0.0.1:1/', smtpUrl: 'smtp://127.0.0.1:1' })
  // The types do not know of it yet.
  const path: object = { path: join(folder, 'socket') }
  const unix = new BoundSocket(path)
  t.teardown(() => unix.close())
  const file = await open(config)
  t.teardown(() => file.close())
  for (const fd of [unix.fd(), file.fd]) {
    await t.rejects(startService(config, environment, { socket: fd }), {
      message: /ended with 1:.*hookbridge: the socket that was passed as LISTEN_FDS is not a TCP socket/s,
    })
  }
})

t.test('whose the socket is', async (t) => {
  const env = { LISTEN_PID: '7', LISTEN_FDS: '1', LISTEN_FDNAMES: 'web', OTHER: 'stays' }
  const other = { ...env }
  t.strictSame(inheritSocket(other, 8), { ok: true, fd: undefined }, 'not ours')
  t.strictSame(other, env)
  t.strictSame(inheritSocket(env, 7), { ok: true, fd: 3 })
  t.strictSame(env, { OTHER: 'stays' }, 'and nobody takes it for theirs after us')
  t.strictSame(inheritSocket({ LISTEN_PID: '7', LISTEN_FDS: '0' }, 7), { ok: true, fd: undefined })
  t.strictSame(inheritSocket({}, 7), { ok: true, fd: undefined })
})
