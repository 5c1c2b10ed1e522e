/** The admin endpoints on a Unix socket, with the command that uses it. */
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { loadService } from '../../src/config/part.ts'
import { startTestApp } from '../support/app.ts'
import { hookbridge } from '../support/hookbridge.ts'
import { edit } from '../support/replace.ts'
import { environment, temporaryFolder } from '../support/service.ts'

const yaml = `
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
receivers: { here: { console: {} }, spare: { console: {} } }
routes:
  - receivers: [here, spare]
`
const server = 'admin_socket: admin.sock'

function ask(socketPath: string, method: string, path: string) {
  return new Promise<{ status: number; body: string; nosniff: unknown }>((resolve, reject) => {
    const sent = request({ socketPath, method, path }, async (response) => {
      let body = ''
      for await (const chunk of response.setEncoding('utf8')) body += chunk
      resolve({ status: response.statusCode ?? 0, body, nosniff: response.headers['x-content-type-options'] })
    })
    sent.once('error', reject)
    sent.end()
  })
}

t.test('what is there, for whom, and until when', async (t) => {
  const app = await startTestApp(t, yaml, { server })
  const path = join(app.folder, 'admin.sock')
  t.equal(statSync(path).mode & 0o777, 0o600, 'for the owner and root alone')
  t.match(await ask(path, 'POST', '/-/reload'), { status: 200, body: '"ok":true', nosniff: 'nosniff' })
  for (const page of ['/livez', '/readyz', '/metrics'])
    t.match(await ask(path, 'GET', page), { status: 200, nosniff: 'nosniff' }, page)
  t.match(await ask(path, 'POST', '/webhooks/cuuro'), { status: 404, body: 'not_found' })
  t.match(await ask(path, 'GET', '/%zz'), { status: 400, body: 'bad_request' })
  const overTcp = await fetch(`${app.url}/-/reload`, { method: 'POST' })
  t.equal(overTcp.status, 404, 'without a token it is not on the network')
  t.equal((await fetch(`${app.url}/metrics`)).status, 200, 'where Prometheus looks, it is still')
  await app.stop()
  t.notOk(existsSync(path), 'removed')
})

t.test('hookbridge reload uses it', async (t) => {
  const app = await startTestApp(t, yaml, { server })
  const reload = () => hookbridge(['--config', app.config, 'reload'], { columns: 80 })
  t.match(await reload(), { code: 0, out: /reloaded: no change/, err: '' })
  edit(app.config, '[here, spare]', '[here]')
  edit(app.config, server, 'admin_socket: other.sock')
  const elsewhere = await reload()
  t.match(elsewhere, { code: 1, err: /nothing answers at .*other\.sock\s+\(ENOENT\).*admin_socket/s })
  t.match(await ask(join(app.folder, 'admin.sock'), 'POST', '/-/reload'), {
    status: 200,
    body: /server\.admin_socket changed from .*admin\.sock to .*other\.sock: takes effect at the next start/,
  })
  edit(app.config, 'admin_socket: other.sock', server)
  edit(app.config, '[here]', '[hree]')
  t.match(await reload(), { code: 1, out: /unknown receiver "hree"/, err: /not reloaded/ })
  await app.stop()
  t.match(await reload(), { code: 1, out: /unknown receiver|^$/, err: /nothing answers|not reloaded/ })
})

t.test('a relative path is in the folder that systemd makes, else beside the file', async (t) => {
  const folder = temporaryFolder(t)
  const config = join(folder, 'config.yaml')
  writeFileSync(config, `server: { ${server} }\n${yaml}`)
  const env = { ...environment, RUNTIME_DIRECTORY: '/run/hookbridge:/run/other' }
  const of = (env: Record<string, string>) => {
    const loaded = loadConfig(config, env)
    const service = loadService(config, env)
    if (!loaded.ok || !service.ok) throw new Error('the configuration is good')
    t.equal(service.service.admin_socket, loaded.compiled.config.server.admin_socket)
    return loaded.compiled.config.server.admin_socket
  }
  t.equal(of(env), '/run/hookbridge/admin.sock')
  t.equal(of(environment), join(folder, 'admin.sock'))
  const long = { ...env, RUNTIME_DIRECTORY: `/run/${'x'.repeat(100)}` }
  t.match(loadConfig(config, long), { ok: false, problems: [{ message: /at most 107/, line: 1 }] })
})

async function refusal(t: Test, folder: string, more = server): Promise<string> {
  const error = await startTestApp(t, yaml, { folder, server: more }).catch((error: unknown) => error)
  return error instanceof Error ? `${error.constructor.name}: ${error.message}` : 'it started'
}

t.test('what is in the way is reported, and left alone', async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'admin.sock'), 'a file')
  t.match(await refusal(t, folder), /AdminSocketRefused: .*admin\.sock exists and is not a socket/)
  t.ok(statSync(join(folder, 'admin.sock')).isFile())
  t.match(
    await refusal(t, folder, 'admin_socket: nowhere/admin.sock'),
    /cannot listen .*nowhere\/admin\.sock \((?:EACCES|ENOENT)\): its folder must exist/,
  )
  mkdirSync(join(folder, 'folder.sock'))
  t.match(await refusal(t, folder, 'admin_socket: folder.sock'), /is not a socket/)
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(join(folder, 'taken.sock'), resolve))
  t.teardown(() => taken.close())
  t.match(await refusal(t, folder, 'admin_socket: taken.sock'), /another process answers/)
  // What was refused left nothing running that would keep the store.
  t.equal(await refusal(t, folder, 'admin_socket: free.sock'), 'it started')
})

const onlyRoot = process.getuid?.() === 0 ? false : 'only root can be another user'

t.test('another user cannot open it', { skip: onlyRoot }, async (t) => {
  const app = await startTestApp(t, yaml, { server })
  // mkdtemp makes folders that nobody else may enter, which would hide the permissions of the socket itself.
  chmodSync(app.folder, 0o755)
  process.seteuid?.(65_534)
  // Node asks the kernel for the connection within this call.
  const socket = connect(join(app.folder, 'admin.sock'))
  process.seteuid?.(0)
  const refused = new Promise((resolve) => {
    socket.once('error', (error) => resolve('code' in error ? error.code : error))
    socket.once('connect', () => resolve('connected'))
  })
  t.teardown(() => socket.destroy())
  t.equal(await refused, 'EACCES')
})
