import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import t from 'tap'
import { type CompiledConfig, receiversOf } from '../../src/config/compiled.ts'
import { loadConfig, reloadConfig } from '../../src/config/load.ts'
import { loadService, loadStoreUrl } from '../../src/config/part.ts'
import { filledSchema } from '../../src/config/schema/filled-schema.ts'
import { schema } from '../../src/config/schema/schema.ts'
import { starterConfig } from '../../src/config/starter.ts'
import { type Event, viewOf } from '../../src/core/event.ts'
import { isObject } from '../../src/core/json/json.ts'
import { whileClosed } from '../support/closed.ts'
import { environment, fixtures, lines, linesOf, problemsOf, secret } from '../support/config-fixtures.ts'
import { temporaryFolder } from '../support/service.ts'

const example = fileURLToPath(new URL('../../config.example.yaml', import.meta.url))

const exampleEnv = {
  CUURO_WEBHOOK_SECRET: secret,
  SLACK_BOT_TOKEN: 'xoxb-example',
  SMTP_URL: 'smtp://127.0.0.1:2525',
}

const minimal = `sources: { cuuro: { svix: { secrets: ["\${SECRET}"] } } }
receivers: { here: { console: {} } }
routes: [{ receivers: [here] }]
`

function write(t: Parameters<typeof temporaryFolder>[0], text: string): string {
  const file = join(temporaryFolder(t), 'config.yaml')
  writeFileSync(file, text)
  return file
}

function setupOf(file: string, env: Readonly<Record<string, string>> = environment): CompiledConfig {
  const loaded = loadConfig(file, env)
  if (!loaded.ok) throw new Error(lines(loaded.problems, '').join('\n'))
  return loaded.compiled
}

function event(type: string, source = 'cuuro', data: Event['payload'] = { id: '7' }): Event {
  const times = { receivedAt: 0, sentAt: 0 }
  return {
    id: 'evt_1',
    messageId: 'msg_1',
    source,
    type,
    subject: null,
    ...times,
    secretIndex: 0,
    payload: { data },
    enriched: {},
  }
}

t.test("the demo's configuration loads as it is, without a remark", async (t) => {
  const demo = fileURLToPath(new URL('../../config.demo.yaml', import.meta.url))
  const api = { ANALYSIS_API_URL: 'https://api.example.com/v1', ANALYSIS_API_KEY: 'key' }
  t.same(linesOf(demo, { ...exampleEnv, ...api }), [])
})

t.test('the example is complete, loads, and has no secret of its own', async (t) => {
  t.same(linesOf(example, exampleEnv), [])
  const unset = linesOf(example, {})
  t.equal(unset.length, 3)
  for (const line of unset) t.match(line, /environment variable \w+ is not set/)
  const text = readFileSync(example, 'utf8')
  const ofCopy = linesOf(write(t, text), exampleEnv).filter((line) => !line.startsWith('example_value'))
  t.same(ofCopy, [], 'a copy of it needs no other file')
  for (const key of keysOf(filledSchema(schema))) t.ok(new RegExp(`\\b${key}:`).test(text), `shows ${key}`)
})

/** Every key that the schema names, at any depth. */
function keysOf(schema: unknown): string[] {
  if (Array.isArray(schema)) return schema.flatMap(keysOf)
  if (!isObject(schema)) return []
  return Object.entries(schema).flatMap(([key, value]) =>
    key === 'properties' && isObject(value)
      ? [...Object.keys(value), ...keysOf(Object.values(value))]
      : keysOf(value),
  )
}

t.test('what a new user starts from needs three variables and nothing else', async (t) => {
  const file = write(t, starterConfig())
  mkdirSync(join(file, '../templates'))
  const env = { CUURO_WEBHOOK_SECRET: secret, SLACK_BOT_TOKEN: 'xoxb-1', SMTP_URL: 'smtp://127.0.0.1:2525' }
  t.match(linesOf(file, env), [/links is missing/])
  t.match(linesOf(file, { ...env, SMTP_URL: 'smtp://127.0.0.1:25' }), [
    /links is missing/,
    /channels.email.from: example.com is reserved for examples/,
    /receivers.partners.email.to\[0\]: example.com is reserved/,
  ])
  t.match(linesOf(file, {}), [/CUURO_WEBHOOK_SECRET/, /SLACK_BOT_TOKEN/, /SMTP_URL/])
})

