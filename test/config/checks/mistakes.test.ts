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
const variables = {
  ...environment,
  TWO_SECRETS: `${environment.SECRET},${environment.OTHER_SECRET}`,
  TWO_LINES: `${environment.SECRET}\n${environment.OTHER_SECRET}`,
  API_KEY: 'apikey',
  PUBLIC_KEY: 'pk',
  PROJECT_KEY: 'deals',
  SHORT: 'x',
  KEY_WITH_NEWLINE: 'abc\ndef',
  USER: 'hookbridge',
  PASSWORD: 'hunter2',
  SMTP_URL: 'smtp://127.0.0.1:25',
  TOKEN: 'xoxb-1',
  HOOK: 'https://hooks.slack.com/services/T0/B0/x',
  PUBLISHED: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
}

const folder = temporaryFolder(t)
const file = join(folder, 'config.yaml')

/** What is reported about a configuration with these sections, or this text. */
function reported(config: Sections | string, env: Readonly<Record<string, string>> = variables): string[] {
  const text =
    typeof config === 'string'
      ? config
      : Object.entries({ ...sound, ...config, ...(!('links' in config) && { links: '{}' }) })
          .map(([key, value]) => `${key}: ${value}\n`)
          .join('')
  writeFileSync(file, text, { mode: 0o600 })
  return linesOf(file, env).map((line) => line.replace(' config.yaml:', ' '))
}

const source = (settings: string) => ({ sources: `{ cuuro: { ${settings} } }` })
const secrets = (list: string) => source(`svix: { secrets: ${list} }`)
const smtp = (url: string, more = '') => ({ ...mail, channels: mail.channels(`smtp: "${url}"${more}`) })

const get = (rest: string, more = '') => ({
  enrich: `[{ name: a, get: "https://api.acme.io/v1${rest}"${more} }]`,
})

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
      'wrong_variable 1:39: this is plain text, not a variable (write ${SECRET})',
    ],
  ),
  [{ server: '{ port: $PORT }' }, 'wrong_variable 4:17: this is plain text, not a variable (write ${PORT})'],
  [
    smtp('smtp://$USER:$PASSWORD@mail.acme.io'),
    'wrong_variable 4:57: warning: $USER is plain text, not a variable (write ${USER})',
    'wrong_variable 4:63: warning: $PASSWORD is plain text, not a variable (write ${PASSWORD})',
  ],
  [
    { store: '{ url: "sqlite:$HOME/hookbridge.db" }' },
    'wrong_variable 4:23: warning: $HOME is plain text, not a variable (write ${HOME})',
  ],
  [
    { links: '{ "*": "https://app.acme.io/${data.id}" }' },
    'wrong_variable 4:36: "${data.id}" is not a variable (write {{ data.id }} for a value of the event, and ${NAME} for an environment variable)',
  ],
  [
    secrets('[{ file: ~/secret }]'),
    'unreadable_file 1:47: the file "~/secret" does not exist (write the full path: ~ is not expanded)',
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
  // Two in one variable, as they are while rotating.
  ...['TWO_SECRETS', 'TWO_LINES'].map(
    (name): Row => [
      secrets(`["\${${name}}"]`),
      'wrong_value 1:39: sources.cuuro.svix.secrets[0] must be one signing secret, but contains several (give each a variable of its own, and list them: ["${OLD_SECRET}", "${NEW_SECRET}"])',
    ],
  ),
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
    'wrong_variable 4:57: warning: $USER is plain text, not a variable (write ${USER})',
  ],
  [
    smtp('${SMTP_URL:-smtp://hookbridge:hunter2@mail.acme.io}'),
    'plain_secret 4:49: warning: channels.email.smtp has a password in plain text (remove the default value, and set the variable)',
  ],
  [
    { links: '{ "*": "https://hookbridge:hunter2@app.acme.io/{{ data.id }}" }' },
    'plain_secret 4:15: warning: links.* has a password in plain text (write ${NAME} and set the variable, or {file: PATH})',
  ],
  [
    { receivers: '{ ops: { slack: { webhook_url: "https://hooks.slack.com/services/T0/B0/x" } } }' },
    'plain_secret 2:43: warning: receivers.ops.slack.webhook_url is a secret in plain text (write ${NAME} and set the variable, or {file: PATH})',
  ],
  [
    get('?q=1&api_key=${USER}'),
    'wrong_value 4:26: enrich[0].get must not contain a secret, as in the parameter api_key: URLs end up in logs (send it in headers)',
  ],
  // In CI it may be shorter.
  [
    get('?q=1&api_key=${SHORT}'),
    'doubtful_setting 4:62: warning: enrich[0].get seems to contain a secret, by the name of api_key: URLs end up in logs (send it in headers, such as authorization: "Bearer ${SHORT}")',
  ],
  ...[
    ['?key=${API_KEY}', '54'],
    ['?k={{ data.id }}${API_KEY}', '65'],
    ['/${API_KEY}/x', '50'],
  ].map(
    ([rest = '', column]): Row => [
      get(rest),
      `doubtful_setting 4:${column}: warning: enrich[0].get seems to contain a secret, by the name of \${API_KEY}: URLs end up in logs (send it in headers, such as authorization: "Bearer \${API_KEY}"; if it is not a secret, rename the variable)`,
    ],
  ),
  [
    { links: '{ "*": "https://app.acme.io/{{ data.id }}?t=${API_KEY}" }' },
    'doubtful_setting 4:52: warning: links.* seems to contain a secret, by the name of ${API_KEY}: links appear in messages (leave it out; if it is not a secret, rename the variable)',
  ],
  // Twice.
  [
    secrets('["${SECRET}", "${OTHER_SECRET}", "${SECRET}"]'),
    'repeated_secret 1:71: warning: sources.cuuro.svix.secrets[2] is the same secret as sources.cuuro.svix.secrets[0] (remove one; during a rotation, list the old and the new secret)',
  ],
  [
    {
      sources:
        '{ cuuro: { svix: { secrets: ["${SECRET}"] } }, billing: { svix: { secrets: ["${OTHER_SECRET}", "${SECRET}"] } } }',
    },
    'repeated_secret 1:105: warning: sources.billing.svix.secrets[1] is the same secret as sources.cuuro.svix.secrets[0] (give each source the secret of its own endpoint; otherwise each accepts the requests of the other)',
  ],
  [
    { server: '{ admin_token: "${SECRET}" }' },
    'repeated_secret 4:24: warning: server.admin_token is the same secret as sources.cuuro.svix.secrets[0] (use a different secret: anyone who learns one of them knows both)',
  ],
]

