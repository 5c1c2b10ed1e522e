/** The first configuration of a new user: a text with comments, for `init` and `install-service`. */

/** Where messages go, according to the answers to `init`; null: not wanted. Secrets are in `credentialFiles`. */
export interface Destinations {
  readonly slack: { readonly channel: string } | 'webhook' | null
  readonly email: { readonly from: string; readonly to: string } | null
}

/** The differences between configurations for a shell, for systemd, and from answers to `init`. */
interface Surroundings {
  readonly about: readonly string[]
  readonly server: readonly string[]
  readonly store: string
  readonly secrets: Readonly<Record<CredentialName, string>>
  readonly destinations: Destinations
}

/** The files of secrets that a configuration names, beside it. */
export const credentialFiles = {
  cuuro: 'credentials/cuuro-webhook-secret',
  slack: 'credentials/slack-bot-token',
  webhook: 'credentials/slack-webhook-url',
  smtp: 'credentials/smtp-url',
} as const
export type CredentialName = keyof typeof credentialFiles

const inFiles = {
  cuuro: `{ file: ${credentialFiles.cuuro} }`,
  slack: `{ file: ${credentialFiles.slack} } # xoxb-…, with the scope chat:write`,
  webhook: `{ file: ${credentialFiles.webhook} }`,
  smtp: `{ file: ${credentialFiles.smtp} } # smtp://user:password@host:587 or smtps://host`,
}

const examples: Destinations = {
  slack: { channel: '#deal-flow' },
  email: { from: 'Cuuro alerts <alerts@example.com>', to: 'partners@example.com' },
}

const inShell = {
  server: [
    '  host: "${HOOKBRIDGE_HOST:-127.0.0.1}" # behind a reverse proxy; 0.0.0.0 for all addresses',
    '  port: 8080',
  ],
  store: '"${HOOKBRIDGE_STORE:-sqlite:data/hookbridge.db}" # relative to this file',
}
const socketLine =
  '  admin_socket: admin.sock       # for hookbridge reload; in $RUNTIME_DIRECTORY, or beside this file'

const shell: Surroundings = {
  ...inShell,
  about: [
    '# Secrets come from environment variables, ${NAME}, or from files, {file: PATH}.',
    '# After every change: hookbridge check, then hookbridge reload',
  ],
  server: [...inShell.server, socketLine],
  secrets: {
    cuuro: '"${CUURO_WEBHOOK_SECRET}"',
    slack: '"${SLACK_BOT_TOKEN}"  # xoxb-…, with the scope chat:write',
    webhook: '"${SLACK_WEBHOOK_URL}"',
    smtp: '"${SMTP_URL}"          # smtp://user:password@host:587 or smtps://host',
  },
  destinations: examples,
}

const service: Surroundings = {
  about: [
    '# Every user of this machine can read this file: put secrets into files in credentials/, which',
    '# only root and the service can read, and name them as below.',
    '# After every change: hookbridge check --config FILE, then systemctl reload hookbridge',
  ],
  server: [
    '  host: 127.0.0.1                # as in hookbridge.socket: systemd listens there for the service',
    '  port: 8080',
  ],
  store: 'sqlite:/var/lib/hookbridge/hookbridge.db',
  secrets: inFiles,
  destinations: examples,
}

/** A minimal configuration that runs, with the next steps as comments: for a shell, or for a systemd service. */
export function starterConfig(runAs: 'shell' | 'service' = 'shell'): string {
  return starter(runAs === 'shell' ? shell : service)
}

/** The same from the answers to `init`, with the secrets in files. */
export function answeredConfig(destinations: Destinations): string {
  const about = [
    '# Secrets are in files in credentials/, which only their owner can read.',
    '# After every change: hookbridge check, then hookbridge reload',
  ]
  return starter({ ...shell, about, secrets: inFiles, destinations })
}