t.test('the defaults', async (t) => {
  const file = write(t, minimal)
  const { config } = setupOf(file)
  t.same(config.server, {
    host: '127.0.0.1',
    port: 8080,
    trust_proxy: 'loopback',
    body_limit: 262_144,
    request_timeout: 10_000,
    max_pending: 1_000,
    watch: false,
    max_connections: 4_096,
    unverified: { rate: 5, burst: 100 },
  })
  t.same(config.store, {
    url: `sqlite:${join(file, '../data/hookbridge.db')}`,
    retain: 30 * 86_400_000,
    retain_unresolved: 365 * 86_400_000,
    dedupe: 3 * 86_400_000,
  })
  t.same(config.delivery, { retry_for: 86_400_000, ambiguous_resends: 2, timeout: 10_000 })
  t.same(config.routes, [{ receivers: ['here'], continue: false }])
  t.same(config.channels, {})
})

t.test('variables fill in text, numbers and booleans', async (t) => {
  const { config } = setupOf(join(fixtures, 'good/variables.yaml'))
  t.match(config.server, { host: '0.0.0.0', port: 8081, trust_proxy: false })
  t.match(config.delivery, { ambiguous_resends: 0, retry_for: 5_400_000 })
  t.match(config.routes, [
    { name: 'costs $5 or $5', match: { path: 'type', wanted: 'analysis.*' }, continue: true },
    { receivers: ['here'] },
  ])
  t.match(config.sources.cuuro?.allow_ips?.slice(-2), [
    { family: 'ipv6', address: '2a05:d028:17:8000::', prefix: 56 },
    { family: 'ipv6', address: '2001:db8::', prefix: 32 },
  ])
  t.same(
    config.sources.cuuro?.svix.secrets.map((one) => one.reveal()),
    [secret, 'whsec_YW5vdGhlciBvbmx5IHRlc3RzIGtub3c='],
    'a file without its last newline',
  )
})

t.test('a compiled configuration lists its secrets, and prints none', async (t) => {
  const compiled = setupOf(example, {
    ...exampleEnv,
    CUURO_WEBHOOK_SECRET: secret,
    SLACK_BOT_TOKEN: 'xoxb-secret',
    SMTP_URL: 'smtp://me:pass%2Fword@127.0.0.1:2525',
  })
  const known = compiled.secrets.map((one) => one.reveal())
  t.same(
    new Set(known),
    new Set([secret, 'xoxb-secret', 'smtp://me:pass%2Fword@127.0.0.1:2525', 'pass%2Fword', 'pass/word']),
  )
  const printed = inspect(compiled, { depth: null, showHidden: true }) + JSON.stringify(compiled.config)
  for (const one of known) t.notOk(printed.includes(one))
})

t.test('routes, destinations and links are compiled', async (t) => {
  const compiled = setupOf(example, exampleEnv)
  const routed = (type: string, data: Event['payload']) =>
    compiled.router
      .route(viewOf(event(type, 'cuuro', data)))
      .matches.map(({ route, receivers }) => [route, ...receivers])
  t.same(routed('analysis.completed', {}), [['completed analyses', 'deal-flow', 'partners']])
  t.same(routed('analysis.created', { id: '0191f3c8-5a42-7b1e-9f06-2d4c8e7a1b30' }), [
    ['analyses that the partners follow', 'deal-flow', 'partners'],
  ])
  t.same(routed('analysis.created', { id: '42' }), [['analyses', 'deal-flow']])
  t.same(routed('something.else', {}), [['unrouted', 'everything-else']])
  t.match(compiled.destinations.get('deal-flow'), [
    { channel: 'slack', target: '#deal-flow', rateKey: String },
  ])
  t.match(compiled.destinations.get('partners'), [{ channel: 'email', target: 'partners@example.com' }])
  t.equal(compiled.links(viewOf(event('startup.created'))), 'https://app.example.com/startups/7')
  t.same([...receiversOf(compiled.config, 'slack').keys()], ['deal-flow'])
  t.same([...receiversOf(compiled.config, 'nothing').keys()], [])
})