const match = (condition: string, more: Sections = {}) => ({
  ...sound,
  ...more,
  routes: `[{ match: { ${condition} }, receivers: [ops] }, { receivers: [ops] }]`,
})
const acme = { sources: '{ acme: { svix: { secrets: ["${SECRET}"] } } }' }
const test = (body: string) => ({ tests: `[{ event: { ${body} }, expect: { receivers: [ops] } }]` })
const asText = (value: string, hint: string, place = '3:33') =>
  `text_operator ${place}: warning: ${JSON.stringify(value)} is compared as text (write ${hint})`
const noType = (type: string, hint: string, place = '3:27') =>
  `unknown_type ${place}: warning: no event has ${type} (${hint})`
const noField = (name: string, hint: string, place = '3:21') =>
  `unknown_field ${place}: warning: no event of cuuro has ${name} (${hint})`
const TYPES =
  'known: analysis.completed, analysis.created, startup.created; if it is new, add an event that has it under tests'
const FIELDS =
  'known: data.id; enrich can fetch others (docs/enrichment.md); if it is new, add an event that has it under tests'

const ofEvents: readonly Row[] = [
  // Operators as text: of a sender whose events may have any field.
  [match('data.score: ">= 80"', acme), asText('>= 80', '{gte: 80}')],
  [match('data.score: ">80"', acme), asText('>80', '{gt: 80}')],
  [match('data.score: "<5"', acme), asText('<5', '{lt: 5}')],
  [match('data.score: "≤ 0.5 %"', acme), asText('≤ 0.5 %', '{lte: 0.5}')],
  [match('data.score: "== 80"', acme), asText('== 80', '80')],
  [match('data.stage: "!= seed"', acme), asText('!= seed', '{not: seed}')],
  [match('data.score: [1, ">2"]', acme), asText('>2', '{gt: 2}', '3:37')],
  [
    match('data.score >= 80: null', acme),
    'text_operator 3:21: warning: "data.score >= 80" is the name of a field, and not a comparison (write data.score: {gte: 80})',
  ],
  [match('type: /analysis.*/', acme), asText('/analysis.*/', '{regex: "analysis.*"}', '3:27')],
  [match('type: ^analysis.*', acme), asText('^analysis.*', '{regex: "analysis.*"}', '3:27')],
  [match('type: "a.one|a.two"', acme), asText('a.one|a.two', '[a.one, a.two]', '3:27')],
  [match('type: "a.one, a.two"'), asText('a.one, a.two', '[a.one, a.two]', '3:27')],
  [match('type: "a.one || a.two"', acme), asText('a.one || a.two', '[a.one, a.two]', '3:27')],
  [match('type: "!a.one"', acme), asText('!a.one', '{not: a.one}', '3:27')],
  [
    match('event: analysis.completed', acme),
    'impossible_match 3:28: warning: event is the event as a whole, and no text (write type: analysis.completed)',
  ],
  // The words of other languages.
  ...[
    ['">="', 'gte'],
    ['ge', 'gte'],
    ['max', 'lte'],
    ['"!="', 'not'],
    ['startsWith', 'prefix'],
    ['matches', 'regex'],
  ].map(
    ([word = '', ours]): Row => [
      match(`data.score: { ${word}: 1 }`),
      `wrong_match 3:35: unknown operator "${word.replaceAll('"', '')}" (write ${ours})`,
    ],
  ),
  [match('or: [{ type: a }]'), 'wrong_match 3:21: unknown field "or" (write any)'],
  [
    match('type: “a.one”', acme),
    'text_operator 3:27: warning: "“a.one”" is compared as text (typographic quotes are part of the text: use straight quotes, "…")',
  ],
  // Regular expressions as other languages write them, and such as would search.
  ...[
    ['/^order\\\\.(a|b)$/', 'has slashes and anchors of another language', 'regex: "order\\\\.(a|b)"'],
    ['/^order\\\\./', 'has slashes and anchors of another language', 'prefix: order.'],
    ['/^order\\\\./i', 'has slashes and anchors of another language', 'regex: "(?i)order\\\\..*"'],
    ['/^order\\\\.(a|b)/', 'has slashes and anchors of another language', 'regex: "order\\\\.(a|b).*"'],
    ['/^abc$/i', 'has slashes and anchors of another language', 'regex: "(?i)abc"'],
    [
      '/^a|b$/',
      'has slashes and anchors of another language',
      'it without them, and with .* where a text may begin or go on with anything',
    ],
    ['^2026', 'is anchored at both ends, and matches only "2026"', 'prefix: "2026"'],
    ['^order', 'is anchored at both ends, and matches only "order"', 'prefix: order'],
    ['^order\\\\.', 'is anchored at both ends, and matches only "order."', 'prefix: order.'],
    ['is paid$', 'is anchored at both ends, and matches only "is paid"', 'suffix: "is paid"'],
  ].map(
    ([written, what, hint]): Row => [
      match(`data.name: { regex: "${written}" }`, acme),
      `text_operator 3:41: warning: "${written}" ${what} (write ${hint})`,
    ],
  ),
  // What Cuuro does not send.
  [
    match('type: analysis.complete'),
    noType('the type "analysis.complete"', 'did you mean "analysis.completed"?'),
  ],
  [
    match('type: Analysis.Completed'),
    noType('the type "Analysis.Completed"', 'did you mean "analysis.completed"?'),
  ],
  [
    match('event.type: startup.create'),
    noType('the type "startup.create"', 'did you mean "startup.created"?', '3:33'),
  ],
  [match('type: [analysis.created, deal.won]'), noType('the type "deal.won"', TYPES, '3:46')],
  [match('type: "analyses.*"'), noType('a type like "analyses.*"', TYPES)],
  [match('type: { prefix: analyses. }'), noType('a type like "analyses."', TYPES, '3:37')],
  [
    match('type: { regex: "analysis\\\\.(done|ready)" }'),
    noType('a type like "analysis\\\\.(done|ready)"', TYPES, '3:36'),
  ],
  [
    match('type: { not: analysis.complete }'),
    noType('the type "analysis.complete"', 'did you mean "analysis.completed"?', '3:34'),
  ],
  [
    match('not: { type: analysis.complete }'),
    noType('the type "analysis.complete"', 'did you mean "analysis.completed"?', '3:34'),
  ],
  [match('data.score: { gte: 80 }'), noField('data.score', FIELDS)],
  [match('data.Id: "42"'), noField('data.Id', 'did you mean "data.id"?')],
  [match('payload.data.company: Acme'), noField('payload.data.company', FIELDS)],
  [match('any: [{ data.score: 80 }]'), noField('data.score', FIELDS, '3:29')],
  [
    match('data.id: 42'),
    'text_operator 3:30: warning: data.id is text, and a number never equals text (put the value in quotes)',
  ],
  [
    match('data.score: "80"', test('event: analysis.completed, data: { id: "1", score: 80 }')),
    'text_operator 3:33: warning: data.score is a number, and text never equals a number (remove the quotes)',
  ],
  [
    { links: '{ analysis.complete: "https://app.acme.io/{{ data.id }}" }' },
    noType('the type "analysis.complete"', 'did you mean "analysis.completed"?', '4:10'),
  ],
  [
    { links: '{ "report.*": "https://app.acme.io/{{ data.id }}" }' },
    noType('a type like "report.*"', TYPES, '4:10'),
  ],
  [
    { links: '{ "*": "https://app.acme.io/{{ data.slug }}" }' },
    `unknown_field 4:39: warning: no event has data.slug, so no message has this link (${FIELDS})`,
  ],
  [
    test('event: analysis.complete, data: { id: "1" }'),
    noType('the type "analysis.complete"', 'did you mean "analysis.completed"?', '4:27'),
  ],
]

