/** What people type wrong, and what is reported about it: read each line as someone who has to fix it. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { starterConfig } from '../../../src/config/starter.ts'
import { environment, linesOf, secret } from '../../support/config-fixtures.ts'
import { temporaryFolder } from '../../support/service.ts'

type Sections = Readonly<Record<string, string>>

/** A configuration in which nothing is wrong, each section on a line of its own, in this order. */
const sound: Sections = {
  sources: '{ cuuro: { svix: { secrets: ["${SECRET}"] } } }',
  receivers: '{ ops: { console: {} } }',
  routes: '[{ receivers: [ops] }]',
}
const mail = {
  receivers: '{ ops: { email: { to: [ops@acme.io] } } }',
  channels: (settings: string) => `{ email: { from: hooks@acme.io, ${settings} } }`,
}
const variables = { ...environment, USER: 'hookbridge', PASSWORD: 'hunter2', SMTP_URL: 'smtp://127.0.0.1:25' }

const folder = temporaryFolder(t)
const file = join(folder, 'config.yaml')

/** What is reported about a configuration with these sections, or this text. */
function reported(config: Sections | string, env: Readonly<Record<string, string>> = variables): string[] {
  const text =
    typeof config === 'string'
      ? config
      : Object.entries({ ...sound, ...config })
          .map(([key, value]) => `${key}: ${value}\n`)
          .join('')
  writeFileSync(file, text, { mode: 0o600 })
  return linesOf(file, env).map((line) => line.replace(' config.yaml:', ' '))
}

const source = (settings: string) => ({ sources: `{ cuuro: { ${settings} } }` })
const secrets = (list: string) => source(`svix: { secrets: ${list} }`)
const smtp = (url: string, more = '') => ({ ...mail, channels: mail.channels(`smtp: "${url}"${more}`) })

type Row = readonly [wrong: Sections | string, ...lines: readonly string[]]

const ofSecrets: readonly Row[] = [
  // Variables as a shell, cmd.exe, make, PowerShell, templates and other programs write them.
  ...[
    '$SECRET',
    '%SECRET%',
    '$(SECRET)',
    '$env:SECRET',
    '{{ SECRET }}',
    '{{ env.SECRET }}',
    'env:SECRET',
  ].map(
    (written): Row => [
      secrets(`['${written}']`),
      'wrong_variable 1:39: this is text and not a variable (write ${SECRET})',
    ],
  ),
  [{ server: '{ port: $PORT }' }, 'wrong_variable 4:17: this is text and not a variable (write ${PORT})'],
  [
    smtp('smtp://$USER:$PASSWORD@mail.acme.io'),
    'wrong_variable 4:57: warning: $USER is text and not a variable (write ${USER})',
    'wrong_variable 4:63: warning: $PASSWORD is text and not a variable (write ${PASSWORD})',
  ],
  [
    { store: '{ url: "sqlite:$HOME/hookbridge.db" }' },
    'wrong_variable 4:23: warning: $HOME is text and not a variable (write ${HOME})',
  ],
  [
    { links: '{ "*": "https://app.acme.io/${data.id}" }' },
    'wrong_variable 4:36: "${data.id}" is not a variable (a value of the event is written {{ data.id }}, and a variable ${NAME})',
  ],
  [
    secrets('[{ file: ~/secret }]'),
    'unreadable_file 1:47: the file "~/secret" does not exist (write the whole path: ~ is a part of the name here)',
  ],
  [
    secrets('[{ file: $HOME/secret }]'),
    'unreadable_file 1:47: the file "$HOME/secret" does not exist (write ${HOME})',
  ],
  // No default is advised for a secret.
  [
    secrets('["${NOWHERE_SET}"]'),
    'unset_variable 1:40: the environment variable NOWHERE_SET is not set (set it, or put the secret into a file: {file: PATH})',
  ],
  [
    { server: '{ host: "${NOWHERE_SET}" }' },
    'unset_variable 4:18: the environment variable NOWHERE_SET is not set (set it, or write ${NOWHERE_SET:-default})',
  ],
  // In plain text, as a whole or in part.
  [
    smtp('smtp://hookbridge:hunter2@mail.acme.io'),
    'plain_secret 4:49: warning: channels.email.smtp has a password in plain text (write ${NAME} and set the variable, or {file: PATH})',
  ],
  [
    smtp('smtp://${USER}:hunter2@mail.acme.io'),
    'plain_secret 4:49: warning: channels.email.smtp has a password in plain text (put it into a variable as well)',
  ],
  [
    smtp('smtp://$USER:hunter2@mail.acme.io'),
    'plain_secret 4:49: warning: channels.email.smtp has a password in plain text (write ${NAME} and set the variable, or {file: PATH})',
    'wrong_variable 4:57: warning: $USER is text and not a variable (write ${USER})',
  ],
  [
    smtp('${SMTP_URL:-smtp://hookbridge:hunter2@mail.acme.io}'),
    'plain_secret 4:49: warning: channels.email.smtp has a password in plain text (remove it as a default, and set the variable)',
  ],
  [
    { links: '{ "*": "https://hookbridge:hunter2@app.acme.io/{{ data.id }}" }' },
    'plain_secret 4:15: warning: links.* has a password in plain text (write ${NAME} and set the variable, or {file: PATH})',
  ],
  [
    { receivers: '{ ops: { slack: { webhook_url: "https://hooks.slack.com/services/T0/B0/x" } } }' },
    'plain_secret 2:43: warning: receivers.ops.slack.webhook_url is a secret in plain text (write ${NAME} and set the variable, or {file: PATH})',
  ],
  // Twice.
  [
    secrets('["${SECRET}", "${OTHER_SECRET}", "${SECRET}"]'),
    'repeated_secret 1:71: warning: sources.cuuro.svix.secrets[2] is the same secret as sources.cuuro.svix.secrets[0] (remove one; while rotating, list the old one and the new one)',
  ],
  [
    {
      sources:
        '{ cuuro: { svix: { secrets: ["${SECRET}"] } }, billing: { svix: { secrets: ["${OTHER_SECRET}", "${SECRET}"] } } }',
    },
    'repeated_secret 1:105: warning: sources.billing.svix.secrets[1] is the same secret as sources.cuuro.svix.secrets[0] (give each source the secret of its own endpoint: a request for one passes for the other)',
  ],
  [
    { server: '{ admin_token: "${SECRET}" }' },
    'repeated_secret 4:24: warning: server.admin_token is the same secret as sources.cuuro.svix.secrets[0] (use another one: who knows one of them knows both)',
  ],
]

