/** What install-service does to a machine, in folders that stand for its own; test/systemd has a real machine. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import t, { type Test } from 'tap'
import { installService } from '../../src/cli/install/installation.ts'
import { CommandError } from '../../src/cli/terminal/terminal.ts'
import { loadConfig } from '../../src/config/load.ts'
import { type Machine, thisMachine } from '../../src/install/machine.ts'
import { planInstallation, planRemoval } from '../../src/install/plan.ts'
import { hookbridge } from '../support/hookbridge.ts'
import { secret } from '../support/service.ts'

/** A machine with a package as npm installs it, and a systemctl that only notes what it is asked. */
function aMachine(t: Test, different: Partial<Machine> = {}) {
  // There whatever TMPDIR says: a test wants it where the service does not look.
  const folder = mkdtempSync('/tmp/hookbridge-test-')
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const asked: string[] = []
  const units = join(folder, 'units')
  const product = join(folder, 'node_modules/hookbridge')
  mkdirSync(units)
  mkdirSync(product, { recursive: true })
  const ours = thisMachine().product.folder
  for (const name of ['packaging', 'templates'])
    cpSync(join(ours, name), join(product, name), { recursive: true })
  const machine: Machine = {
    isRoot: true,
    systemd: 252,
    // A program that every user may run, wherever these tests have their Node.
    node: { path: '/bin/sh', major: 26 },
    product: { folder: product, program: join(product, 'packaging/hookbridge.service') },
    units,
    home: join(folder, 'etc'),
    systemctl: (...args) => {
      asked.push(args.join(' '))
      return ''
    },
    ask: () => '',
    ...different,
  }
  return { machine, asked, ...machine }
}

function install(machine: Machine): string[] {
  const { steps } = planInstallation(machine)
  for (const { apply } of steps) apply()
  return steps.map(({ verb, what }) => `${verb} ${what}`)
}

function rights(path: string): string {
  return (statSync(path).mode & 0o777).toString(8)
}

t.test('a machine without anything gets all of it, and the second time nothing', async (t) => {
  const { machine, asked, units, home } = aMachine(t)
  t.equal(install(machine).length, 9)
  t.strictSame(asked, ['daemon-reload', 'enable hookbridge.service hookbridge.socket'])
  t.equal(rights(join(home, 'credentials')), '700')
  for (const file of ['config.yaml', 'config.schema.json']) t.equal(rights(join(home, file)), '644', file)
  t.ok(existsSync(join(home, 'templates/layout.html')))
  const unit = readFileSync(join(units, 'hookbridge.service'), 'utf8')
  const program = `${machine.node.path} ${machine.product.program}`
  t.match(unit, `\nExecStart=${program} serve\n`)
  t.match(unit, `\nExecReload=${program} check\n`)
  t.notMatch(unit, '/usr/local/bin/hookbridge')
  t.match(unit, `\nDocumentation=file:${machine.product.folder}/docs/systemd.md\n`)
  t.strictSame(install(machine), [])
})

t.test('its configuration needs nothing but the secrets in their files', async (t) => {
  const { machine, home } = aMachine(t)
  install(machine)
  const config = join(home, 'config.yaml')
  const before = loadConfig(config, {})
  t.strictSame(before.ok ? [] : before.problems.map(({ code }) => code), Array(3).fill('unreadable_file'))
  const secrets = {
    'cuuro-webhook-secret': secret,
    'slack-bot-token': 'xoxb-1',
    'smtp-url': 'smtp://127.0.0.1',
  }
  for (const [name, value] of Object.entries(secrets)) writeFileSync(join(home, 'credentials', name), value)
  const after = loadConfig(config, {})
  const problems = after.ok ? after.warnings : after.problems
  t.same(
    problems.filter(({ code }) => code !== 'example_value').map(({ message }) => message.slice(0, 16)),
    ['links is missing'],
    'but for the addresses of the example',
  )
})

t.test('what a user has is left alone', async (t) => {
  const { machine, home } = aMachine(t)
  mkdirSync(join(home, 'credentials'), { recursive: true, mode: 0o755 })
  writeFileSync(join(home, 'config.yaml'), 'mine')
  writeFileSync(join(home, 'credentials/token'), 'mine')
  install(machine)
  t.equal(readFileSync(join(home, 'config.yaml'), 'utf8'), 'mine')
  t.notOk(existsSync(join(home, 'templates')), 'who has a configuration has templates where it says')
  t.equal(readFileSync(join(home, 'credentials/token'), 'utf8'), 'mine')
  t.equal(rights(join(home, 'credentials')), '700', 'but the secrets are closed to others')
})

