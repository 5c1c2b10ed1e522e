/** The socket of the admin endpoints, when services end without removing it or want the same one. */
import { existsSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { environment, startService, temporaryFolder } from '../support/service.ts'

/** The status of /readyz over the socket. */
function readiness(socketPath: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path: '/readyz' }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode))
    })
    sent.once('error', reject)
    sent.end()
  })
}

t.test('a socket that a killed service left is replaced, and one in use is not', async (t) => {
  const folder = temporaryFolder(t)
  const config = join(folder, 'config.yaml')
  const path = join(folder, 'admin.sock')
  const write = (store: string) =>
    writeFileSync(
      config,
      `
server: { port: 0, admin_socket: admin.sock }
store: { url: "sqlite:${store}" }
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
receivers: { here: { console: {} } }
routes: [{ receivers: [here] }]
`,
    )
  write('first.db')
  const killed = await startService(config, environment)
  await killed.end('SIGKILL')
  t.ok(existsSync(path), 'it was left behind')
  const second = await startService(config, environment)
  t.teardown(() => second.end('SIGKILL'))
  t.equal(await readiness(path), 200)
  write('other.db')
  await t.rejects(startService(config, environment), {
    message: /ended with 1.*another process answers at server\.admin_socket .*admin\.sock; stop it/s,
  })
  t.equal(await readiness(path), 200, 'the one that runs goes on')
  t.strictSame(await second.end('SIGTERM'), { code: 0, signal: null })
  t.notOk(existsSync(path))
})