const tables = { secrets: ofSecrets }

for (const [name, rows] of Object.entries(tables)) {
  t.test(`mistakes: ${name}`, async (t) => {
    for (const [wrong, ...expected] of rows) {
      t.strictSame(reported(wrong), expected, typeof wrong === 'string' ? wrong : JSON.stringify(wrong))
    }
  })
}

const fine: readonly (Sections | string)[] = [
  {},
  // Without a password it is no secret.
  smtp('smtp://127.0.0.1:25'),
  smtp('smtp://mail.acme.io'),
  smtp('${SMTP_URL:-smtp://127.0.0.1:25}'),
  smtp('smtp://hookbridge:${PASSWORD}@mail.acme.io'),
  smtp('smtp://${USER}:${PASSWORD:-}@mail.acme.io'),
  { receivers: '{ ops: { slack: { webhook_url: "https://hooks.slack.com/services/${TOKEN}" } } }' },
  // A webhook that several receivers share.
  {
    receivers: '{ ops: { slack: { webhook_url: "${HOOK}" } }, dev: { slack: { webhook_url: "${HOOK}" } } }',
    routes: '[{ receivers: [ops, dev] }]',
  },
  // Dollars and percent signs that are text.
  { links: '{ "*": "https://app.acme.io/?$filter={{ data.id }}&q=%24TOP" }' },
  { server: '{ host: "::1" }', routes: '[{ name: costs $$FIVE, receivers: [ops] }]' },
  { routes: '[{ match: { payload.currency: $USD, type: "a.*" }, receivers: [ops] }, { receivers: [ops] }]' },
]

t.test('no false alarms', async (t) => {
  for (const config of fine) t.strictSame(reported(config), [], JSON.stringify(config))
})

t.test('a secret that is part of a text is not quoted', async (t) => {
  const lines = reported(smtp('smtp://hookbridge:a$SECRETb-$HUNTER@mail.acme.io'))
  t.match(lines, [/has a password in plain text/])
  t.notMatch(lines.join(), /HUNTER/)
})

t.test('files of secrets that other users may read', { skip: process.platform === 'win32' }, async (t) => {
  const open = temporaryFolder(t)
  const config = join(open, 'config.yaml')
  const key = join(open, 'key')
  writeFileSync(key, secret, { mode: 0o644 })
  writeFileSync(config, starterConfig().replace('"${CUURO_WEBHOOK_SECRET}"', '{ file: key }'), {
    mode: 0o644,
  })
  mkdirSync(join(open, 'templates'))
  const env = { SLACK_BOT_TOKEN: 'xoxb-1', SMTP_URL: 'smtp://127.0.0.1:2525' }
  const found = (more: Readonly<Record<string, string>> = {}) =>
    linesOf(config, { ...env, ...more }).filter((line) => line.startsWith('readable_secret'))
  t.strictSame(found(), [], 'in a folder that only its owner may enter')
  chmodSync(open, 0o755)
  t.strictSame(found(), [
    `readable_secret config.yaml:18:25: warning: other users of this machine may read the file of {file: key} (run: chmod o= ${key})`,
  ])
  t.strictSame(found({ KUBERNETES_SERVICE_HOST: '10.0.0.1' }), [], 'in a pod')
  chmodSync(key, 0o640)
  t.strictSame(found(), [], 'the group may')
  writeFileSync(config, starterConfig().replace('"${CUURO_WEBHOOK_SECRET}"', `"${secret}"`))
  t.strictSame(found(), [
    `readable_secret config.yaml:1:1: warning: other users of this machine may read config.yaml, which holds a secret (run: chmod o= ${config})`,
  ])
})
