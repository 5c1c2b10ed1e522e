import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parse } from 'yaml'
import { commands } from '../../src/cli/commands.ts'
import { configFile } from '../../src/cli/config-file.ts'
import { startTestApp } from '../support/app.ts'
import { whileClosed } from '../support/closed.ts'
import { hookbridge } from '../support/hookbridge.ts'
import { environment, history, newEvent, post, temporaryFolder } from '../support/service.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

const yaml = `
sources:
  cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } }
receivers:
  log: { console: {} }
channels:
  console: {}
routes:
  - name: analyses
    match: { type: "analysis.*" }
    receivers: [log]
`

t.test('the configuration is the one that is named, or where it usually is', async (t) => {
  const etc = '/etc/hookbridge/config.yaml'
  const at = (env: NodeJS.ProcessEnv, named: string | undefined, ...there: readonly string[]) =>
    configFile({ env, cwd: '/home' }, named, (path) => there.includes(path))
  t.equal(at({}, undefined, '/home/config.yaml', etc), '/home/config.yaml')
  t.equal(at({}, undefined, etc), etc)
  t.equal(at({}, undefined), '/home/config.yaml', 'which is then reported as missing')
  t.equal(at({ HOOKBRIDGE_CONFIG: 'other.yaml' }, undefined, etc), '/home/other.yaml')
  t.equal(at({ HOOKBRIDGE_CONFIG: '' }, undefined, etc), etc)
  t.equal(at({ HOOKBRIDGE_CONFIG: 'other.yaml' }, 'mine.yaml', etc), '/home/mine.yaml')
  // In a folder that is closed to the user, as after sudo -u.
  const closed = (...closed: readonly string[]) =>
    configFile({ env: {}, cwd: '/home' }, undefined, (path) => {
      if (closed.includes(path)) throw new Error('EACCES')
      return path === etc
    })
  t.equal(closed('/home/config.yaml'), etc)
  t.equal(closed('/home/config.yaml', etc), etc, 'which is then reported as unreadable')
})

