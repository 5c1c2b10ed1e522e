import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { hookbridge } from '../../support/hookbridge.ts'
import { startMailServer } from '../../support/mail-server.ts'
import { holdPort } from '../../support/ports.ts'
import { onTerminal, PATIENCE_MS, type Pty } from '../../support/pty.ts'
import { environment, newEvent, post, startService, temporaryFolder } from '../../support/service.ts'
import { until } from '../../support/until.ts'

const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))

const env = { CUURO_WEBHOOK_SECRET: environment.WEBHOOK_SECRET, SMTP_URL: 'smtp://127.0.0.1:2525' }

t.test('it writes what check accepts, and never overwrites', async (t) => {
  const cwd = temporaryFolder(t)
  t.match(await hookbridge(['init'], { cwd }), { code: 0, err: '' })
  t.strictSame(readdirSync(cwd).toSorted(), ['config.schema.json', 'config.yaml', 'templates'])
  t.ok(existsSync(join(cwd, 'templates/analysis.completed/slack.yaml')))
  t.match(await hookbridge(['check'], { cwd, env }), { code: 0, err: '', out: /fine/ })
  const before = readFileSync(join(cwd, 'config.yaml'), 'utf8')
  t.match(await hookbridge(['init'], { cwd }), { code: 1, err: /config\.yaml.* exist; nothing was written/ })
  t.equal(readFileSync(join(cwd, 'config.yaml'), 'utf8'), before)
  t.match(
    await hookbridge(['check'], { cwd, env: { ...env, SMTP_URL: '' } }),
    { code: 1 },
    'an empty variable',
  )
})

const isCommand = /^ {5}(.*)$/gm

t.test('the commands that it prints are those of one who runs it so', async (t) => {
  const cwd = temporaryFolder(t)
  const printed = async (folder: string, command?: string) => {
    const { out } = await hookbridge(['init', folder], { cwd, ...(command !== undefined && { command }) })
    return [...out.matchAll(isCommand)].map(([, line]) => line)
  }
  t.same(await printed('.'), [
    'hookbridge check',
    'hookbridge doctor',
    'hookbridge serve',
    'hookbridge send --type analysis.completed --wait',
  ])
  t.same(await printed('in here', 'npx hookbridge'), [
    "npx hookbridge check --config 'in here/config.yaml'",
    "npx hookbridge doctor --config 'in here/config.yaml'",
    "npx hookbridge serve --config 'in here/config.yaml'",
    "npx hookbridge send --type analysis.completed --wait --config 'in here/config.yaml'",
  ])
  const elsewhere = join(temporaryFolder(t), 'made')
  t.match(await printed(elsewhere), [
    `hookbridge check --config ${elsewhere}/config.yaml`,
    /doctor/,
    /serve/,
    /send/,
  ])
  const { out } = await hookbridge(['init', 'there'], {
    cwd,
    env: { HOOKBRIDGE_CONFIG: 'there/config.yaml' },
  })
  t.match(out, /hookbridge check\n/, 'the commands read that configuration anyway')
  const other = await hookbridge(['init', '.'], {
    cwd: temporaryFolder(t),
    env: { HOOKBRIDGE_CONFIG: 'there/config.yaml' },
  })
  t.match(other.out, /hookbridge check --config config\.yaml\n/)
})

t.test('the first of them works as it stands', async (t) => {
  const cwd = temporaryFolder(t)
  const { out } = await hookbridge(['init', 'here'], { cwd })
  const [[, check = ''] = []] = out.matchAll(isCommand)
  const [, ...args] = check.split(' ')
  t.match(await hookbridge(args, { cwd, env }), { code: 0, out: /fine/ })
})

/** Types each answer at its question, in their order on the screen. */
async function answer(pty: Pty, answers: readonly (readonly [question: string, typed: string])[]) {
  let seen = 0
  for (const [question, typed] of answers) {
    const at = () => pty.screen().indexOf(question, seen)
    await until(() => at() !== -1, question, PATIENCE_MS).catch(() => {
      throw new Error(
        `no "${question}" on the screen, after\n${pty.screen().slice(0, seen)}\nthere is${pty.screen().slice(seen)}`,
      )
    })
    seen = at() + question.length
    pty.type(`${typed}\n`)
  }
}

