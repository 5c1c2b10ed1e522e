import { writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startTestApp } from '../../support/app.ts'
import { hookbridge } from '../../support/hookbridge.ts'
import { temporaryFolder } from '../../support/service.ts'

const yaml = `
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
receivers: { here: { console: {} } }
routes: [{ receivers: [here] }]
`

/** A configuration with nothing but the address of a server, which gives the configured answer. */
async function configOf(t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const file = join(temporaryFolder(t), 'config.yaml')
  writeFileSync(file, `server: { port: ${(server.address() as AddressInfo).port} }\nroutes: broken\n`)
  return file
}

t.test('it prints whether the service is ready', async (t) => {
  const { url, config, stop } = await startTestApp(t, yaml)
  const ask = (...args: string[]) => hookbridge(['--config', config, 'health', '--url', url, ...args])
  t.same(await ask(), { code: 0, out: 'ready\n', err: '' })
  t.same(await ask('--live'), { code: 0, out: 'ok\n', err: '' })
  t.same(JSON.parse((await ask('--json')).out), { status: 'ready' })
  await stop()
  t.match(await ask(), {
    code: 1,
    out: '',
    err: /^hookbridge: nothing answers at http:\S+\/readyz \(.+\); is "hookbridge serve" running there\? --url names another address, such as the old one where server\.host or server\.port was changed after the start\n$/,
  })
})

t.test('it asks the configured address, even if the rest of the configuration is broken', async (t) => {
  const config = await configOf(t, ({ url }, response) => {
    if (url === '/livez') return response.end('{"status":"ok"}')
    return response.writeHead(503).end('{"status":"not ready","problems":["no space","\\u001b[2Jstopping"]}')
  })
  const ask = (...args: string[]) => hookbridge(['--config', config, 'health', ...args])
  t.same(await ask(), { code: 1, out: '', err: 'hookbridge: not ready: no space: \\x1b[2Jstopping\n' })
  t.match(await ask('--json'), { code: 1, out: /"no space"/ })
  t.same(await ask('--live'), { code: 0, out: 'ok\n', err: '' })
})

t.test('another program at that port is no health', async (t) => {
  const config = await configOf(t, (_request, response) => response.end('<h1>It works!</h1>'))
  const { code, err } = await hookbridge(['--config', config, 'health'])
  t.equal(code, 1)
  t.match(err, /^hookbridge: what answers at http:\S+ is not Hookbridge \(200\)$/m)
})

t.test('without an address in the configuration it says what is wrong there', async (t) => {
  const config = join(temporaryFolder(t), 'config.yaml')
  writeFileSync(config, 'server: { port: eighty }\n')
  const { code, err } = await hookbridge(['--config', config, 'health'])
  t.equal(code, 1)
  t.match(err, /config\.yaml:1:17: .*port.*\n.*no request was sent to the service/s)
})
