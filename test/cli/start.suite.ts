/** A start costs the modules that it loads, so no command loads what it does not need. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { environment, temporaryFolder } from '../support/service.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const demoConfig = fileURLToPath(new URL('../../config.demo.yaml', import.meta.url))

// Writes to the fourth stream: the URL of each module that is loaded, and each class of Intl that is used.
const recording = `
  import { writeSync } from 'node:fs'
  import { registerHooks } from 'node:module'
  registerHooks({ load: (url, context, next) => (writeSync(3, url + '\\n'), next(url, context)) })
  for (const name of ['Collator', 'DateTimeFormat', 'NumberFormat', 'PluralRules', 'RelativeTimeFormat', 'Segmenter']) {
    const construct = (...rest) => (writeSync(3, 'intl:' + name + '\\n'), Reflect.construct(...rest))
    Intl[name] = new Proxy(Intl[name], { construct })
  }`

/** The modules that a command loads, but for Node's own: how many, and of which packages; and what it uses of Intl. */
function loadedBy(cwd: string, ...args: readonly string[]) {
  const hooks = `data:text/javascript,${encodeURIComponent(recording)}`
  const { output, status } = spawnSync(process.execPath, ['--import', hooks, main, ...args], {
    cwd,
    env: { ...process.env, ...environment },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const lines = (output[3] ?? '').split('\n')
  const files = lines.filter((url) => url.startsWith('file:'))
  const intl = lines.filter((line) => line.startsWith('intl:'))
  const packages = files.flatMap((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? [])
  return { status, count: files.length, packages: [...new Set(packages)].toSorted(), intl }
}

const ALWAYS = ['commander', 'fast-string-truncated-width']

t.test('what needs no configuration loads next to nothing', async (t) => {
  const version = loadedBy(temporaryFolder(t), '--version')
  t.equal(version.status, 0)
  t.strictSame(version.packages, ALWAYS)
  t.ok(version.count < 40, `${version.count} modules`)
  // A shell waits for this at each press of the Tab key.
  const completion = loadedBy(temporaryFolder(t), 'complete', '--', 'ev')
  t.equal(completion.status, 0)
  t.strictSame(completion.packages, [...ALWAYS, 'fastest-levenshtein'])
  t.ok(completion.count < 60, `${completion.count} modules`)
})

t.test('check loads nothing that receives or sends', async (t) => {
  const { count, packages } = loadedBy(temporaryFolder(t), 'check', '--config', demoConfig)
  t.ok(packages.includes('liquidjs'), 'it has compiled the templates')
  t.ok(count < 450, `${count} modules`)
  const others = ['fastify', 'nodemailer', '@slack/web-api', 'undici', 'svix', 'pino', 'pg', 'prom-client']
  for (const name of others) t.notOk(packages.includes(name), name)
})

t.test('health loads what reads its part of the configuration', async (t) => {
  // A container asks every half a minute.
  const { count, packages } = loadedBy(temporaryFolder(t), 'health', '--config', demoConfig)
  t.strictSame(packages, [...ALWAYS, 'fastest-levenshtein', 'yaml', 'zod'])
  t.ok(count < 260, `${count} modules`)
})

t.test('serve loads what makes requests with the first of them', async (t) => {
  const folder = temporaryFolder(t)
  // It ends where it would listen: the address is nobody's (RFC 5737).
  const yaml = `
server: { host: 192.0.2.1, port: 0 }
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
enrich: [{ name: score, get: "https://api.example.com/{{ data.id }}" }]
receivers: { deals: { slack: { channel: "#deals" }, email: { to: [jane@example.org] } } }
channels:
  slack: { token: xoxb-1-2-abcdefabcdef }
  email: { smtp: "smtps://mail.example.org", from: alerts@example.org }
routes: [{ receivers: [deals] }]
`
  writeFileSync(join(folder, 'config.yaml'), yaml)
  const { status, packages, intl } = loadedBy(folder, 'serve')
  t.equal(status, 1)
  t.ok(packages.includes('fastify'), 'it was about to listen')
  for (const name of ['undici', '@slack/web-api', 'nodemailer', 'pg', '@opentelemetry/sdk-trace'])
    t.notOk(packages.includes(name), name)
  // Its data takes milliseconds and megabytes to load.
  t.strictSame(intl, [])
})