t.test('on a terminal it asks, and what it writes works', async (t) => {
  const mail = await startMailServer({ auth: { user: 'alerts@acme.io', pass: 'p@ss/word' } })
  t.teardown(() => mail.close())
  const cwd = temporaryFolder(t)
  // Whatever this machine's network is, Slack cannot be reached.
  const env = { HTTPS_PROXY: `http://127.0.0.1:${holdPort(t).port}`, NO_COLOR: '1' }
  const pty = onTerminal(t, [process.execPath, main, 'init', 'here'], { cwd, env })
  const signing = environment.WEBHOOK_SECRET
  const token = 'xoxb-1-only-typed-here'
  await answer(pty, [
    ['Signing secret', 'whsec_short'],
    ['✗ must be a signing secret', signing],
    ['Bot token', 'xoxp-1-2'],
    ['✗ is a user token', token],
    ['Channel [#deal-flow]', 'https://acme.slack.com/archives/C0123456789'],
    ['write the id in it: C0123456789', '#alerts'],
    ['✗ Slack cannot be reached', 'no'],
    ['Bot token', token],
    ['Channel [#alerts]', ''],
    ['Keep these answers all the same? [y/N]', 'y'],
    ['Mail server', 'ftp://127.0.0.1'],
    ['✗ must be a URL', `127.0.0.1:${mail.port}`],
    ['User name', 'alerts@acme.io'],
    ['Password', 'wrong'],
    ['From', 'alerts'],
    ['✗ must be a mail address', 'Alerts <alerts@acme.io>'],
    ['To', 'jane@acme.io, joe@acme.io'],
    ['✗ the mail server does not accept the login', 'n'],
    ['Mail server', ''],
    ['User name', 'alerts@acme.io'],
    ['Password', 'p@ss/word'],
    ['From [Alerts <alerts@acme.io>]', ''],
    ['To, several with commas [jane@acme.io, joe@acme.io]', ''],
    ['the login is accepted', ''],
  ])
  t.equal(await pty.ended, 0)
  const screen = pty.screen().replaceAll(/checking [\w ]+ …(?: \d+ s)?/g, '')
  for (const secret of [signing, token, 'p@ss/word']) t.notOk(screen.includes(secret), 'secrets do not show')
  for (const line of screen.split('\n')) t.ok(line.length <= 80 || line.startsWith('     '), line)

  const folder = join(cwd, 'here')
  const config = readFileSync(join(folder, 'config.yaml'), 'utf8')
  for (const part of [
    'file: credentials/cuuro-webhook-secret',
    'file: credentials/slack-bot-token',
    'channel: "#alerts"',
    'file: credentials/smtp-url',
    'from: "Alerts <alerts@acme.io>"',
    'to: [jane@acme.io, joe@acme.io]',
    '\n  admin_socket: admin.sock',
    '# links:',
    'notices: { receivers: [partners] }',
  ])
    t.ok(config.includes(part), part)
  for (const secret of [signing, token, 'p@ss', 'p%40ss'])
    t.notOk(config.includes(secret), 'secrets are elsewhere')
  const smtp = `smtp://alerts%40acme.io:p%40ss%2Fword@127.0.0.1:${mail.port}`
  for (const [name, secret] of [
    ['cuuro-webhook-secret', signing],
    ['slack-bot-token', token],
    ['smtp-url', smtp],
  ] as const) {
    const file = join(folder, 'credentials', name)
    t.equal(readFileSync(file, 'utf8'), `${secret}\n`)
    t.equal(statSync(file).mode & 0o777, 0o600)
  }
  t.match(await hookbridge(['check', '--config', 'here/config.yaml'], { cwd }), { code: 0, err: '' })

  const file = join(folder, 'config.yaml')
  writeFileSync(file, config.replace('port: 8080', 'port: 0'))
  const service = await startService(file, env)
  t.teardown(() => service.end('SIGKILL'))
  t.equal((await post(service.url, newEvent())).status, 202)
  await until(() => mail.messages.length === 2, 'a mail to each address')
  t.match(await hookbridge(['reload', '--config', 'here/config.yaml'], { cwd }), { code: 0 })
  t.equal((await service.end('SIGTERM')).code, 0)
})