t.test('a variable cannot change the structure', async (t) => {
  const file = write(t, `${minimal}links: { "*": "https://a.example/\${X}" }\n`)
  for (const value of [
    '"\nserver: {port: 1}\n',
    "'}]",
    '\n  - x',
    '${SECRET}',
    '*a',
    '#',
    '{file: /etc/passwd}',
  ]) {
    const { config } = setupOf(file, { ...environment, X: value })
    t.equal(config.server.port, 8080)
    t.same(config.links?.byType, { '*': `https://a.example/${value}` }, 'neither is it filled in again')
  }
})

t.test('a default counts also where the variable is empty, and only there', async (t) => {
  const file = write(t, `${minimal}store: { url: "sqlite:\${A:-a.db}\${B}" }\n`)
  t.match(loadStoreUrl(file, { A: '', B: '' }), { ok: true, url: /a\.db$/ })
  t.match(loadStoreUrl(file, { A: 'x', B: 'y' }), { ok: true, url: /\/xy$/ })
  t.match(loadStoreUrl(file, { A: 'x' }), {
    ok: false,
    problems: [{ code: 'unset_variable', line: 4, column: 33 }],
  })
})

t.test('a key is never filled in', async (t) => {
  const file = write(t, `${minimal}links: { "\${SECRET}": "https://a.example" }\n`)
  t.same(setupOf(file).config.links?.byType, { '${SECRET}': 'https://a.example' })
})

t.test('{file: PATH} is looked up in $CREDENTIALS_DIRECTORY, then beside the configuration', async (t) => {
  const file = write(t, minimal.replace('"${SECRET}"', '{ file: cuuro }, { file: "${WHERE}" }'))
  const folder = join(file, '..')
  const credentials = join(folder, 'credentials')
  mkdirSync(credentials)
  const [one, two, three] = ['b25l', 'dHdv', 'dGhyZWU='].map((text) => `whsec_${text}`)
  writeFileSync(join(folder, 'cuuro'), `${one}\r\n`)
  writeFileSync(join(folder, 'absolute'), `${three}`)
  const env = { WHERE: join(folder, 'absolute'), CREDENTIALS_DIRECTORY: credentials }
  const secrets = () => setupOf(file, env).config.sources.cuuro?.svix.secrets.map((secret) => secret.reveal())
  t.same(secrets(), [one, three])
  writeFileSync(join(credentials, 'cuuro'), `${two}\n`)
  t.same(secrets(), [two, three])
})

t.test('{file: credentials/NAME} is the credential that systemd makes of a file in a folder', async (t) => {
  const file = write(t, minimal.replace('"${SECRET}"', '{ file: ./credentials/cuuro }'))
  const folder = join(file, '..')
  const passedOn = join(folder, 'run')
  mkdirSync(passedOn)
  mkdirSync(join(folder, 'credentials'))
  const [one, two] = ['b25l', 'dHdv'].map((text) => `whsec_${text}`)
  writeFileSync(join(folder, 'credentials/cuuro'), `${one}\n`)
  const secrets = (env: Record<string, string>) =>
    setupOf(file, env).config.sources.cuuro?.svix.secrets.map((secret) => secret.reveal())
  t.same(secrets({}), [one], 'for a user who may read the folder')
  writeFileSync(join(passedOn, 'credentials_cuuro'), `${two}\n`)
  t.same(secrets({ CREDENTIALS_DIRECTORY: passedOn }), [two])
})

