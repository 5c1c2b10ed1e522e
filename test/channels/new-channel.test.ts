/** A channel needs its folder and one line: docs/channels.md shows one, and it works everywhere. */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { hookbridge, type Run } from '../support/hookbridge.ts'
import { temporaryFolder } from '../support/service.ts'
import { channelContract } from './contract.ts'
import { ntfy } from './ntfy.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const code = readFileSync(new URL('ntfy.ts', import.meta.url), 'utf8')
  .replaceAll('../../src/channels/', '../')
  .replaceAll('../../src/', '../../')

t.test('the contract', (t) => {
  channelContract(t, {
    channel: ntfy,
    folder: 'ntfy',
    async start() {
      let connections = 0
      const server = createServer((request, response) => request.resume().on('end', () => response.end('{}')))
      server.on('connection', () => connections++)
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as AddressInfo
      return {
        settings: { url: `http://127.0.0.1:${port}` },
        receiver: { topic: 'deals' },
        connections: () => connections,
        async close() {
          const closed = new Promise((resolve) => server.close(resolve))
          server.closeAllConnections()
          await closed
        },
      }
    },
    unreachable: (port) => ({
      settings: { url: `http://127.0.0.1:${port}` },
      receiver: { topic: 'deals' },
    }),
    secrets: [],
  })
  t.end()
})

t.test('docs/channels.md shows it', async (t) => {
  const page = readFileSync(join(root, 'docs/channels.md'), 'utf8')
  t.equal(/```ts\n([\s\S]*?)```/.exec(page)?.[1], code)
  t.ok(code.split('\n').length < 75, 'and it is short')
})

t.test('a folder and a line make it a channel of the product', async (t) => {
  const folder = temporaryFolder(t)
  for (const name of ['src', 'templates', 'package.json']) {
    cpSync(join(root, name), join(folder, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  mkdirSync(join(folder, 'src/channels/ntfy'))
  writeFileSync(join(folder, 'src/channels/ntfy/ntfy.ts'), code)
  const list = join(folder, 'src/channels/channels.ts')
  const before = readFileSync(list, 'utf8')
  const after = before.replace('consoleChannel]', 'consoleChannel, ntfy]')
  t.not(after, before)
  writeFileSync(list, `import { ntfy } from './ntfy/ntfy.ts'\n${after}`)
  writeFileSync(
    join(folder, 'config.yaml'),
    `store: { url: "sqlite:h.db" }
sources: { cuuro: { svix: { secrets: ["whsec_${'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'}"] } } }
channels: { ntfy: { url: "https://ntfy.example.com" } }
receivers: { deals: { ntfy: { topic: deals } } }
routes: [{ receivers: [deals] }]
`,
  )
  const { run }: { run: Run } = await import(join(folder, 'src/cli/cli.ts'))
  const ours = (...args: string[]) => hookbridge(args, { cwd: folder, run })

  t.match(await ours('check'), { code: 0 })
  const event = ['--type', 'analysis.created', '--data', 'id=42']
  t.match(await ours('preview', ...event), { code: 0, out: /ntfy deals[\s\S]*analysis\.created 42/ })
  t.match(await ours('preview', ...event, '--html', '-'), {
    code: 0,
    out: /<pre class="plain">[^<]*analysis\.created 42/,
  })
  t.match(await ours('preview', ...event, '--to', 'ntfy:deals'), { code: 2 }, 'it has no addresses')
  t.match(await ours('doctor', '--timeout', '1s'), { out: /nothing can be checked of ntfy/ })
})