t.test('what is left out can be put in later; a webhook; none of both', async (t) => {
  const cwd = temporaryFolder(t)
  const webhook = 'https://hooks.slack.com/services/T0/B0/only-typed-here'
  const pty = onTerminal(t, [process.execPath, main, 'init'], { cwd, env: { NO_COLOR: '1' } })
  await answer(pty, [
    ['Signing secret', ''],
    ['Bot token', webhook],
    ['Mail server', ''],
    ['Next:', ''],
  ])
  t.equal(await pty.ended, 0)
  const [, put = ''] = /(install -m 600 \S+ \S+)/.exec(pty.screen()) ?? []
  t.equal(put, 'install -m 600 /dev/stdin credentials/cuuro-webhook-secret')
  const check = () => hookbridge(['check'], { cwd })
  t.match(await check(), { code: 1, out: /credentials\/cuuro-webhook-secret/ })
  spawnSync('sh', ['-c', `echo "$0" | ${put}`, environment.WEBHOOK_SECRET], { cwd })
  t.match(await check(), { code: 0, out: /fine/ })
  t.equal(readFileSync(join(cwd, 'credentials/slack-webhook-url'), 'utf8'), `${webhook}\n`)

  const bare = join(cwd, 'bare')
  const shy = onTerminal(t, [process.execPath, main, 'init', bare], { cwd, env: { NO_COLOR: '1' } })
  await answer(shy, [
    ['Signing secret', environment.WEBHOOK_SECRET],
    ['Bot token', ''],
    ['Mail server', ''],
    ['Next:', ''],
  ])
  t.match(await hookbridge(['check', '--config', 'bare/config.yaml'], { cwd }), { code: 0, out: /fine/ })
  t.match(readFileSync(join(bare, 'config.yaml'), 'utf8'), /terminal:\n {4}console: \{\}/)
})

t.test('it never overwrites, and one who gives up has changed nothing', async (t) => {
  const cwd = temporaryFolder(t)
  const pty = onTerminal(t, [process.execPath, main, 'init'], { cwd })
  await pty.shows('Signing secret')
  pty.type('\u0003')
  await pty.shows('nothing was written')
  t.equal(await pty.ended, 1)
  t.strictSame(readdirSync(cwd), [])
  mkdirSync(join(cwd, 'credentials'))
  writeFileSync(join(cwd, 'credentials/smtp-url'), 'smtp://mine\n')
  const again = onTerminal(t, [process.execPath, main, 'init'], { cwd })
  await again.shows('credentials/smtp-url already exists; nothing was written')
  t.equal(await again.ended, 1)
  t.match(await hookbridge(['init', '--yes'], { cwd, columns: 80, answer: '' }), {
    code: 0,
    out: /environment variables/,
  })
})

t.test('a folder whose path is too long for a socket', async (t) => {
  const cwd = join(temporaryFolder(t), 'long'.repeat(25))
  mkdirSync(cwd)
  t.match(await hookbridge(['init'], { cwd }), { code: 0 })
  t.match(await hookbridge(['check'], { cwd, env }), { code: 0, out: /fine/ })
  t.match(readFileSync(join(cwd, 'config.yaml'), 'utf8'), /^ {2}# admin_socket/m)
})

t.test('where no folder can be made it says so', { skip: process.platform !== 'linux' }, async (t) => {
  t.match(await hookbridge(['init', '/proc/x', '--yes']), {
    code: 1,
    out: '',
    err: /^hookbridge: no folder can be made in \/proc; name another one\n$/,
  })
  const cwd = t.testdir({ file: '' })
  t.match(await hookbridge(['init', 'file/x', '--yes'], { cwd }), { code: 1, err: /is a file, not a folder/ })
})
