import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startTestApp } from '../../support/app.ts'
import { hookbridge } from '../../support/hookbridge.ts'
import { startJsonApi } from '../../support/json-api.ts'
import { edit, replaceFile } from '../../support/replace.ts'
import { environment, startService, temporaryFolder } from '../../support/service.ts'
import { until } from '../../support/until.ts'

const ADMIN = 'only-tests-know-this-admin-token'
const yaml = `
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
receivers: { here: { console: {} }, spare: { console: {} } }
routes:
  - receivers: [here, spare]
`

/** Lines that were broken for the width of the terminal, whole again. */
function unwrapped(text: string): string {
  return text.replace(/\n {2}/g, ' ')
}

async function start(t: Test, server = 'admin_token: { file: admin }') {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'admin'), ADMIN)
  const app = await startTestApp(t, yaml, { folder, server })
  const reload = async (...args: string[]) => {
    const ran = await hookbridge(['--config', app.config, 'reload', '--url', app.url, ...args], {
      columns: 80,
    })
    return { ...ran, out: unwrapped(ran.out), err: unwrapped(ran.err) }
  }
  return { app, reload }
}

t.test('reload prints what changed and what waits for a restart', async (t) => {
  const { app, reload } = await start(t)
  t.match(await reload(), { code: 0, out: /reloaded: no change/, err: '' })
  edit(app.config, '[here, spare]', '[here]')
  edit(app.config, 'port: 0', 'port: 8081')
  const { code, out } = await reload()
  t.equal(code, 0)
  t.match(out, /config\.yaml:\d+:\d+: warning: the receiver "spare" is never used/)
  t.match(out, /server\.port changed from 0 to 8081: takes effect at the next start/)
  t.match(out, /reloaded: routes; 1 change waits for a restart/)
  t.match(await reload(), { code: 0, out: /reloaded; 1 change waits for a restart/ })
  const json = await reload('--json')
  t.match(JSON.parse(json.out), {
    ok: true,
    changed: [],
    pending: ['server.port'],
    warnings: [/server\.port/, /spare/],
  })
})

t.test('a failed reload prints the problems as check does, and exits 1', async (t) => {
  const { app, reload } = await start(t)
  edit(app.config, '[here, spare]', '[hree, spare]')
  const { code, out, err } = await reload()
  const check = await hookbridge(['--config', app.config, 'check'], { columns: 80 })
  t.equal(code, 1)
  t.match(out, /config\.yaml:7:17: unknown receiver "hree" \(did you mean "here"\?\)/)
  t.equal(out, unwrapped(check.out))
  t.equal(err, 'hookbridge: not reloaded: the configuration on disk has mistakes; the one in effect stays\n')
  const json = await reload('--json')
  t.match(json, { code: 1, err })
  t.match(JSON.parse(json.out), { error: 'reload_failed', problems: [/unknown receiver/] })

  edit(app.config, 'admin_token: { file: admin }', 'admin_token: { file: admin')
  t.match(await reload(), {
    code: 1,
    out: /config\.yaml:2:1: not valid YAML/,
    err: /no request was sent to the service/,
  })
})

t.test('what another program answers in place of the service does not steer the terminal', async (t) => {
  const { app } = await start(t)
  const words = 'a\u001b[2J\u009b31m\u202eb'
  const body = { warnings: [words], changed: [words], pending: [], problems: [words], message: words }
  const other = await startJsonApi(t, (_request, number) => ({ status: number === 1 ? 200 : 422, body }))
  for (const code of [0, 1]) {
    const ran = await hookbridge(['--config', app.config, 'reload', '--url', other.url])
    t.match(ran, { code, out: 'a\\x1b[2J\\x9b31m\\u202eb' })
    t.notMatch(ran.out + ran.err, /[\u001b\u009b\u202e]/)
  }
})

t.test('without access, or without a service, it prints what to do instead', async (t) => {
  const { app, reload } = await start(t)
  replaceFile(join(app.folder, 'admin'), 'another-admin-token-for-tests')
  t.match(await reload(), { code: 1, err: /different server\.admin_token.*`kill -HUP PID`/s })
  t.ok((await app.reload('signal')).ok)
  t.match(await reload(), { code: 0, out: /no change/ })

  const elsewhere = await hookbridge(['--config', app.config, 'reload', '--url', 'http://127.0.0.1:1'])
  t.match(elsewhere, { code: 1, err: /nothing answers at http:\/\/127\.0\.0\.1:1\/-\/reload.*server\.port/ })
  edit(app.config, 'admin_token: { file: admin }', 'admin_token: short')
  t.match(await reload(), { code: 1, out: /at least 16 characters.*openssl/s })
  edit(app.config, 'admin_token: short', 'watch: false')
  t.match(await reload(), {
    code: 1,
    err: /nor\s+server\.admin_token is set.*systemctl\s+reload.*`kill -HUP PID`/s,
  })
  t.ok((await app.reload('signal')).ok)
  edit(app.config, 'watch: false', 'admin_token: { file: admin }')
  t.match(await reload(), { code: 1, err: /started without server\.admin_token.*`kill -HUP PID`/s })
  rmSync(app.config)
  t.match(await reload(), { code: 1, out: /there is no configuration/, err: /no request was sent/ })
})

t.test('SIGHUP reloads the process, and ends it neither before nor after', async (t) => {
  const folder = temporaryFolder(t)
  const config = join(folder, 'config.yaml')
  writeFileSync(config, `server: { port: 0 }\nstore: { url: "sqlite:${join(folder, 'store.db')}" }\n${yaml}`)
  const service = await startService(config, environment)
  t.teardown(() => service.end('SIGKILL'))
  const logged = (words: string, count: number) =>
    until(() => service.output().split(words).length === count + 1, `${count} × ${words}`)
  process.kill(service.pid, 'SIGHUP')
  await logged('"configuration reloaded"', 1)
  edit(config, '[here, spare]', '[hree, spare]')
  process.kill(service.pid, 'SIGHUP')
  await logged('"configuration not reloaded: ', 1)
  t.match(service.output(), /"level":50[^\n]*config\.yaml:\d+:17: unknown receiver \\"hree\\"/)
  edit(config, '[hree, spare]', '[here, spare]')
  process.kill(service.pid, 'SIGHUP')
  await logged('"configuration reloaded"', 2)
  t.strictSame(await service.end('SIGTERM'), { code: 0, signal: null })
})
