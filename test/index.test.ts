/** What the package offers to programs, without the package around it: see test/package for that. */
import { createHook } from 'node:async_hooks'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Secret } from '../src/core/secret.ts'
import { ConfigurationError, checkConfig, formatProblem, type Service, startService } from '../src/index.ts'
import { signEvent } from '../src/signing.ts'
import { createVerifier, readSignature } from '../src/sources/svix.ts'
import { edit } from './support/replace.ts'
import { environment, secret, temporaryFolder } from './support/service.ts'
import { until } from './support/until.ts'

const yaml = `
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
receivers: { here: { console: {} } }
routes: [{ receivers: [here] }]
`

function configIn(t: Test, port: number | string = 0): string {
  const config = join(temporaryFolder(t), 'config.yaml')
  writeFileSync(config, `server: { port: ${port} }${yaml}`)
  return config
}

async function start(t: Test, config: string) {
  const log: string[] = []
  const printed: string[] = []
  const service: Service = await startService({
    config,
    env: environment,
    log: { write: (line) => log.push(line) },
    print: (text) => printed.push(text),
  })
  t.teardown(() => service.stop())
  return { service, log, printed }
}

t.test('a program starts the service, sends it an event, reloads and stops it', async (t) => {
  const config = configIn(t)
  const { service, log, printed } = await start(t, config)
  const body = JSON.stringify({ event: 'analysis.completed', data: { id: 'é' } })
  const headers = { ...signEvent({ secret, body, id: 'msg_1' }) }
  const send = () => fetch(`${service.url}/webhooks/cuuro`, { method: 'POST', headers, body })
  t.equal((await send()).status, 202)
  t.equal((await send()).status, 200, 'the same id is the same event')
  await until(() => printed.length === 1, 'the message')
  t.match(printed[0], /analysis\.completed é → here \(evt_\w+\)$/)

  edit(config, 'here]', 'hree]')
  t.match(await service.reload(), {
    ok: false,
    code: 'reload_failed',
    problems: [/unknown receiver "hree" \(did you mean "here"\?\)/],
  })
  edit(config, 'hree]', 'here]')
  t.same(await service.reload(), { ok: true, changed: [], pending: [], warnings: [] })

  await Promise.all([service.stop(), service.stop()])
  await t.rejects(send(), 'nothing listens')
  const entries = log.map((line) => JSON.parse(line))
  t.ok(log.every((line) => line.endsWith('\n')))
  t.ok(entries.some(({ trigger }) => trigger === 'program'))
  t.notMatch(log.join(''), secret)
})

/** Counts the timers set from now on that are neither over nor cleared, those too that keep no process alive. */
function watchTimers() {
  const waiting = new Set<number>()
  let later = false
  const hook = createHook({
    init(id, type) {
      if (type === 'Timeout' && !later) waiting.add(id)
    },
    destroy(id) {
      waiting.delete(id)
    },
  }).enable()
  t.teardown(() => hook.disable())
  return {
    waiting: () => waiting.size,
    ignoreLater() {
      later = true
    },
  }
}

t.test('a failure to start is an error that names the cause, and leaves nothing behind', async (t) => {
  const wrong = configIn(t, 'eighty')
  const error: unknown = await start(t, wrong).catch((error: unknown) => error)
  if (!(error instanceof ConfigurationError)) return t.fail(String(error))
  t.equal(error.problems[0]?.line, 1)
  t.equal(error.message, error.problems.map(formatProblem).join('\n'))

  const other = createServer().listen(0, '127.0.0.1')
  t.teardown(() => other.close())
  await until(() => other.listening, 'another program to listen')
  const { port } = other.address() as AddressInfo
  const config = configIn(t, port)
  const log: string[] = []
  const failing = { config, env: environment, log: { write: (line: string) => log.push(line) } }
  const timers = watchTimers()
  await t.rejects(startService(failing), { code: 'EADDRINUSE' })
  timers.ignoreLater()
  await until(() => timers.waiting() === 0, 'every timer that the start has set to be cleared')
  t.same(log, [])
  edit(config, `port: ${port}`, 'port: 0')
  await start(t, config)
  await t.rejects(start(t, config), { name: 'StoreRefused', reason: 'in_use' })
})

t.test('checkConfig says what the command says', async (t) => {
  const config = configIn(t)
  t.same(await checkConfig(config, environment), [])
  writeFileSync(config, `${yaml}tests: [{ event: { event: a.b }, expect: { receivers: [] } }]\n`)
  t.match(await checkConfig(config, environment), [{ severity: 'error', code: 'failed_test', line: 5 }])
  t.match(await checkConfig(join(config, 'nowhere'), environment), [{ code: 'unreadable_file' }])
})

t.test('signEvent signs what a source takes', async (t) => {
  const verifier = createVerifier([new Secret(secret)])
  const body = '{"event":"ü"}'
  const verify = (headers: object) =>
    verifier.verify(readSignature({ ...headers }, Date.now()), Buffer.from(body))
  t.match(verify(signEvent({ secret, body, id: 'msg_7' })), {
    ok: true,
    messageId: 'msg_7',
  })
  const [one, other] = [signEvent({ secret, body }), signEvent({ secret, body })]
  t.not(one['svix-id'], other['svix-id'])
  const old = signEvent({ secret, body, at: new Date(Date.now() - 600_000) })
  t.match(verify(old), { ok: false, reason: 'timestamp_out_of_range' })
  t.throws(() => signEvent({ secret: 'not-a-secret', body }), /is not a signing secret: copy it exactly/)
})