const doubt = (place: string, key: string, what: string) =>
  `doubtful_setting ${place}: warning: channels.email.${key}: ${what}`
const login = '${USER}:${PASSWORD}@mail.acme.io'

const ofMail: readonly Row[] = [
  [
    smtp('smtp://${USER}:100%x${PASSWORD}@mail.acme.io'),
    'wrong_value 4:49: channels.email.smtp must be a URL such as smtp://user:password@mail.example.org:587 or smtps://mail.example.org (characters such as % @ : / # in the password are written %25 %40 %3A %2F %23) (check the text here and the value of ${USER} and ${PASSWORD})',
  ],
  [
    smtp(`smtp://${login}:465`),
    doubt(
      '4:49',
      'smtp',
      'port 465 expects TLS from the start, but smtp:// starts without it (write smtps://)',
    ),
  ],
  ...[25, 587].map(
    (port): Row => [
      smtp(`smtps://${login}:${port}`),
      doubt(
        '4:49',
        'smtp',
        `smtps:// starts with TLS, but port ${port} expects plain text first (write smtp://, which encrypts with STARTTLS, or use port 465)`,
      ),
    ],
  ),
  ...[110, 143, 993, 995].map(
    (port): Row => [
      smtp(`smtps://${login}:${port}`),
      doubt(
        '4:49',
        'smtp',
        `port ${port} is for reading mail, not for sending it (use port 587 with smtp://, or 465 with smtps://)`,
      ),
    ],
  ),
  [
    smtp(`smtp://${login}`, ', tls: off'),
    doubt(
      '4:97',
      'tls',
      'the password is sent without encryption (remove this line: by default, passwords are sent only over TLS)',
    ),
  ],
  [
    smtp(`smtp://${login}`, ', tls: opportunistic'),
    doubt(
      '4:97',
      'tls',
      'an attacker in the network can turn the encryption off and read the password (remove this line: by default, passwords are sent only over TLS)',
    ),
  ],
]

const example = (place: string, key: string, name: string, hint = 'put your own address here') =>
  `example_value ${place}: warning: ${key}: ${name} is reserved for examples (${hint})`

const slackTo = (settings: string) => ({
  channels: '{ slack: { token: "${TOKEN}" } }',
  receivers: `{ ops: { slack: { ${settings} } } }`,
})
const stages = (list: string) => ({ lifecycles: `{ analysis: { stages: ${list} } }` })
const analysis = stages('[analysis.created, analysis.completed]')

