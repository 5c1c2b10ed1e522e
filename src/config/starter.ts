/** The differences between a configuration for a shell and one for systemd. */
interface Surroundings {
  readonly about: readonly string[]
  readonly host: string
  readonly store: string
  readonly cuuro: string
  readonly slack: string
  readonly smtp: string
}

const shell: Surroundings = {
  about: [
    '# Secrets come from environment variables, ${NAME}, or from files, {file: PATH}.',
    '# After every change: hookbridge check',
  ],
  host: '"${HOOKBRIDGE_HOST:-127.0.0.1}" # behind a reverse proxy; 0.0.0.0 for all addresses',
  store: '"${HOOKBRIDGE_STORE:-sqlite:data/hookbridge.db}" # relative to this file',
  cuuro: '"${CUURO_WEBHOOK_SECRET}"',
  slack: '"${SLACK_BOT_TOKEN}"  # xoxb-…, with the scope chat:write',
  smtp: '"${SMTP_URL}"          # smtp://user:password@host:587 or smtps://host',
}

/** The files of secrets that the configuration for a service names, beside it. */
export const credentialFiles = {
  cuuro: 'credentials/cuuro-webhook-secret',
  slack: 'credentials/slack-bot-token',
  smtp: 'credentials/smtp-url',
} as const

const service: Surroundings = {
  about: [
    '# Every user of this machine can read this file: put secrets into files in credentials/, which',
    '# only root and the service can read, and name them as below.',
    '# After every change: hookbridge check --config FILE, then systemctl reload hookbridge',
  ],
  host: '127.0.0.1                # as in hookbridge.socket: systemd listens there for the service',
  store: 'sqlite:/var/lib/hookbridge/hookbridge.db',
  cuuro: `{ file: ${credentialFiles.cuuro} }`,
  slack: `{ file: ${credentialFiles.slack} } # xoxb-…, with the scope chat:write`,
  smtp: `{ file: ${credentialFiles.smtp} } # smtp://user:password@host:587 or smtps://host`,
}

/** A minimal configuration that runs, with the next steps as comments: for a shell, or for a systemd service. */
export function starterConfig(runAs: 'shell' | 'service' = 'shell'): string {
  return starter(runAs === 'shell' ? shell : service)
}

const starter = ({ about, host, store, cuuro, slack, smtp }: Surroundings) =>
  [
    '# yaml-language-server: $schema=./config.schema.json',
    '#',
    ...about,
    '',
    'server:',
    `  host: ${host}`,
    '  port: 8080',
    '',
    'store:',
    `  url: ${store}`,
    '',
    '# Who sends. In Cuuro, enter the URL https://YOUR-HOST/webhooks/cuuro',
    'sources:',
    '  cuuro:',
    '    svix:',
    "      # The signing secret from the endpoint's page, whsec_…",
    `      secrets: [${cuuro}]`,
    '',
    '# What messages look like. These files replace those that ship with Hookbridge.',
    'templates: templates',
    '',
    '# The page of what an event is about; templates see it as {{ link }}.',
    '# links:',
    '#   "analysis.*": "https://app.example.com/analyses/{{ data.id }}"',
    '',
    'channels:',
    '  slack:',
    `    token: ${slack}`,
    '  email:',
    `    smtp: ${smtp}`,
    '    from: "Cuuro alerts <alerts@example.com>"',
    '',
    '# Named groups of destinations. Invite the Slack app to its channel: /invite @YOUR-APP',
    'receivers:',
    '  deal-flow:',
    '    slack: { channel: "#deal-flow" }',
    '  partners:',
    '    email: { to: [partners@example.com] }',
    '',
    '# Which events go where: the first route that matches takes the event.',
    'routes:',
    '  - name: completed analyses',
    '    match: { type: analysis.completed }',
    '    receivers: [deal-flow, partners]',
    '  - name: everything else',
    '    receivers: [deal-flow]',
    '',
  ].join('\n')