t.test('an upgrade replaces the unit, and does not enable what was disabled', async (t) => {
  const { machine, asked, units, product } = aMachine(t)
  install(machine)
  asked.length = 0
  const packaged = join(product.folder, 'packaging/hookbridge.socket')
  writeFileSync(packaged, `${readFileSync(packaged, 'utf8')}# new\n`)
  const [step, ...others] = planInstallation(machine).steps
  t.match(step, { verb: 'replace', what: join(units, 'hookbridge.socket') })
  t.match(step?.detail, [/^- # sha256/, /^\+ # sha256/, '+ # new'])
  t.match(others, [{ what: 'systemctl daemon-reload' }])
  t.equal(others.length, 1)
  install(machine)
  t.match(readFileSync(join(units, 'hookbridge.socket'), 'utf8'), /\n# new\n$/)
})

t.test('units that systemd has not read yet are reloaded, though they are right', async (t) => {
  const { machine } = aMachine(t)
  install(machine)
  const again = planInstallation({ ...machine, ask: () => 'NeedDaemonReload=no\n\nNeedDaemonReload=yes\n' })
  t.match(again.steps, [{ what: 'systemctl daemon-reload' }])
})

t.test('a unit that was changed by hand, or is a link, stays as it is', async (t) => {
  const { machine, units } = aMachine(t)
  install(machine)
  const service = join(units, 'hookbridge.service')
  writeFileSync(service, `${readFileSync(service, 'utf8')}Environment=MINE=1\n`)
  for (const plan of [planInstallation(machine), planRemoval(machine)])
    t.match(
      plan.problems.join(),
      /hookbridge\.service was changed by hand.*systemctl edit hookbridge\.service/,
    )
  const other = aMachine(t)
  symlinkSync('/dev/null', join(other.units, 'hookbridge.socket'))
  t.match(planInstallation(other.machine).problems.join(), /hookbridge\.socket was changed by hand/)
})

t.test('removing takes the units, stopped and disabled, and nothing else', async (t) => {
  const { machine, asked, units, home } = aMachine(t)
  install(machine)
  asked.length = 0
  for (const { apply } of planRemoval(machine).steps) apply()
  t.strictSame(asked, ['disable --now hookbridge.socket hookbridge.service', 'daemon-reload'])
  t.notOk(existsSync(join(units, 'hookbridge.service')) || existsSync(join(units, 'hookbridge.socket')))
  t.ok(existsSync(join(home, 'config.yaml')))
  t.strictSame(planRemoval(machine).steps, [])
})

t.test('what the service could not read is reported with the folder, and how to fix it', async (t) => {
  const { machine, product } = aMachine(t)
  const hidden = planInstallation(machine).problems
  t.match(
    hidden.join(),
    /hookbridge\.service is in \/tmp, which the service does not see \(PrivateTmp=yes\): .*npm install -g/,
  )
  t.notMatch(hidden.join(), /Node/, 'its Node can be read')
  const node = { path: join(product.folder, 'packaging/hookbridge.socket'), major: 22 }
  const problems = planInstallation({ ...machine, node, systemd: 247 }).problems.join('\n')
  t.match(problems, /systemd is 247, and the unit needs 252/)
  t.match(problems, /Node 22 runs this .* needs 24/)
  t.match(problems, /Node's binary .* is in \/tmp.*install -m 755/)
})

t.test('where something is in the way, nothing is done', async (t) => {
  const { machine, asked, home } = aMachine(t, { systemd: 0 })
  const written: string[] = []
  const stream = new Writable({ write: (chunk, _, done) => done(void written.push(String(chunk))) })
  const terminal = { out: stream, err: stream, env: {}, cwd: '/', command: 'hookbridge' }
  t.throws(() => installService(terminal, {}, machine), {
    name: 'CommandError',
    message: /systemd does not run/,
  })
  const asUser = { ...machine, isRoot: false }
  t.throws(
    () => installService(terminal, {}, asUser),
    new CommandError(
      'only root can install and remove services: run this with sudo, or see with --dry-run what it would do',
    ),
  )
  t.strictSame(written, [])
  t.throws(() => installService(terminal, { dryRun: true }, asUser), { message: /systemd does not run/ })
  t.match(
    written.join(''),
    /would make .*etc \(0755[\s\S]*would run systemctl enable[\s\S]*nothing was changed/,
  )
  t.notOk(existsSync(home))
  t.strictSame(asked, [])
})

t.test('the command looks at the machine that it runs on', async (t) => {
  const { code, out, err } = await hookbridge(['install-service', '--uninstall', '--dry-run'])
  t.match(out, /nothing to do|would remove/)
  t.equal(code === 0, err === '', err)
})