const ofLifecycles: readonly Row[] = [
  [
    stages('[analysis.created, analysis.complete]'),
    'unknown_type 4:54: warning: no event has the type "analysis.complete" (did you mean "analysis.completed"?)',
  ],
  [
    stages('[analysis.created]'),
    'wrong_value 4:35: lifecycles.analysis.stages must list at least two event types: a start and an end',
  ],
  [
    stages('["analysis.*", analysis.completed]'),
    'wrong_value 4:36: lifecycles.analysis.stages[0] must be one event type: each stage has a place in the order, and a wildcard has none',
  ],
  [
    stages('[analysis.created, analysis.created]'),
    'wrong_value 4:54: lifecycles.analysis.stages[1]: analysis.created is listed twice: an event has one place in one lifecycle',
  ],
  [
    {
      lifecycles:
        '{ a: { stages: [analysis.created, startup.created] }, b: { stages: [analysis.created, analysis.completed] } }',
    },
    'wrong_value 4:81: lifecycles.b.stages[0]: analysis.created is a stage of a already: an event has one place in one lifecycle',
  ],
  [
    { lifecycles: '{ analysis: { stages: [analysis.created, analysis.completed], key: data.id } }' },
    'wrong_value 4:80: lifecycles.analysis.key must be a JSON pointer, such as /data/id or /data/analysis/id',
  ],
  [
    { ...analysis, ...slackTo('webhook_url: "${HOOK}", follow_up: reply') },
    'wrong_value 2:65: receivers.ops.slack.follow_up: an incoming webhook can only post: for reply, use channel, with channels.slack.token',
  ],
  [
    { ...analysis, ...slackTo('channel: "#deals", follow_up: edit') },
    'wrong_value 2:60: receivers.ops.slack.follow_up cannot be "edit" (known: post, reply, update, update_and_reply)',
  ],
  [
    { ...analysis, ...slackTo('channel: "#deals", follow_up: update, broadcast: last') },
    'doubtful_setting 2:68: warning: receivers.ops.slack.broadcast has no effect: with follow_up: update there are no replies (remove it, or set follow_up to reply or update_and_reply)',
  ],
  [
    slackTo('channel: "#deals", follow_up: update_and_reply'),
    'doubtful_setting 2:49: warning: receivers.ops.slack.follow_up has no effect: there are no lifecycles (add lifecycles: {analysis: {stages: [analysis.created, analysis.completed]}}, or remove it)',
  ],
  [
    {
      ...analysis,
      receivers: '{ ops: { email: { to: [ops@acme.io], follow_up: reply } } }',
      channels: mail.channels('smtp: "${SMTP_URL}"'),
    },
    'wrong_value 2:60: receivers.ops.email.follow_up cannot be "reply" (known: post)',
  ],
  [
    {
      receivers: '{ ops: { email: { to: [ops@acme.io], follow_up: post } } }',
      channels: mail.channels('smtp: "${SMTP_URL}"'),
    },
    'doubtful_setting 2:49: warning: receivers.ops.email.follow_up has no effect: there are no lifecycles (add lifecycles: {analysis: {stages: [analysis.created, analysis.completed]}}, or remove it)',
  ],
]

const ofExamples: readonly Row[] = [
  [
    {
      receivers: '{ ops: { email: { to: [ops@acme.io, "Jane <jane@example.com>"] } } }',
      channels:
        '{ email: { from: a@hooks.example.org, reply_to: a@acme.test, smtp: "smtp://mail.example.net" } }',
    },
    example('2:48', 'receivers.ops.email.to[1]', 'example.com'),
    example('4:28', 'channels.email.from', 'hooks.example.org'),
    example('4:59', 'channels.email.reply_to', 'acme.test'),
    example('4:78', 'channels.email.smtp', 'mail.example.net', 'put the name of your mail server here'),
  ],
  [
    {
      server: '{ public_url: "https://hooks.example.com" }',
      links: '{ "*": "https://app.example/{{ data.id }}" }',
    },
    example('4:23', 'server.public_url', 'hooks.example.com'),
    example('5:15', 'links.*', 'app.example'),
  ],
  [
    secrets('["${PUBLISHED}"]'),
    "example_value 1:39: warning: sources.cuuro.svix.secrets[0]: this secret is a published example: anyone can sign requests with it (copy your own from the endpoint's page)",
  ],
]

const unit = (key: string, value: string) => ({
  [key.split('.')[0] ?? '']: `{ ${key.split('.')[1]}: ${value} }`,
})
const DURATION = 'must be a duration, such as 30s, 5m, 1h30m or 30d'
const SIZE = 'must be a size, such as 256kb or 1mb'
const RATE = 'must be a rate above zero, such as 1/s, 30/m or 1000/h'
const address = (host: string, message: string): Row => [
  { server: `{ host: "${host}" }` },
  `wrong_value 4:17: server.host must be ${message}`,
]

