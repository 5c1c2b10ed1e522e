/** A channel needs its folder and one line: docs/channels.md shows one, and it works everywhere. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import * as z from 'zod'
import { LONGEST_RETRY_AFTER_MS } from '../../src/core/delivery/retry-after.ts'
import { openStore } from '../../src/store/open.ts'
import { alone } from '../support/addressed.ts'
import { channelEnvironment } from '../support/channel-environment.ts'
import { anEvent } from '../support/event.ts'
import { hookbridge, type Run } from '../support/hookbridge.ts'
import { edit } from '../support/replace.ts'
import { temporaryFolder } from '../support/service.ts'
import { channelContract } from './contract.ts'
import { ntfy } from './ntfy.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const code = asInPlace(readFileSync(new URL('ntfy.ts', import.meta.url), 'utf8'))

/** As src/channels/ntfy/ntfy.ts: the imports lead elsewhere, and those from further away come first. */
function asInPlace(source: string): string {
  const moved = source.replaceAll('../../src/channels/', '../').replaceAll('../../src/', '../../')
  const [first = '', ...lines] = moved.split('\n')
  const isFar = (line: string) => line.startsWith('import ') && line.includes("'../../")
  return [first, ...lines.filter(isFar), ...lines.filter((line) => !isFar(line))].join('\n')
}

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
  t.ok(code.split('\n').length < 90, 'and it is short')
  const place = join(root, 'src/channels/ntfy/ntfy.ts')
  const biome = [join(root, 'node_modules/.bin/biome'), 'check', '--write', `--stdin-file-path=${place}`]
  t.equal(execFileSync(process.execPath, biome, { cwd: root, input: code, encoding: 'utf8' }), code)
})

t.test('each of its keys is described and shown, as the reference needs it', async (t) => {
  for (const schema of [ntfy.settings, ntfy.receiver])
    for (const [key, known] of Object.entries(z.toJSONSchema(schema, { io: 'input' }).properties ?? {}))
      t.match(known, { description: /\.$/, examples: [String] }, key)
})

