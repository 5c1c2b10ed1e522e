/** PgBouncer, from Debian's package, before a cluster of a test. */
import { spawn } from 'node:child_process'
import { chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installProgram } from './debian.ts'
import { freePort } from './ports.ts'
import { type Postgres, unprivileged } from './postgres.ts'
import { killAfter } from './processes.ts'
import { temporaryFolder } from './service.ts'
import { until } from './until.ts'

/** Until the test ends. Turns the URL of a database into one that goes through it. */
export async function startPgbouncer(
  t: { teardown(action: () => unknown): unknown },
  postgres: Postgres,
  mode: 'session' | 'transaction',
): Promise<(url: string) => string> {
  installProgram('pgbouncer', 'pgbouncer')
  const folder = temporaryFolder(t)
  const owner = unprivileged()
  const port = freePort()
  const { username, password } = new URL(postgres.createDatabase())
  const files = {
    'users.txt': `"${username}" "${password}"\n`,
    'pgbouncer.ini': `[databases]
* = host=127.0.0.1 port=${postgres.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${join(folder, 'users.txt')}
pool_mode = ${mode}
default_pool_size = 50
`,
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 })
  const { uid, gid } = owner
  if (uid !== undefined && gid !== undefined)
    for (const path of [folder, ...Object.keys(files).map((name) => join(folder, name))])
      chownSync(path, uid, gid)
  const running = spawn('pgbouncer', [join(folder, 'pgbouncer.ini')], {
    ...owner,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  running.stderr.on('data', (chunk) => {
    log += chunk
  })
  killAfter(t, running)
  await until(() => {
    if (running.exitCode !== null) throw new Error(`pgbouncer ended with ${running.exitCode}:\n${log}`)
    return log.includes('process up')
  }, 'PgBouncer to listen')
  return (url) => url.replace(`:${postgres.port}/`, `:${port}/`)
}