const ofUnits: readonly Row[] = [
  ...[
    ['30', '30s, 30m, 30h or 30d'],
    ['"30"', '30s, 30m, 30h or 30d'],
    ['5 min', '5m'],
    ['5 minutes', '5m'],
    ['1 day', '1d'],
    ['1w', '7d'],
    ['1.5h', '1h30m'],
    ['1h 30m', '1h30m'],
    ['30S', '30s'],
    ['PT5M', '5m'],
  ].map(
    ([value = '', likely]): Row => [
      unit('delivery.retry_for', value),
      `${/^\d+$/.test(value) ? 'wrong_type' : 'wrong_value'} 4:24: delivery.retry_for ${DURATION}; write ${likely}`,
    ],
  ),
  [unit('delivery.retry_for', 'forever'), `wrong_value 4:24: delivery.retry_for ${DURATION}`],
  [unit('delivery.retry_for', '-5m'), `wrong_value 4:24: delivery.retry_for ${DURATION}`],
  [unit('store.retain', '30'), `wrong_type 4:18: store.retain ${DURATION}; write 30s, 30m, 30h or 30d`],
  ...[
    ['256', '256kb, or 256b for bytes'],
    ['256 KB', '256kb'],
    ['256k', '256kb'],
    ['1MiB', '1mb'],
    ['0.5 MB', '512kb'],
  ].map(
    ([value = '', likely]): Row => [
      unit('server.body_limit', value),
      `${/^\d+$/.test(value) ? 'wrong_type' : 'wrong_value'} 4:23: server.body_limit ${SIZE}; write ${likely}`,
    ],
  ),
  ...[
    ['1', '1/s, 1/m or 1/h'],
    ['1/sec', '1/s'],
    ['60 / min', '60/m'],
    ['30 per hour', '30/h'],
  ].map(
    ([value = '', likely]): Row => [
      { channels: `{ slack: { rate: ${value} } }` },
      `${value === '1' ? 'wrong_type' : 'wrong_value'} 4:28: channels.slack.rate ${RATE}; write ${likely}`,
    ],
  ),
  address('http://0.0.0.0', 'an address alone: write host: 0.0.0.0'),
  address('0.0.0.0:8080', 'an address alone: write host: 0.0.0.0 and port: 8080'),
  address('https://hooks.acme.io:8443/', 'an address alone: write host: hooks.acme.io and port: 8443'),
  address(':8080', 'an address alone: write host: 0.0.0.0 and port: 8080'),
  address('[::1]:8080', 'an address alone: write host: "::1" and port: 8080'),
  address('[::]', 'without brackets: write "::"'),
  address('*', 'an address: for all addresses write 0.0.0.0'),
  address('10.0.0.0/8', 'one address, not a network'),
  address('/run/hookbridge.sock', 'an address; for a Unix socket set server.admin_socket'),
  ...[
    ['hooks.acme.io', 'https://hooks.acme.io'],
    ['hooks.acme.io:8443/webhooks/cuuro', 'https://hooks.acme.io:8443'],
    ['http://hooks.acme.io/webhooks/', 'https://hooks.acme.io'],
    ['https://hooks.acme.io/in/webhooks/cuuro?x=1', 'https://hooks.acme.io/in'],
  ].map(
    ([written, better]): Row => [
      { server: `{ public_url: "${written}" }` },
      `wrong_value 4:23: server.public_url must be an https URL without a query; write ${better}`,
    ],
  ),
  ...['hooks acme', 'ftp://hooks.acme.io'].map(
    (written): Row => [
      { server: `{ public_url: "${written}" }` },
      'wrong_value 4:23: server.public_url must be an https URL without a query, such as https://hooks.example.com',
    ],
  ),
  ...[
    ['sqlite:///var/lib/hb.db', 'sqlite:/var/lib/hb.db'],
    ['sqlite:////var/lib/hb.db', 'sqlite:/var/lib/hb.db'],
    ['sqlite://data/hb.db', 'sqlite:data/hb.db'],
    ['file:data/hb.db', 'sqlite:data/hb.db'],
    ['data/hb.sqlite3', 'sqlite:data/hb.sqlite3'],
  ].map(
    ([written, better]): Row => [
      { store: `{ url: "${written}" }` },
      `wrong_value 4:15: store.url must be sqlite:PATH or postgres://USER@HOST/DATABASE; write ${better}`,
    ],
  ),
  [
    { store: '{ url: "mysql://db/hb" }' },
    'wrong_value 4:15: store.url must be sqlite:PATH, such as sqlite:data/hookbridge.db, or postgres://USER@HOST/DATABASE',
  ],
  [
    { server: '{ public_url: "https://hooks.acme.io/webhooks/cuuro" }' },
    'wrong_value 4:23: server.public_url must be without the path of a webhook: write https://hooks.acme.io',
  ],
]

const lines = (...more: readonly string[]) =>
  [`sources: ${sound.sources}`, ...more].map((line) => `${line}\n`).join('')
const slackAlone = `sources: ${sound.sources}\nreceivers: { ops: { slack: { webhook_url: "\${HOOK}" } } }\n`
const noLinks = (types: string) =>
  `doubtful_setting 1:1: warning: links is missing: messages about ${types} have no button that opens a page (set links, such as {"analysis.*": "https://HOST/{{ data.id }}"}, or set \`links: {}\` if you want no buttons)`

const ofLinks: readonly Row[] = [
  [
    `${slackAlone}routes: [{ receivers: [ops] }]\n`,
    noLinks('startup.created, analysis.created, analysis.completed'),
  ],
  [
    `${slackAlone}routes: [{ match: { type: analysis.completed }, receivers: [ops] }]\n`,
    noLinks('analysis.completed'),
  ],
  // One who wants none; another sender, of which nothing is known; no buttons where the console prints.
  [`${slackAlone}routes: [{ receivers: [ops] }]\nlinks: {}\n`],
  [`${slackAlone.replace('cuuro', 'acme')}routes: [{ receivers: [ops] }]\n`],
  [lines(`receivers: ${sound.receivers}`, `routes: ${sound.routes}`)],
]

const yaml = (place: string, message: string) => `syntax ${place}: not valid YAML: ${message}`
const QUOTES = 'typographic quotes are part of the text: use straight quotes, "…"'
const CANNOT_START = 'a value cannot start with this character (put the value in quotes)'

