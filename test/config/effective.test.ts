import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { changedKeys, untilRestart } from '../../src/config/changes.ts'
import { loadEffective } from '../../src/config/effective.ts'
import { loadConfig } from '../../src/config/load.ts'
import { environment, fixtures, secret } from '../support/config-fixtures.ts'
import { hookbridge } from '../support/hookbridge.ts'
import { temporaryFolder } from '../support/service.ts'

const example = fileURLToPath(new URL('../../config.example.yaml', import.meta.url))
const env = {
  ...environment,
  CUURO_WEBHOOK_SECRET: secret,
  SLACK_BOT_TOKEN: 'xoxb-only-tests-know-this',
  SMTP_URL: 'smtp://hookbridge:hunter2@127.0.0.1:2525',
  HOOKBRIDGE_PORT: '8090',
}

function effective(file: string) {
  const loaded = loadEffective(file, env)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded.effective
}

function compiled(file: string) {
  const loaded = loadConfig(file, env)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded.compiled
}

t.test('what it prints is a configuration with the same effect', async (t) => {
  for (const file of [
    example,
    join(fixtures, 'good/variables.yaml'),
    join(fixtures, 'good/nested-routes.yaml'),
  ]) {
    const { yaml, value } = effective(file)
    // Beside the original, where its files of secrets and its templates are.
    const folder = temporaryFolder(t)
    const again = join(folder, 'config.yaml')
    const beside = (text: string) =>
      text
        .replace(/\bsigning-secret\b/, join(fixtures, 'good/signing-secret'))
        .replace(/^( *"?templates"?: "?)templates\b/m, `$1${join(example, '../templates')}`)
    for (const text of [yaml, JSON.stringify(value, null, 2)]) {
      writeFileSync(again, beside(text))
      const [one, other] = [compiled(file), compiled(again)]
      t.strictSame(
        changedKeys(one, other).filter((key) => key !== 'templates'),
        [],
        file,
      )
      t.equal(untilRestart(one.config, other.config).size, 0, file)
    }
    for (const hidden of [secret, 'hunter2', 'only-tests-know-this'])
      t.notOk(`${yaml}${JSON.stringify(value)}`.includes(hidden), hidden)
  }
})

t.test('another password of the store takes effect at the next start, and is not shown', async (t) => {
  const { config } = compiled(example)
  const withUrl = (url: string) => ({ ...config, store: { ...config.store, url } })
  const said = (before: string, after: string) => [...untilRestart(withUrl(before), withUrl(after)).values()]
  const one = 'postgres://hookbridge:first@db/hookbridge'
  t.strictSame(said(one, one), [])
  t.strictSame(said(one, one.replace('first', 'second')), [
    'the password of store.url changed: takes effect at the next start',
  ])
  t.strictSame(said(one, one.replace(':first', '')), [
    'the password of store.url changed: takes effect at the next start',
  ])
  t.strictSame(said(one, one.replace('@db', '@db2')), [
    'store.url changed from postgres://hookbridge@db/hookbridge to postgres://hookbridge@db2/hookbridge: takes effect at the next start; where that is another store, "hookbridge migrate-store" moves what is stored',
  ])
})

t.test('comments say where a value comes from; secrets stay references, or become ***', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'config.yaml')
  writeFileSync(
    file,
    `server: { port: "\${HOOKBRIDGE_PORT}" }
store: { url: sqlite:data/hookbridge.db }
sources: { cuuro: { svix: { secrets: ["\${CUURO_WEBHOOK_SECRET}", ${secret}, { file: old }] } } }
channels:
  email: { from: hooks@acme.io, smtp: "smtp://\${USER:-hookbridge}:hunter2@mail.acme.io" }
receivers:
  ops: { email: { to: ["\${ALERT_TO:-ops@acme.io}"] } }
  hook: { slack: { webhook_url: "https://hooks.slack.com/services/T0/B0/\${TOKEN}" } }
routes: [{ name: costs $$5, match: { type: "analysis.*" }, receivers: [ops, hook] }]
links: { "*": "https://app.acme.io/\${TOKEN}/{{ data.id }}" }
`,
  )
  writeFileSync(join(folder, 'old'), secret)
  const { yaml } = effective(file)
  const lines = yaml.split('\n').map((line) => line.trim())
  for (const line of [
    'port: 8090 # ${HOOKBRIDGE_PORT}',
    'host: 127.0.0.1 # default',
    'rate: 5/s # default',
    `url: sqlite:${folder}/data/hookbridge.db # sqlite:data/hookbridge.db`,
    'retain: 30d # default',
    '- ${CUURO_WEBHOOK_SECRET}',
    '- "***"',
    '- file: old',
    'smtp: smtp://${USER:-hookbridge}:***@mail.acme.io',
    '- ops@acme.io # ${ALERT_TO:-ops@acme.io}',
    'webhook_url: https://hooks.slack.com/services/T0/B0/${TOKEN}',
    '- name: costs $$5',
    'retry_for: 24h # default',
    '"*": https://app.acme.io/${TOKEN}/{{ data.id }}',
  ])
    t.ok(lines.includes(line), line)
  t.notMatch(yaml, /hunter2|only-tests-know|b25seSB0/)
})

t.test('the command prints it, or what is wrong', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'config.yaml')
  writeFileSync(
    file,
    'sources: { cuuro: { svix: { secrets: ["${SECRET}"] } } }\nreceivers: { ops: { console: {} } }\nroutes: [{ receivers: [ops] }]\n',
  )
  chmodSync(file, 0o600)
  const options = { cwd: folder, env }
  t.match(await hookbridge(['config'], options), {
    code: 0,
    out: /^# The effective configuration of \S+config\.yaml\n\n(?:.*\n)*server:\n {2}host: 127\.0\.0\.1 # default\n/,
    err: '',
  })
  const { out } = await hookbridge(['config', '--json'], options)
  t.match(JSON.parse(out), {
    server: { port: 8080, unverified: { rate: '5/s', burst: 100 } },
    sources: { cuuro: { svix: { secrets: ['${SECRET}'] }, subject: '/data/id' } },
  })
  writeFileSync(file, 'routes: [')
  t.match(await hookbridge(['config'], options), {
    code: 1,
    out: '',
    err: /config\.yaml:\d+:\d+: not valid YAML.*\nhookbridge: 1 problem in the configuration\n$/,
  })
})

t.test(
  'what a variable puts into a header of an enrichment is a secret, whatever the header is called',
  (t) => {
    const file = join(temporaryFolder(t), 'config.yaml')
    writeFileSync(
      file,
      `sources: { cuuro: { svix: { secrets: ["\${CUURO_WEBHOOK_SECRET}"] } } }
channels: { console: {} }
receivers: { all: { console: {} } }
routes: [ { receivers: [all] } ]
enrich:
  - name: analysis
    get: "https://api.acme.io/{{ data.id }}"
    headers: { x-access: "\${CUURO_ACCESS}", accept: application/json }
`,
    )
    const access = { ...env, CUURO_ACCESS: 'only-cuuro-knows-this' }
    const shown = loadEffective(file, access)
    const loaded = loadConfig(file, access)
    if (!shown.ok || !loaded.ok) throw new Error(JSON.stringify([shown, loaded]))
    t.match(shown.effective.yaml, /^ {6}x-access: \$\{CUURO_ACCESS\}\n {6}accept: application\/json$/m)
    const hidden = loaded.compiled.secrets.map((each) => each.reveal())
    t.ok(hidden.includes('only-cuuro-knows-this'), 'and is removed from what servers say')
    t.notOk(hidden.includes('application/json'))
    t.end()
  },
)
