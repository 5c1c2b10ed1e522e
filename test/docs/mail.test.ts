/** The configurations of docs/mail.md are right, and `doctor` says of each what the page shows. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { causes } from '../../src/channels/email/sending/replies/causes.ts'
import { loadConfig } from '../../src/config/load.ts'
import { hookbridge } from '../support/hookbridge.ts'
import { startMailServer } from '../support/mail-server.ts'
import { startOAuthMailServer } from '../support/oauth/mail-server.ts'
import { entra, generic, serviceAccountKey } from '../support/oauth/providers.ts'
import { startTokenServer } from '../support/oauth/token-server.ts'
import { environment, temporaryFolder } from '../support/service.ts'
import { fenced, readPage, root, section } from './pages.ts'

const page = readPage('docs/mail.md')

/** Where the servers of the page really are, for `doctor`. */
interface Servers {
  /** The mail server's URL, with a password where the page has one. */
  readonly smtp: string
  /** The token server's. */
  readonly tokens: string
}

interface Example {
  readonly section: string
  /** What it says of the servers, as it stands, and what that becomes. */
  readonly moved: (servers: Servers) => readonly (readonly [written: string, instead: string])[]
  readonly says: RegExp
}

const MAIL = 'smtp://mail.example.com:587'
const ACCEPTED = /the access token is accepted for alerts@example\.com/
const examples: readonly Example[] = [
  {
    section: 'microsoft',
    moved: ({ smtp, tokens }) => [
      ['smtp://smtp.office365.com:587', smtp],
      [
        'tenant: 00000000-1111-2222-3333-444444444444',
        `tenant: ${entra.tenant}\n        authority: ${tokens}`,
      ],
    ],
    says: ACCEPTED,
  },
  { section: 'google', moved: ({ smtp }) => [['smtp://smtp.gmail.com:587', smtp]], says: ACCEPTED },
  { section: 'gmail', moved: () => [], says: /the login is accepted/ },
  { section: 'ses', moved: () => [], says: /the login is accepted/ },
  {
    section: 'postfix',
    moved: ({ smtp }) => [['smtp://127.0.0.1:25', smtp]],
    says: /answers, not encrypted, without a login/,
  },
  {
    section: 'generic',
    moved: ({ smtp, tokens }) => [
      [MAIL, smtp],
      ['https://id.example.com/realms/mail/protocol/openid-connect/token', `${tokens}/oauth2/token`],
    ],
    says: ACCEPTED,
  },
  {
    section: 'refresh',
    moved: ({ smtp, tokens }) => [
      [MAIL, smtp],
      ['https://id.example.com/oauth2/token', `${tokens}/oauth2/token`],
    ],
    says: ACCEPTED,
  },
]

function configuration(block: string): string {
  return `
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
receivers: { partners: { email: { to: [partners@example.org] } } }
routes: [{ match: { type: analysis.completed }, receivers: [partners] }]
links: { "analysis.*": "https://app.acme.io/{{ data.id }}" }
${block}`
}

t.test('every configuration of the page is tried here', async (t) => {
  t.equal(fenced(page, 'yaml').length, examples.length)
})

t.test('what becomes of a mail that is refused', async (t) => {
  const ends: Readonly<Record<string, string>> = {
    'is parked': 'park',
    'is dead': 'refuse',
    'is tried again': 'retry',
  }
  const replies = readFileSync(new URL('test/fixtures/mail-replies.txt', root), 'utf8').split('\n')
  const rows = [...section(page, 'refusals').matchAll(/^\|[^|]+\| `([^`]+)` \| ([^|]+) \|$/gm)]
  const concerns = rows.map(([, reply = '', end = '']) => {
    const known = replies.find((line) => line.endsWith(` ${reply}`))
    const [, kind, concern] = known?.split(/ +/) ?? []
    t.equal(kind, ends[end], reply)
    return concern
  })
  const all = Object.values(causes).map(({ concern }) => concern)
  t.strictSame(new Set(concerns), new Set([...all, 'moment']), 'one of each')
})

for (const { section: name, moved, says } of examples) {
  t.test(name, async (t) => {
    const tokens = await startTokenServer()
    const open = name === 'postfix'
    const login = { user: 'alerts@example.com', pass: 'app/password' }
    const plain = await startMailServer(open ? {} : { auth: login })
    const bearer = await startOAuthMailServer({ accepts: (token) => tokens.tokens.has(token) })
    t.teardown(() => Promise.all([plain.close(), bearer.close(), tokens.close()]))
    const folder = temporaryFolder(t)
    const file = join(folder, 'config.yaml')
    const [block = ''] = fenced(section(page, name), 'yaml')
    const withTokens = block.includes('oauth2:')
    const key = serviceAccountKey(tokens)
    writeFileSync(join(folder, 'google-service-account.json'), key, { mode: 0o600 })
    const env = {
      ...environment,
      SMTP_URL: plain.url,
      M365_CLIENT_SECRET: entra.client_secret,
      MAIL_CLIENT_SECRET: generic.client_secret,
      MAIL_REFRESH_TOKEN: generic.refresh_token,
    }

    writeFileSync(file, configuration(block))
    const loaded = loadConfig(file, env)
    const problems = loaded.ok ? loaded.warnings : loaded.problems
    t.same(
      problems.filter(({ code }) => code !== 'example_value'),
      [],
      'as it stands',
    )

    let text = block
    for (const [written, instead] of moved({
      smtp: withTokens ? bearer.url : plain.url,
      tokens: tokens.url,
    })) {
      t.ok(text.includes(written), written)
      text = text.replace(written, instead)
    }
    writeFileSync(file, configuration(text))
    const { out } = await hookbridge(['doctor', '--config', file], { env, columns: 80 })
    const said = out.replaceAll(/\u001b\[\d+m/g, '')
    t.match(said.replaceAll(/\s+/g, ' '), says)

    if (name !== 'microsoft' && name !== 'google') return
    const [shown = ''] = fenced(section(page, `${name} says`), '')
    const hosts = [
      [`127.0.0.1:${tokens.port}`, name === 'google' ? 'oauth2.googleapis.com' : 'login.microsoftonline.com'],
      [`127.0.0.1:${bearer.port}`, name === 'google' ? 'smtp.gmail.com:587' : 'smtp.office365.com:587'],
      ['not encrypted', 'encrypted'],
    ] as const
    const words = (text: string) => text.replaceAll(/\s+/g, ' ').trim()
    const expected = hosts.reduce((text, [here, there]) => text.replaceAll(here, there), words(said))
    t.ok(shown !== '' && expected.includes(words(shown)), `${words(shown)}\n${expected}`)
  })
}