const ofYaml: readonly Row[] = [
  // A space, or the lack of one.
  [
    lines('receivers:', '\u00a0\u00a0ops: { console: {} }'),
    'syntax 3:1: an invisible character, or one that only looks like a space, in a key (delete U+00A0, or replace it with a space)',
  ],
  [
    lines('receivers:\u00a0{ ops: { console: {} } }'),
    yaml(
      '2:11',
      'an invisible character, or one that only looks like a space (delete U+00A0, or replace it with a space)',
    ),
  ],
  [
    lines('\u200breceivers: { ops: { console: {} } }'),
    'syntax 2:1: an invisible character, or one that only looks like a space, in a key (delete U+200B, or replace it with a space)',
  ],
  [lines('receivers:', '\tops: { console: {} }'), yaml('3:1', 'a tab as indentation (indent with spaces)')],
  [
    lines('server:', '  host: localhost', '  port:8080'),
    yaml('4:7', 'a key needs a space after its colon (write port: …)'),
  ],
  [
    { server: '\n  port:8080' },
    `wrong_type 5:3: server must be a mapping (write a space after the colon: port: …)`,
  ],
  [
    { server: '{ port:8080 }' },
    'unknown_key 4:11: unknown key "port:…" (write a space after the colon: port: …)',
  ],
  [
    { channels: '{ slack: { token:xoxb-1 } }' },
    'unknown_key 4:22: unknown key "token:…" (write a space after the colon: token: …)',
  ],
  [
    { routes: '\n -receivers: [ops]' },
    'syntax 4:2: an item of a list needs a space after its dash (write - receivers: …)',
  ],
  [
    { routes: '\n – receivers: [ops]' },
    'syntax 4:2: an item of a list needs a space after its dash (write - receivers: …)',
  ],
  // Other characters than those meant.
  [lines('receivers： { ops: { console: {} } }'), yaml('2:10', 'a full-width colon (write : and a space)')],
  [
    lines('receivers = { ops: { console: {} } }'),
    yaml('2:11', 'a key ends with a colon (write receivers: …)'),
  ],
  [
    lines('// who gets it', 'receivers: { ops: { console: {} } }'),
    yaml('2:1', 'this is not a comment (a comment starts with #)'),
  ],
  [
    lines('links: { “*”: “https://app.acme.io” }'),
    'syntax 2:10: typographic quotes around a key (use straight quotes: "…")',
  ],
  [{ store: '{ retain: “30d” }' }, `wrong_value 4:18: store.retain ${DURATION} (${QUOTES})`],
  [{ server: '{ watch: “true” }' }, `wrong_type 4:18: server.watch must be true or false (${QUOTES})`],
  [
    { receivers: '{ ops: { slack: { channel: “#ops” } } }' },
    `wrong_value 2:39: receivers.ops.slack.channel must be "#name" (in quotes: in YAML a bare # starts a comment) or an id such as C0123456789 (${QUOTES})`,
  ],
  [
    { server: '{ port: 8080\u00a0}' },
    'wrong_type 4:17: server.port must be a whole number (delete U+00A0 at its start or end: it is invisible, or only looks like a space)',
  ],
  // What YAML reads as something else without quotes.
  [
    { receivers: '{ ops: { slack: { channel: #ops } } }' },
    yaml('2:39', 'an unquoted # starts a comment (put the value in quotes)'),
  ],
  [
    { routes: '[{ receivers: [#ops] }]' },
    yaml('3:24', 'an unquoted # starts a comment (put the value in quotes)'),
  ],
  [
    { receivers: '\n  ops:\n    slack:\n      channel: #ops' },
    'wrong_type 5:7: receivers.ops.slack.channel is empty (an unquoted # starts a comment: put the value in quotes)',
  ],
  [{ receivers: '{ ops: { email: { to: [@jane] } } }' }, yaml('2:35', CANNOT_START)],
  [{ routes: '[{ match: { type: * }, receivers: [ops] }]' }, yaml('3:27', CANNOT_START)],
  [
    { routes: '[{ match: { type: *.completed }, receivers: [ops] }]' },
    'syntax 3:27: the alias *.completed refers to no anchor above it (if it is text, put it in quotes)',
  ],
  [
    { routes: '\n- match: { data.score: >= 80 }' },
    yaml('4:24', 'a comparison is an operator and a value (write {gte: 80})'),
  ],
  [
    { routes: '\n- match:\n    data.score: != 80' },
    yaml('5:17', 'a comparison is an operator and a value (write {not: 80})'),
  ],
  [secrets('[${SECRET}]'), yaml('1:39', 'a variable within brackets needs quotes (write "${SECRET}")')],
  [
    secrets('[!env SECRET]'),
    yaml('1:39', 'a tag of another program (write "${NAME}" for an environment variable, or {file: PATH})'),
  ],
  ...['yes', 'no', 'on', 'off'].map(
    (word): Row => [
      { server: `{ watch: ${word} }` },
      'wrong_type 4:18: server.watch must be true or false (yes, no, on and off are text; write true or false)',
    ],
  ),
  [
    `${lines()}receivers: ${sound.receivers}\nroutes: ${sound.routes}\nroutes: ${sound.routes}\n`,
    'duplicate_key 4:1: duplicate key "routes" (keep one, or merge their values)',
  ],
  [
    'sources: {}\rroutes: []\r',
    yaml('1:12', 'the line breaks of old Macs (CR) (save the file with Unix line breaks)'),
  ],
]

const brackets = (place: string, key: string, written: string) =>
  `wrong_type ${place}: ${key} must be a list (write it in brackets: [${written}])`
const slackOps = (settings: string) => ({
  channels: '{ slack: { token: "${TOKEN}" } }',
  receivers: `{ ops: { slack: ${settings} } }`,
})