function starter({ about, server, store, secrets, destinations }: Surroundings): string {
  return [
    '# yaml-language-server: $schema=./config.schema.json',
    '#',
    ...about,
    '',
    'server:',
    ...server,
    '',
    'store:',
    `  url: ${store}`,
    '',
    '# The senders. In Cuuro, enter the URL https://YOUR-HOST/webhooks/cuuro',
    'sources:',
    '  cuuro:',
    '    title: Cuuro',
    '    svix:',
    "      # The signing secret from the endpoint's page, whsec_…",
    `      secrets: [${secrets.cuuro}]`,
    '',
    '# Event types that are stages of one subject. Their messages form one conversation.',
    'lifecycles:',
    '  analysis: { stages: [analysis.created, analysis.completed] }',
    '',
    '# A request that fetches what an event leaves out, such as a name and a score, before it is routed. The URL, the header and',
    "# the fields depend on the sender's API: docs/enrichment.md says how to find them.",
    '# enrich:',
    '#   - name: analysis',
    '#     match: { type: "analysis.*" }',
    '#     get: "https://api.example.com/v1/analyses/{{ data.id }}"',
    '#     headers: { authorization: "Bearer ${CUURO_API_KEY}" }',
    '#     pick: { score: /score, company: /company/name }',
    '',
    '# A folder of templates. Its files replace those that ship with Hookbridge.',
    'templates: templates',
    '',
    '# The page about an event. Messages have a button that opens it.',
    '# links:',
    '#   "analysis.*": "https://app.example.com/analyses/{{ data.id }}"',
    '',
    ...channelsOf(destinations, secrets),
    ...receiversOf(destinations, secrets),
    ...routesOf(destinations),
    '# Where to send notices of problems with the service itself, such as a destination that fails.',
    `notices: { receivers: [${receiverNames(destinations).at(-1)}] }`,
    '',
  ].join('\n')
}

function channelsOf({ slack, email }: Destinations, secrets: Surroundings['secrets']): string[] {
  const token = slack === null || slack === 'webhook' ? [] : ['  slack:', `    token: ${secrets.slack}`]
  const mail =
    email === null ? [] : ['  email:', `    smtp: ${secrets.smtp}`, `    from: ${quoted(email.from)}`]
  return token.length + mail.length === 0 ? [] : ['channels:', ...token, ...mail, '']
}

function receiversOf({ slack, email }: Destinations, secrets: Surroundings['secrets']): string[] {
  // A webhook cannot edit or reply.
  const inSlack =
    slack === 'webhook'
      ? `webhook_url: ${secrets.webhook}`
      : slack && `channel: ${quoted(slack.channel)}, follow_up: update_and_reply`
  return [
    slack === null || slack === 'webhook'
      ? '# Named groups of destinations.'
      : '# Named groups of destinations. Invite the Slack app to its channel: /invite @YOUR-APP',
    'receivers:',
    ...(inSlack === null ? [] : ['  deal-flow:', `    slack: { ${inSlack} }`]),
    ...(email === null
      ? []
      : ['  partners:', `    email: { to: [${addresses(email.to).map(quoted).join(', ')}] }`]),
    ...(slack === null && email === null
      ? ['  terminal:', '    console: {}                  # prints messages on standard output']
      : []),
    '',
  ]
}

function receiverNames({ slack, email }: Destinations): string[] {
  const names = [...(slack === null ? [] : ['deal-flow']), ...(email === null ? [] : ['partners'])]
  return names.length === 0 ? ['terminal'] : names
}

function routesOf(destinations: Destinations): string[] {
  const names = receiverNames(destinations)
  return [
    '# Which events go where: the first route that matches takes the event.',
    'routes:',
    '  - name: completed analyses',
    '    match: { type: analysis.completed }',
    `    receivers: [${names.join(', ')}]`,
    '  - name: everything else',
    `    receivers: [${names[0]}]`,
    '',
  ]
}

const BARE_ADDRESS = /^[A-Za-z][\w.+-]*@[\w.-]+$/

/** An answer may contain several addresses separated by commas; if they are plain addresses, each becomes an entry. */
function addresses(text: string): string[] {
  const parts = text.split(/[,;]/).map((part) => part.trim())
  return parts.every((part) => BARE_ADDRESS.test(part)) ? parts : [text]
}

/** As YAML, without variables. */
function quoted(text: string): string {
  return BARE_ADDRESS.test(text) ? text : JSON.stringify(text.replaceAll('$', () => '$$'))
}