t.test('what a server answers to it', async (t) => {
  const answer = { status: 200, headers: {} as Record<string, string> }
  const paths: string[] = []
  const server = createServer((request, response) => {
    paths.push(`${request.method} ${request.url}`)
    response.writeHead(answer.status, answer.headers).end('said\nso')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const open = ntfy.open({ url: `http://127.0.0.1:${port}` }, new Map(), channelEnvironment())
  t.teardown(async () => {
    await open.close()
    server.close()
  })
  const delivery = { id: 'dlv_1', receiver: 'deals', target: 'deals', ...alone }
  const after = async (status: number, headers = {}) => {
    Object.assign(answer, { status, headers })
    return open.send({ text: 'hello' }, delivery)
  }

  t.match(await after(200), { kind: 'sent', reference: { topic: 'deals' } })
  t.match(await after(302, { location: '/login' }), { kind: 'park', reason: /^HTTP 302: said so: correct / })
  t.match(await after(403), { kind: 'park' })
  t.match(await after(404), { kind: 'refuse', reason: 'HTTP 404: said so' })
  t.strictSame(await after(429), { kind: 'retry', reason: 'HTTP 429: said so' })
  t.match(await after(429, { 'retry-after': '30' }), { kind: 'retry', after: 30_000 })
  t.match(await after(503, { 'retry-after': '86400' }), { kind: 'retry', after: LONGEST_RETRY_AFTER_MS })
  t.match(await after(500), { kind: 'ambiguous' })
  t.strictSame([...new Set(paths)], ['POST /deals'], 'a redirect is not followed')
})

/** A copy of the sources with a channel more, and what `change` changes in it. */
async function copyWith(t: Test, channel: string, change: (folder: string) => void = () => {}) {
  const folder = temporaryFolder(t)
  for (const name of ['src', 'templates', 'package.json']) {
    cpSync(join(root, name), join(folder, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  mkdirSync(join(folder, 'src/channels/ntfy'))
  writeFileSync(join(folder, 'src/channels/ntfy/ntfy.ts'), channel)
  const list = join(folder, 'src/channels/channels.ts')
  const before = readFileSync(list, 'utf8')
  const after = before.replace('consoleChannel]', 'consoleChannel, ntfy]')
  if (after === before) throw new Error('there is no such list of channels')
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
  change(folder)
  const { run }: { run: Run } = await import(join(folder, 'src/cli/cli.ts'))
  return { folder, ours: (...args: string[]) => hookbridge(args, { cwd: folder, run }) }
}

t.test('a folder and a line make it a channel of the product', async (t) => {
  const { ours } = await copyWith(t, code)
  t.match(await ours('check'), { code: 0 })
  const event = ['--type', 'analysis.created', '--data', 'id=42']
  t.match(await ours('preview', ...event), { code: 0, out: /ntfy deals[\s\S]*analysis\.created 42/ })
  t.match(await ours('preview', ...event, '--html', '-'), {
    code: 0,
    out: /<pre class="plain">[^<]*analysis\.created 42/,
  })
  t.match(await ours('preview', ...event, '--to', 'ntfy:deals'), { code: 2 }, 'it has no addresses')
  t.match(await ours('doctor', '--timeout', '1s'), { out: /ntfy cannot be checked without/ })
})

t.test('what planning or a channel throws is reported by every command, without a stack trace', async (t) => {
  const throws = "(() => { throw new TypeError('out of\\norder') })()"
  const shown = `({ text }) => text.includes('shown.fails') ? ${throws} : text`
  const { folder, ours } = await copyWith(t, code.replace('({ text }) => text', shown), (folder) => {
    const start = 'const { destinations, lifecycles } = planner\n'
    edit(
      join(folder, 'src/core/routing/plan.ts'),
      start,
      `${start}if (event.type === 'analysis.completed') ${throws}\n`,
    )
  })

  const bug = (command: string, where: RegExp) =>
    new RegExp(
      `^hookbridge: unexpected error in ${command}: TypeError: out of order\n {2}in ${where.source}.*\n` +
        'This is a bug in Hookbridge .*\nPlease report it with these lines.*\n$',
    )
  const planned = /.*plan \(src\/core\/routing\/plan\.ts:\d+:\d+\), from /
  const event = ['--type', 'analysis.completed']
  t.match(await ours('explain', ...event), { code: 1, err: bug('explain', planned) })
  t.match(await ours('--config', 'config.yaml', 'explain', ...event), {
    code: 1,
    err: bug('explain', planned),
  })
  t.match(await ours('explain', ...event, '--json'), { code: 1, out: '', err: bug('explain', planned) })
  t.match(await ours('preview', ...event), { code: 1, err: bug('preview', planned) })
  const drawn = /.*toText \(src\/channels\/ntfy\/ntfy\.ts:\d+:\d+\), from /
  t.match(await ours('explain', '--type', 'shown.fails'), { code: 1, err: bug('explain', drawn) })
  t.match(await ours('preview', '--type', 'shown.fails'), { code: 1, err: bug('preview', drawn) })
  t.match(await ours('explain', '--type', 'other'), { code: 0, err: '' }, 'other events are not affected')

  const store = await openStore(`sqlite:${join(folder, 'h.db')}`, 'service')
  const body = Buffer.from('{}')
  const making = {
    at: 0,
    cause: 'received',
    fingerprint: '',
    routes: [],
    unrouted: true,
    deliveries: [],
  } as const
  const stored = anEvent({ receivedAt: Date.now() })
  await store.append({ kind: 'event', event: stored, body, plan: making, dedupeFor: 1_000 })
  await store.close()
  t.match(await ours('explain', '--since', '1h'), {
    code: 1,
    out: new RegExp(`routing fails +1 +analysis\\.completed .*TypeError: out.*${stored.id}`),
    err: /events could not be routed: a bug in Hookbridge, please report it/,
  })
  t.match(await ours('replay', stored.id, '--yes'), {
    code: 1,
    err: /evt_\w+: unexpected error while it was routed: TypeError: out of order\n$/,
  })

  const yaml = readFileSync(join(folder, 'config.yaml'), 'utf8')
  const test =
    'tests: [{ name: sold, event: { event: analysis.completed }, expect: { receivers: [deals] } }]\n'
  writeFileSync(join(folder, 'config.yaml'), `${yaml}links: {}\n${test}templates: own\n`)
  // Of what ships nothing is rendered to check it.
  mkdirSync(join(folder, 'own/analysis.completed'), { recursive: true })
  writeFileSync(join(folder, 'own/analysis.completed/console.txt'), '{{ data.id }}\n')
  const { code: wrong, out } = await ours('check')
  t.equal(wrong, 1)
  const reported = 'TypeError: out of order (this is a bug in Hookbridge: please report it'
  for (const words of [
    'config.yaml:5:1: warning: unexpected error while analysis.completed as Cuuro sends it was routed and rendered',
    'config.yaml:7:9: unexpected error while the test "sold" ran',
  ])
    t.ok(out.includes(`${words}: ${reported}`), words)
})