const ofVariables: readonly Row[] = [
  // A value is never a list or a mapping.
  [secrets('"${SECRET}"'), brackets('1:38', 'sources.cuuro.svix.secrets', '"${SECRET}"')],
  [secrets('"${SECRET:-}"'), brackets('1:38', 'sources.cuuro.svix.secrets', '"${SECRET:-}"')],
  [secrets('{ file: secret }'), brackets('1:38', 'sources.cuuro.svix.secrets', '{file: secret}')],
  [secrets('"whsec_${SECRET}"'), brackets('1:38', 'sources.cuuro.svix.secrets', '…')],
  [{ routes: '[{ receivers: "${USER}" }]' }, brackets('3:23', 'routes[0].receivers', '"${USER}"')],
  [
    { ...smtp('smtp://127.0.0.1:25'), receivers: '{ ops: { email: { to: "${USER}" } } }' },
    brackets('2:34', 'receivers.ops.email.to', '"${USER}"'),
  ],
  [
    slackOps('"${USER}"'),
    'wrong_type 2:28: receivers.ops.slack must be a mapping (known: broadcast, channel, follow_up, webhook_url)',
  ],
  // A list where one value belongs.
  ...['[dev]', '\n    - dev', '["${USER}"]', '[dev, "${USER}"]'].map(
    (written): Row => [
      { receivers: `\n  dev: { console: {} }\n  ops:\n    console: {}\n    fallback: ${written}` },
      `wrong_type ${written.startsWith('\n') ? '7:5' : '6:15'}: receivers.ops.fallback must be text (write one value, without brackets or a dash)`,
    ],
  ),
  [
    { server: '{ port: [8080] }' },
    'wrong_type 4:17: server.port must be a whole number (write one value, without brackets or a dash)',
  ],
  [
    { delivery: '{ retry_for: [5m] }' },
    `wrong_type 4:24: delivery.retry_for ${'must be a duration, such as 30s, 5m, 1h30m or 30d'} (write one value, without brackets or a dash)`,
  ],
  // Where it is a part of the text.
  [
    {
      enrich:
        '[{ name: a, get: "https://api.acme.io/", headers: { authorization: "Bearer ${KEY_WITH_NEWLINE}" } }]',
    },
    'wrong_value 4:76: enrich[0].headers.authorization contains a line break, or another character that a header cannot contain (check the text here and the value of ${KEY_WITH_NEWLINE})',
  ],
]

const ofSteps: readonly Row[] = [
  [
    get('', ', within: 5s, timeout: 30s'),
    'doubtful_setting 4:73: warning: enrich[0].timeout is longer than enrich[0].within, after which the message is sent without the response (lower it to 5s or less, or raise within)',
  ],
  [
    get('', ', timeout: 1m'),
    'doubtful_setting 4:61: warning: enrich[0].timeout is longer than enrich[0].within, after which the message is sent without the response (lower it to 30s or less, or raise within)',
  ],
]

const sameName = (place: string, name: string, first: string) =>
  `doubtful_setting ${place}: warning: ${JSON.stringify(name)} is also the name of ${first}: the history, mails and tests cannot tell these routes apart (choose another name for one of them)`
const conditional = (name: string, type: string, more = '') =>
  `{ name: "${name}", match: { type: ${type} }, receivers: [ops]${more} }`

const ofNames: readonly Row[] = [
  [
    {
      routes: `\n- ${conditional('deals', 'startup.created')}\n- ${conditional('deals', 'analysis.created')}\n- ${conditional('rest', '"*"')}`,
    },
    sameName('5:11', 'deals', 'routes[0] (line 4)'),
  ],
  // Below another route; from a variable.
  [
    {
      routes: `\n- ${conditional('hookbridge', 'startup.created')}\n- { name: all, receivers: [ops], routes: [${conditional('${USER}', 'analysis.created')}] }`,
    },
    sameName('5:51', '${USER}', 'routes[0] (line 4)'),
  ],
  [
    {
      notices: `{ routes: [${conditional('a', 'delivery.dead')}, { name: a, receivers: [ops] }] }`,
      routes: '[{ name: a, receivers: [ops] }]',
    },
    sameName('4:94', 'a', 'notices.routes[0] (line 4)'),
  ],
]

/** Cuuro beside a sender that may send anything. */
const both = {
  sources:
    '{ cuuro: { svix: { secrets: ["${SECRET}"] } }, acme: { svix: { secrets: ["${OTHER_SECRET}"] } } }',
}
const noKnown = (place: string, type: string, meant: string) =>
  `unknown_type ${place}: warning: no known event has ${type} (did you mean "${meant}"? If another sender uses this type, add an event of this type under tests)`
const twoStages = '[analysis.created, analysis.complete]'
const link = (key: string, more = '') => ({
  links: `{ "${key}": "https://app.acme.io/{{ data.id }}"${more} }`,
})
const completeOfAcme = {
  tests:
    '[{ source: acme, event: { type: analysis.complete, data: { id: "1" } }, expect: { receivers: [ops] } }]',
}

// Stages and links cannot say whose types they mean: what is similar to one of Cuuro's, where that is missing.
const ofBoth: readonly Row[] = [
  [{ ...both, ...stages(twoStages) }, noKnown('4:54', 'the type "analysis.complete"', 'analysis.completed')],
  [{ ...both, ...link('analyses.*') }, noKnown('4:10', 'a type like "analyses.*"', 'analysis.*')],
  [{ ...both, ...link('*.create') }, noKnown('4:10', 'a type like "*.create"', '*.created')],
  [
    { ...both, ...link('analysis.complete') },
    noKnown('4:10', 'the type "analysis.complete"', 'analysis.completed'),
  ],
  // A variable in a key.
  ...[both, {}].map(
    (sources): Row => [
      { ...sources, ...link('${USER}.*') },
      'wrong_variable 4:10: warning: variables are not replaced in keys: "${USER}.*" (write the value of ${USER} itself)',
    ],
  ),
]