t.test('a folder that cannot be looked into may hold credentials that came after the start', async (t) => {
  const file = write(t, minimal.replace('"${SECRET}"', '{ file: credentials/cuuro }'))
  // Not even root can: permissions would not keep root out.
  symlinkSync('credentials', join(file, '../credentials'))
  const reported = (env: Record<string, string>) => linesOf(file, env)
  t.match(reported({}), [/cannot be read \(ELOOP\) \(make it readable/])
  t.match(reported({ CREDENTIALS_DIRECTORY: '/nonexistent' }), [
    /cannot be read \(ELOOP\) \(restart the service/,
  ])
})

t.test('a file that cannot stand for a text', async (t) => {
  const file = write(t, minimal.replace('"${SECRET}"', '{ file: secret }'))
  const secretFile = join(file, '../secret')
  const reported = () => linesOf(file)
  mkdirSync(secretFile)
  t.match(reported(), [/unreadable_file config.yaml:1:47: the file "secret" is not a regular file/])
  for (const [content, words] of [
    [Buffer.from([0xff, 0x61]), /is not valid UTF-8/],
    [Buffer.from('\ufeffsecret', 'utf16le'), /is UTF-16 \(save it as UTF-8; in PowerShell/],
    [Buffer.alloc(70_000, 'a'), /is larger than 64 kB/],
    [Buffer.from('a\n\n'), /must be a signing secret.*put whsec_ before/],
  ] as const) {
    const other = write(t, minimal.replace('"${SECRET}"', '{ file: secret }'))
    writeFileSync(join(other, '../secret'), content)
    t.match(linesOf(other), [words])
  }
})

t.test('a mapping with the key file is a file only where a text is wanted', async (t) => {
  const file = write(t, `${minimal}links: { file: "https://a.example/{{ data.id }}" }\n`)
  t.same(setupOf(file).config.links?.byType, { file: 'https://a.example/{{ data.id }}' })
})

t.test('a configuration that is not there, or cannot be read', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'config.yaml')
  t.match(linesOf(file), [
    /unreadable_file config.yaml:1:1: there is no configuration \(run `hookbridge init`/,
  ])
  t.match(linesOf(join(file, 'x')), [/there is no configuration/])
  t.match(linesOf(folder), [/the configuration is a folder/])
  writeFileSync(file, Buffer.from([0x61, 0x3a, 0xff]))
  t.match(linesOf(file), [/not valid UTF-8/])
  symlinkSync('/dev/zero', join(folder, 'device'))
  t.match(linesOf(join(folder, 'device')), [/is not a file/])
  chmodSync(folder, 0o755)
  t.match(await whileClosed(file, () => linesOf(file)), [/cannot be read \(EACCES\)/])
})

t.test('templates that this user may not read are not said to be missing', async (t) => {
  const folder = temporaryFolder(t)
  chmodSync(folder, 0o755)
  const file = join(folder, 'config.yaml')
  writeFileSync(file, `${minimal}templates: own\n`)
  const inner = join(folder, 'own/analysis.completed')
  mkdirSync(inner, { recursive: true })
  writeFileSync(join(inner, 'slack.yaml'), 'text: x\n')
  t.notMatch(linesOf(file).join('\n'), /unreadable_file/)
  t.match(await whileClosed(join(folder, 'own'), () => linesOf(file)), [
    /^unreadable_file config\.yaml:\d+:\d+: templates: the folder own cannot be read \(EACCES\) \(make it readable/,
  ])
  const [line] = await whileClosed(inner, () => linesOf(file))
  t.match(line, /^unreadable_file \S*analysis\.completed:1:1: the folder cannot be read \(EACCES\)/)
})

t.test('the store is found while the rest is broken', async (t) => {
  const file = write(
    t,
    'store: { url: "sqlite:${DB:-x.db}", retain: soon }\nroutes: { }\nsuorces: 1\nserver: { port: "${UNSET}" }\n',
  )
  t.same(loadStoreUrl(file, {}), { ok: true, url: `sqlite:${join(file, '../x.db')}` })
  t.same(loadStoreUrl(write(t, 'a: 1'), {}).ok, true, 'by its default')
  const wrong = loadStoreUrl(write(t, 'routes: 1\nstore: { url: mysql:x }'), {})
  t.match(wrong, {
    ok: false,
    problems: [{ line: 2, column: 15, message: /store\.url must be sqlite:PATH/ }],
  })
  t.match(loadStoreUrl(write(t, 'store: ['), {}), { ok: false, problems: [{ code: 'syntax' }] })
  t.match(loadStoreUrl(join(file, 'nowhere'), {}), { ok: false, problems: [{ code: 'unreadable_file' }] })
})

t.test('the running service is found while the rest is broken', async (t) => {
  const broken =
    'server: { host: "${HOST:-::1}", port: "${PORT}", body_limit: huge, admin_token: { file: admin } }\nroutes: 1\n'
  const file = write(t, broken)
  t.match(loadService(file, environment), {
    ok: false,
    problems: [{ line: 1, message: /"admin" does not exist/ }],
  })
  writeFileSync(join(file, '../admin'), 'a-token-of-this-test\n')
  const found = loadService(file, environment)
  t.match(found, { ok: true, service: { host: '::1', port: 8081 } })
  t.equal(found.ok && found.service.admin_token?.reveal(), 'a-token-of-this-test')
  t.match(loadService(write(t, 'a: 1'), {}), { ok: true, service: { host: '127.0.0.1', port: 8080 } })
  t.match(loadService(write(t, 'server: 1'), {}), { ok: true, service: { port: 8080 } })
  t.match(loadService(write(t, 'server: ['), {}), { ok: false, problems: [{ code: 'syntax' }] })
})

t.test('the files that a configuration was read from are known, whether it is valid or not', async (t) => {
  const file = write(
    t,
    `${minimal.replace('"${SECRET}"', '"${SECRET}", { file: one }, { file: two }')}templates: looks\n`,
  )
  const folder = join(file, '..')
  const env = { ...environment, CREDENTIALS_DIRECTORY: join(folder, 'credentials') }
  mkdirSync(join(folder, 'looks/default'), { recursive: true })
  writeFileSync(join(folder, 'looks/default/console.txt'), 'x')
  writeFileSync(join(folder, 'one'), secret)
  const read = () => {
    const loaded = loadConfig(file, env)
    const files = loaded.ok ? loaded.compiled.files : loaded.files
    return [loaded.ok, ...[...files.keys()].map((path) => relative(folder, path)).sort()]
  }
  const files = [
    'config.yaml',
    'credentials/one',
    'credentials/two',
    'looks',
    'looks/default',
    'looks/default/console.txt',
    'one',
    'two',
  ]
  t.strictSame(read(), [false, ...files], 'also what it looked for in vain')
  writeFileSync(join(folder, 'two'), secret)
  t.strictSame(read(), [true, ...files])
  writeFileSync(file, 'routes: [')
  t.strictSame(read(), [false, 'config.yaml'])
})

t.test('a pipe is read once', async (t) => {
  const pipe = join(temporaryFolder(t), 'pipe')
  t.equal(spawnSync('mkfifo', [pipe]).status, 0)
  t.match(reloadConfig(pipe, environment), {
    ok: false,
    problems: [{ code: 'unreadable_file', message: /came through a pipe/ }],
  })
  t.match(reloadConfig(join(pipe, '../nowhere'), environment), {
    problems: [{ message: /there is no configuration/ }],
  })
  t.ok(reloadConfig(write(t, minimal), environment).ok)
})

t.test('the problems of all stages are reported at once, in order', async (t) => {
  const problems = problemsOf(loadConfig(join(fixtures, 'bad/everything-at-once.yaml'), environment))
  const stages = [
    'unset_variable',
    'unknown_key',
    'wrong_type',
    'unknown_receiver',
    'wrong_match',
    'wrong_link',
  ]
  const codes = problems.map(({ code }) => code)
  for (const code of stages) t.ok(codes.includes(code as (typeof codes)[number]), code)
  const places = problems.map(({ line, column }) => line * 1_000 + column)
  t.same(
    places,
    [...places].sort((a, b) => a - b),
  )
})
