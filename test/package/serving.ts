/** That an installed service takes an event, delivers it, and does what loads more of it than an ordinary start does. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { killAfter } from '../support/processes.ts'
import { secret } from '../support/service.ts'
import { until } from '../support/until.ts'

// Only a test that fails waits that long.
const PATIENCE_MS = 300_000
// Without the hooks that the test runner gives to every Node it starts.
const env = { ...process.env, NODE_OPTIONS: '', CUURO_WEBHOOK_SECRET: secret }

/** `node` runs `main`, the package's program; `home` is made for it. */
export async function serves(t: Test, node: string, main: string, home: string): Promise<void> {
  const hookbridge = async (...args: string[]) =>
    (await promisify(execFile)(node, [main, ...args], { cwd: home, env })).stdout
  const traces: string[] = []
  const collector = createServer((request, response) => {
    traces.push(request.url ?? '')
    response.end()
  })
  t.teardown(() => collector.close())
  const { port } = await new Promise<AddressInfo>((resolve) =>
    collector.listen(0, '127.0.0.1', () => resolve(collector.address() as AddressInfo)),
  )
  mkdirSync(home)
  const config = join(home, 'config.yaml')
  writeFileSync(
    config,
    `
server: { port: 0, admin_socket: ${home}/admin.sock }
sources: { cuuro: { svix: { secrets: ["\${CUURO_WEBHOOK_SECRET}"] } } }
receivers: { here: { console: {} } }
routes: [{ receivers: [here] }]
`,
  )
  const service = spawn(node, [main, 'serve', '--config', config], {
    cwd: home,
    // Spans are sent soon: at its end the service waits for them for a second.
    env: { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_BSP_SCHEDULE_DELAY: '20' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  killAfter(t, service)
  let printed = ''
  service.stdout.on('data', (chunk: Buffer) => {
    printed += chunk
  })
  await until(() => /"msg":"listening"/.test(printed), 'the service to listen', PATIENCE_MS)
  const [, url = ''] = /"url":"(http:[^"]+)"/.exec(printed) ?? []
  const sent = ['send', '--url', url, '--type', 'analysis.completed', '--config', config]
  t.match(await hookbridge(...sent), / 202\n/)
  t.match(await hookbridge('reload', '--config', config), /^reloaded: no change\n$/)
  await until(() => /"msg":"delivery delivered"/.test(printed), 'the delivery')
  await until(() => traces.includes('/v1/traces'), 'the event to be traced')
  const ended = once(service, 'exit')
  service.kill('SIGTERM')
  t.strictSame(await ended, [0, null])
}