t.test('bad usage exits 2 and says what was meant', async (t) => {
  t.match(await hookbridge(['chekc']), { code: 2, err: /unknown command 'chekc'\n\(Did you mean check\?\)/ })
  t.match(await hookbridge(['fo\u001b[31mo']), { code: 2, err: "unknown command 'fo\\x1b[31mo'\n(" })
  t.match(await hookbridge(['events', '--jsn']), {
    code: 2,
    err: /unknown option '--jsn'\n\(Did you mean --json\?\)/,
  })
  t.match(await hookbridge(['events', '--since', 'yesterday']), { code: 2, err: /30m, 12h or 7d/ })
  t.match(await hookbridge(['deliveries', '--state', 'lost']), {
    code: 2,
    err: /pending, held, sending, delivered/,
  })
  for (const argv of [['--config'], ['events', '--config']])
    t.match(await hookbridge(argv), { code: 2, err: /option '--config <file>' argument missing\n\(--help/ })
  t.match(await hookbridge(['events', '--limit', '0']), { code: 2, err: /above 0/ })
  t.match(await hookbridge([]), { code: 2, err: /Usage: hookbridge/ })
  t.match(await hookbridge(['--help']), { code: 0, out: /Usage: hookbridge/ })
  t.match(await hookbridge(['--version']), { code: 0, out: /^\d+\.\d+\.\d+\n$/ })
})

t.test('help fits a terminal', async (t) => {
  const { out } = await hookbridge(['--help'], { columns: 80 })
  for (const line of out.split('\n')) t.ok(line.length <= 80, line)
})

t.test('the help explains every argument and option', async (t) => {
  for (const command of [...commands.map(({ name }) => [name]), ['events', 'show'], ['deliveries', 'show']]) {
    if (command[0] === 'complete') continue
    const { out } = await hookbridge([...command, '--help'], { columns: 200 })
    const [, usage = ''] = /^Usage: hookbridge (.*)$/m.exec(out) ?? []
    const takes = usage.replace('[options]', '').replace('[command]', '')
    if (/[[<]/.test(takes)) t.match(out, 'Arguments:', `${command.join(' ')} has arguments`)
    for (const line of out.split('\n')) {
      if (!/^ {2}\S/.test(line)) continue
      t.match(line, /^ {2}\S.*? {2,}\S/, `${command.join(' ')}: ${line}`)
    }
  }
})

t.test('a missing configuration says how to get one', async (t) => {
  t.match(await hookbridge(['serve'], { cwd: temporaryFolder(t) }), {
    code: 1,
    err: /config\.yaml.*hookbridge init/,
  })
})

t.test('errors and hints name commands as the user runs them', async (t) => {
  const cwd = temporaryFolder(t)
  const npx = (...args: string[]) => hookbridge(args, { cwd, command: 'npx hookbridge' })
  t.match(await npx('serve'), { code: 1, err: /run `npx hookbridge init` to create one/ })
  t.match(await npx('check'), { code: 1, out: /run `npx hookbridge init` to create one/ })
  t.match(await npx('reload'), { code: 1, out: /run `npx hookbridge init` to create one/ })
  t.match(await npx('health'), { code: 1, err: /run `npx hookbridge init` to create one/ })
  t.match(await npx('doctor'), { code: 1, out: /run\s+`npx hookbridge init` to create one/ })
  t.match(await npx('events'), { code: 1, err: /run `npx hookbridge init` to create one/ })
  const app = await startTestApp(t, yaml)
  const show = await hookbridge(['events', 'show', 'x', '--config', app.config], {
    command: 'npx hookbridge',
  })
  t.match(show, { code: 1, err: /"npx hookbridge events" lists them/ })
  const reload = ['reload', '--url', 'http://127.0.0.1:1', '--config', app.config]
  const env = { HOOKBRIDGE_ADMIN_TOKEN: 'only-tests-know-this-admin-token' }
  writeFileSync(
    app.config,
    readFileSync(app.config, 'utf8').replace('port: 0', 'port: 0, admin_token: "${HOOKBRIDGE_ADMIN_TOKEN}"'),
  )
  t.match(await hookbridge(reload, { command: 'npx hookbridge', env }), {
    code: 1,
    err: /is "npx hookbridge serve" running there\?/,
  })
})

t.test('check prints all problems, with their places, and exits 1', async (t) => {
  const cwd = temporaryFolder(t)
  writeFileSync(
    join(cwd, 'config.yaml'),
    yaml.replace('[log]', '[lgo]').replace('name: analyses', 'nmae: analyses'),
  )
  const { code, out, err } = await hookbridge(['check'], { cwd })
  t.equal(code, 1)
  t.match(out, /config\.yaml:9:5: unknown key "nmae"/)
  t.match(out, /config\.yaml:11:17: unknown receiver "lgo" \(known: log\)/)
  t.match(err, /2 problems/)
  const json = await hookbridge(['check', '--json'], { cwd })
  t.equal(json.code, 1)
  const errors = (JSON.parse(json.out) as { severity: string }[]).filter(
    ({ severity }) => severity === 'error',
  )
  t.match(errors, [
    { line: 9, column: 5, code: 'unknown_key' },
    { line: 11, column: 17 },
  ])
})

t.test('the history is there while the rest of the configuration is broken', async (t) => {
  const app = await startTestApp(t, yaml)
  writeFileSync(
    app.config,
    readFileSync(app.config, 'utf8')
      .replace('${WEBHOOK_SECRET}', '${UNSET_SECRET}')
      .replace('[log]', '[lgo]'),
  )
  t.match(await hookbridge(['--config', app.config, 'events']), { code: 0, out: /no events/ })
  t.match(await hookbridge(['--config', app.config, 'replay', 'x']), { code: 1, err: /UNSET_SECRET/ })
})

t.test('a store that is not there yet, or too new', async (t) => {
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, 'config.yaml'), yaml)
  t.match(await hookbridge(['events'], { cwd }), {
    code: 1,
    err: /no store at .*hookbridge\.db; start the service once/,
  })
})

t.test('schema prints the JSON schema', async (t) => {
  const { code, out } = await hookbridge(['schema'])
  t.equal(code, 0)
  t.match(JSON.parse(out), {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    properties: { routes: {} },
  })
})

t.test('schema --markdown prints the reference', async (t) => {
  const { code, out } = await hookbridge(['schema', '--markdown'])
  t.equal(code, 0)
  t.equal(out, readFileSync(new URL('../../docs/config.md', import.meta.url), 'utf8'))
})