const tables = {
  both: ofBoth,
  steps: ofSteps,
  names: ofNames,
  variables: ofVariables,
  lifecycles: ofLifecycles,
  mail: ofMail,
  examples: ofExamples,
  secrets: ofSecrets,
  events: ofEvents,
  units: ofUnits,
  links: ofLinks,
  yaml: ofYaml,
}

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
  // Ports that fit, ports that providers have beside them, a tunnel, a server that asks for no password.
  ...[
    'smtp://%',
    'smtp://%:25',
    'smtp://%:587',
    'smtp://%:2525',
    'smtps://%',
    'smtps://%:465',
    'smtps://%:443',
  ].map((url) => smtp(url.replace('%', login))),
  smtp('smtp://127.0.0.1:465'),
  smtp('smtp://relay.acme.io', ', tls: off'),
  smtp('smtp://${USER}:${PASSWORD}@127.0.0.1:587', ', tls: off'),
  // A stand-in on this machine; names that only look like examples.
  {
    receivers: '{ ops: { email: { to: [ops@example.com] } } }',
    channels: '{ email: { from: hooks@example.com, smtp: "smtp://127.0.0.1:1025" } }',
  },
  { links: '{ "*": "https://example.acme.io/test/example.com/{{ data.id }}" }' },
  get('', ', within: 3s'),
  get('', ', within: 5s, timeout: 5s'),
  // What is no secret in a URL, or in a header.
  get('/${USER}/{{ data.id }}?page_token={{ data.id }}&k=${PUBLIC_KEY}'),
  get('/${PROJECT_KEY}-{{ data.id }}?project_key=${PROJECT_KEY}'),
  get('', ', headers: { authorization: "Bearer ${API_KEY}" }'),
  // A webhook that several receivers share.
  {
    receivers: '{ ops: { slack: { webhook_url: "${HOOK}" } }, dev: { slack: { webhook_url: "${HOOK}" } } }',
    routes: '[{ receivers: [ops, dev] }]',
  },
  // Typographic quotes, spaces and dashes that are text; a comment without a space.
  { routes: '[{ name: “Deals” – 5\u00a0€, receivers: [ops] }]' },
  { routes: '\n- receivers: [ops] #all\n  #name: x' },
  { server: '{ host: "fe80::1%eth0" }' },
  { server: '{ host: "::" }' },
  { server: '{ host: hooks.acme.io, public_url: "https://hooks.acme.io/hookbridge/" }' },
  // Dollars and percent signs that are text.
  { links: '{ "*": "https://app.acme.io/?$filter={{ data.id }}&q=%24TOP" }' },
  { server: '{ host: "::1" }', routes: '[{ name: costs $$FIVE, receivers: [ops] }]' },
  match('payload.currency: $USD', acme),
  // A sender whose events are not known, and Cuuro beside one.
  match('type: analysis.complete, data.score: { gte: 80 }', acme),
  match('type: analysis.complete', {
    sources:
      '{ cuuro: { svix: { secrets: ["${SECRET}"] } }, acme: { svix: { secrets: ["${OTHER_SECRET}"] } } }',
  }),
  { ...both, ...stages('[order.placed, order.paid]') },
  { ...both, ...stages('[analysis.created, analysis.completed, analysis.complete]') },
  { ...both, ...stages(twoStages), ...completeOfAcme },
  { ...both, ...link('order.*') },
  { ...both, ...link('analysis.complete', ', "analysis.*": "https://app.acme.io/{{ data.id }}"') },
  { ...both, ...link('analysis.complete'), ...completeOfAcme },
  { ...acme, ...stages(twoStages) },
  { ...acme, ...test('type: a, "${USER}": 1') },
  { ...acme, links: '{ "report.*": "https://app.acme.io/{{ data.slug }}" }' },
  // What Cuuro sends, in every spelling.
  match('type: [analysis.completed, "*.created"]'),
  match('type: { prefix: analysis., suffix: .completed, not: startup.created }'),
  match('type: { regex: "(startup|analysis)\\\\.created" }'),
  match('data.id: "42", payload.data.id: ["42", "4*"], payload.event: startup.created'),
  // What a missing field satisfies; what a test shows; text that begins like an operator.
  match(
    'data.score: { exists: false }, not: { data.owner: { exists: true } }, data.stage: { not: seed }',
    acme,
  ),
  match('data.score: { exists: false }, data.stage: { not: seed }'),
  match('data.score: { gte: 80 }', test('event: analysis.completed, data: { id: "1", score: 80 }')),
  match('type: analysis.failed', test('event: analysis.failed, data: { id: "1" }')),
  match('data.name: { regex: "^order\\\\..*" }, data.path: { regex: "/v1/[a-z]+/" }', acme),
  match('data.name: { regex: "^order$" }, data.price: { regex: "[0-9]+[$]" }', acme),
  match('data.name: [">_", "<b>", "=", "a|b", "80"]', acme),
  {
    links: '{ "analysis.*": "https://app.acme.io/{{ data.id }}{% if data.tab %}/{{ data.tab }}{% endif %}" }',
  },
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
    `readable_secret config.yaml:20:25: warning: other users of this machine can read the file of {file: key} (run: chmod o= ${key})`,
  ])
  t.strictSame(found({ KUBERNETES_SERVICE_HOST: '10.0.0.1' }), [], 'in a pod')
  chmodSync(key, 0o640)
  t.strictSame(found(), [], 'the group may')
  writeFileSync(config, starterConfig().replace('"${CUURO_WEBHOOK_SECRET}"', `"${secret}"`))
  t.strictSame(found(), [
    `readable_secret config.yaml:1:1: warning: other users of this machine can read config.yaml, which holds a secret (run: chmod o= ${config})`,
  ])
})