t.test('check fails for warnings where it is strict, and annotates for GitHub', async (t) => {
  const cwd = temporaryFolder(t)
  const twice = `${yaml}  - { match: { type: analysis.completed }, receivers: [log] }\n`
  writeFileSync(join(cwd, 'config.yaml'), twice)
  const warning =
    /config\.yaml:12:5: warning: no event reaches this route: routes\[0\] \(line 9\) takes all of them/
  t.match(await hookbridge(['check'], { cwd }), { code: 0, out: warning })
  t.match(await hookbridge(['check', '--strict'], { cwd }), {
    code: 1,
    out: warning,
    err: 'hookbridge: 1 problem in the configuration\n',
  })
  writeFileSync(
    join(cwd, 'config.yaml'),
    `${twice}tests:\n  - { name: "100%, all: reported", event: { event: a }, expect: { receivers: [log] } }\n`,
  )
  const { code, out } = await hookbridge(['check', '--format', 'github'], { cwd })
  t.equal(code, 1)
  t.match(out, /^::warning file=\S+config\.yaml,line=12,col=5::no event reaches this route/m)
  t.match(
    out,
    /^::error file=\S+,line=14,col=\d+::the test "100%25, all: reported" failed: .*%0A- log \(expected\)$/m,
  )
  t.match(JSON.parse((await hookbridge(['check', '--json'], { cwd })).out), [
    { severity: 'warning', code: 'unreachable_route' },
    { severity: 'error', code: 'failed_test', detail: '- log (expected)' },
  ])
})

t.test('check runs the tests, those of stored events too', async (t) => {
  const app = await startTestApp(t, yaml)
  const event = newEvent()
  await post(app.url, event)
  const stored = (await history(app.folder)).events[0]?.id ?? ''
  const withTest = (id: string) =>
    `${readFileSync(app.config, 'utf8').split('tests:')[0]}tests: [{ stored: ${id}, expect: { routes: [analyses], receivers: [log] } }]\n`
  writeFileSync(app.config, withTest(stored))
  const fine = await hookbridge(['check', '--config', app.config])
  t.match(fine, { code: 0, out: /: fine, 1 test passed\n$/ })
  writeFileSync(app.config, withTest('evt_gone'))
  t.match(await hookbridge(['check', '--config', app.config]), {
    code: 1,
    out: /tests\[0\] has no event: evt_gone is not stored/,
  })
})

t.test('a test of a stored event fails alone where there is no store', async (t) => {
  const cwd = temporaryFolder(t)
  writeFileSync(
    join(cwd, 'config.yaml'),
    `${yaml}tests:
  - { stored: evt_1, expect: { receivers: [log] } }
  - { event: { event: a }, expect: { receivers: [log] } }
`,
  )
  const { code, out } = await hookbridge(['check', '--json'], { cwd })
  t.equal(code, 1)
  t.match(JSON.parse(out), [
    { code: 'failed_test', message: /^tests\[0\] has no event: there is no store at / },
    { code: 'failed_test', message: /^tests\[1\] failed: other receivers get the event/ },
  ])
})

t.test('what came from outside neither steers the terminal nor begins a line', async (t) => {
  const app = await startTestApp(t, yaml)
  const type = 'analysis.x\nfake line\u009b31m\u202ereversed'
  await post(app.url, { ...newEvent(), body: JSON.stringify({ event: type, data: { name: 'a\u009b31mb' } }) })
  const { id = '' } = (await history(app.folder)).events[0] ?? {}
  for (const args of [
    ['events'],
    ['events', 'show', id],
    ['explain', id],
    ['preview', id],
    ['explain', '--since', '1h'],
  ]) {
    const { out } = await hookbridge([...args, '--config', app.config])
    t.notMatch(out, /[\u0080-\u009f\u202e]/, args.join(' '))
    t.notMatch(out, /^fake line/m, args.join(' '))
  }
  writeFileSync(
    app.config,
    `${readFileSync(app.config, 'utf8')}tests: [{ stored: ${id}, expect: { rendered: { log: [nowhere] } } }]\n`,
  )
  const { out } = await hookbridge(['check', '--config', app.config])
  t.match(out, /no message to log contains "nowhere"\n {4}.*analysis\.x/)
  t.notMatch(out, /[\u0080-\u009f\u202e]/)
})

t.test('a file that the system does not read is no bug', async (t) => {
  const app = await startTestApp(t, yaml)
  t.match(await hookbridge(['explain', '/proc/self/mem', '--config', app.config]), {
    code: 1,
    err: /^hookbridge: the disk that holds \/proc\/self failed; look into the system log\n$/,
  })
})

t.test('a pipe gets all that is written, however slowly it is read', async (t) => {
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, 'config.yaml'), yaml)
  const data = Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`key_${at}`, 'x'.repeat(20)]))
  writeFileSync(join(cwd, 'big.json'), JSON.stringify({ event: 'analysis.big', data }))
  const child = spawn(process.execPath, [main, 'explain', 'big.json', '--json'], {
    cwd,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = once(child, 'close')
  let text = ''
  child.stdout.setEncoding('utf8')
  for await (const part of child.stdout) text += part
  t.strictSame(await closed, [0, null])
  t.equal(Object.keys(JSON.parse(text).event.payload.data).length, 5_000)
})

t.test(
  'slack-manifest prints the scopes that the receivers need, what comes next, and what is left out',
  async (t) => {
    const file = join(temporaryFolder(t), 'config.yaml')
    const manifest = (receivers: readonly string[], env = {}) => {
      const each = receivers.map((receiver, at) => `  r${at}: { ${receiver} }\n`)
      writeFileSync(file, `receivers:\n${each.join('')}`)
      return hookbridge(['slack-manifest', '--config', file], { env })
    }
    const channel = 'slack: { channel: "#deals" }'
    const person = 'slack: { channel: U0123456789 }'
    const webhook = 'slack: { webhook_url: "${NOT_SET_YET}" }'
    const variable = 'slack: { channel: "${SLACK_CHANNEL}" }'
    const posting = ['chat:write', 'chat:write.public', 'channels:read']
    for (const [receivers, scopes, next] of [
      [[channel], posting, ['token', 'channels']],
      [[person], ['chat:write'], ['token', 'people']],
      [[webhook], ['incoming-webhook'], ['webhook']],
      [[webhook, 'email: { to: [a@b.example] }'], ['incoming-webhook'], ['webhook']],
      [
        [person, webhook],
        ['chat:write', 'incoming-webhook'],
        ['token', 'webhook', 'people'],
      ],
      [[person, channel], posting, ['token', 'channels', 'people']],
      [[variable], posting, ['token', 'channels']],
    ] as const) {
      const { code, out, err } = await manifest(receivers)
      t.equal(code, 0)
      t.strictSame(parse(out).oauth_config.scopes.bot, scopes, receivers.join())
      const link = /Create the app with it: (\S+)/.exec(err)?.[1] ?? ''
      t.equal(new URL(link).searchParams.get('manifest_yaml'), out)
      const words = {
        token: /its bot token, xoxb-…, into channels\.slack\.token/,
        webhook: /the URL is then under Incoming Webhooks/,
        channels: /With the scope channels:history \(groups:history for private channels\)/,
        people: /With the scope im:history/,
      }
      const text = err.replaceAll('\n', ' ')
      const said = Object.entries(words).flatMap(([key, pattern]) => (pattern.test(text) ? [key] : []))
      t.strictSame(said, next, receivers.join())
    }
    const filled = await manifest([variable], { SLACK_CHANNEL: 'U0123456789' })
    t.strictSame(parse(filled.out).oauth_config.scopes.bot, ['chat:write'])
    for (const receivers of [[], ['email: { to: [a@b.example] }'], ['slack: {}']]) {
      t.match(await manifest(receivers), {
        code: 1,
        out: '',
        err: /^hookbridge: no receiver of this configuration sends to Slack, so no app is needed: give one slack/,
      })
    }
  },
)

t.test('a file that cannot be read or written is named in a sentence', async (t) => {
  const cwd = t.testdir({ file: '', folder: { 'event.json': '{}' } })
  writeFileSync(join(cwd, 'config.yaml'), yaml)
  const cases: readonly (readonly [args: string, says: RegExp])[] = [
    ['explain none.json', /there is no file \S+none\.json; name another file/],
    ['explain folder', /\/folder is a folder; name another file/],
    ['explain file/x', /a part of \S+file is a file, not a folder/],
    ['preview --type a.b --html none/page.html', /there is no folder \S+none; make it, or name another one/],
    ['preview --type a.b --html folder', /\/folder is a folder; name another one/],
    ['send --file folder', /\/folder is a folder; name another file/],
  ]
  for (const [args, says] of cases) {
    const { code, err } = await hookbridge(args.split(' '), { cwd })
    t.ok(code === 1 || code === 2, args)
    t.match(err, says, args)
    t.notMatch(err, /\bE[A-Z]{3,}\b/, args)
  }
  chmodSync(cwd, 0o755)
  const closed = () => hookbridge(['explain', 'folder/event.json'], { cwd })
  t.match(await whileClosed(join(cwd, 'folder'), closed), {
    code: 1,
    err: /may not read \S+event\.json; make it read/,
  })
})
