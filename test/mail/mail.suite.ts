/** Mail with access tokens through Debian's Dovecot, which asks our token server about them. Needs root. */
import t, { type Test } from 'tap'
import { email } from '../../src/channels/email/email.ts'
import { noProxies } from '../../src/network/proxies.ts'
import { alone } from '../support/addressed.ts'
import { makeAuthority, makeCertificate } from '../support/certificates.ts'
import { channelEnvironment } from '../support/channel-environment.ts'
import { installPackages } from '../support/debian.ts'
import { startMailServer } from '../support/mail-server.ts'
import { generic } from '../support/oauth/providers.ts'
import { startTokenServer } from '../support/oauth/token-server.ts'
import { until } from '../support/until.ts'
import { startDovecot } from './dovecot.ts'

installPackages('Dovecot', 'dovecot-core', 'dovecot-submissiond')

const mail = { preheader: '', subject: 'Analysis completed', html: '<p>Done.</p>', text: 'Done.\n' }
const TIMEOUT_MS = 20_000
const root = makeAuthority('Hookbridge Test Root CA')
const certificate = makeCertificate({ subject: 'localhost', hosts: ['localhost'], issuer: root })

async function start(t: Test, mechanisms: string) {
  const tokens = await startTokenServer()
  const relay = await startMailServer()
  t.teardown(() => Promise.all([tokens.close(), relay.close()]))
  const dovecot = await startDovecot(t, {
    mechanisms,
    introspection: `${tokens.url}/introspect`,
    relayPort: relay.port,
    certificate,
  })
  const settings = (more: object = {}) => ({
    smtp: `smtp://localhost:${dovecot.port}`,
    from: 'Alerts <alerts@example.org>',
    tls: 'required',
    ca: root.cert,
    oauth2: {
      generic: {
        token_url: `${tokens.url}/oauth2/token`,
        client_id: generic.client_id,
        client_secret: generic.client_secret,
        ...more,
      },
    },
  })
  return { tokens, relay, dovecot, settings }
}

function open(t: Test, settings: object) {
  const channel = email.open(email.settings.parse(settings), new Map(), channelEnvironment(TIMEOUT_MS))
  t.teardown(() => channel.close())
  return (id: string) =>
    channel.send(mail, { id, receiver: 'partners', target: 'jane@example.org', ...alone })
}

async function doctor(settings: object) {
  const checks = await email.doctor?.()
  return checks?.check(email.settings.parse(settings), new Map(), TIMEOUT_MS, noProxies)
}

for (const mechanisms of ['plain xoauth2', 'oauthbearer', 'plain login xoauth2 oauthbearer']) {
  t.test(`Dovecot offers ${mechanisms}`, async (t) => {
    const { tokens, relay, dovecot, settings } = await start(t, mechanisms)
    const send = open(t, settings())
    t.match(await send('evt-1'), { kind: 'sent' }, dovecot.log())
    t.match(await send('evt-2'), { kind: 'sent' }, 'over the same connection')
    t.match(relay.messages, [{ from: 'alerts@example.org', to: ['jane@example.org'] }, {}])
    t.equal(tokens.requests.length, 1)
    const method = mechanisms.includes('oauthbearer') ? 'OAUTHBEARER' : 'XOAUTH2'
    const login = new RegExp(`Login: user=<alerts@example\\.org>, method=${method},.* TLS`)
    // A process of its own writes the log.
    await until(() => login.test(dovecot.log()), 'the login in the log')
    t.match(await doctor(settings()), [
      { level: 'fine', code: 'oauth_token' },
      { level: 'fine', code: 'smtp_ok', summary: /answers, encrypted, the access token is accepted/ },
    ])

    // Refused as the mechanism wants it: after the client has answered the server's explanation.
    tokens.tokens.clear()
    tokens.behave = () => ({
      status: 200,
      body: { token_type: 'Bearer', access_token: 'unknown-to-introspection' },
    })
    const refused = await open(t, settings())('evt-3')
    t.match(refused, { kind: 'park', reason: /does not take it for alerts@example\.org.*535 5\.7\.8/ })
    t.notMatch(JSON.stringify(refused), 'unknown-to-introspection')
    t.equal(relay.messages.length, 2)
    t.match(await doctor(settings()), [{ level: 'fine' }, { level: 'wrong', code: 'oauth_mailbox' }])
  })
}

t.test('a token for another user', async (t) => {
  const { relay, settings } = await start(t, 'xoauth2 oauthbearer')
  const outcome = await open(t, settings({ user: 'other@example.org' }))('evt-1')
  t.match(outcome, { kind: 'park', reason: /does not take it for other@example\.org/ })
  t.equal(relay.messages.length, 0)
})

t.test('a token that was revoked is replaced', async (t) => {
  const { tokens, relay, settings } = await start(t, 'xoauth2 oauthbearer')
  const [first, second] = ['revoked', 'good'].map((access_token) => ({
    status: 200,
    body: { token_type: 'Bearer', access_token },
  }))
  tokens.tokens.set('good', tokens.subject)
  tokens.behave = () => (tokens.requests.length === 1 ? first : second)
  t.match(await open(t, settings())('evt-1'), { kind: 'sent' })
  t.equal(tokens.requests.length, 2)
  t.equal(relay.messages.length, 1)
})

t.test('a password and a token go where they are asked for', async (t) => {
  const passwords = await start(t, 'plain login')
  t.match(await open(t, passwords.settings())('evt-1'), {
    kind: 'park',
    reason: /does not take a login with a token.*offers PLAIN, LOGIN/,
  })
  const { oauth2, smtp, ...rest } = passwords.settings()
  const withPassword = { ...rest, smtp: smtp.replace('//', '//alerts%40example.org:correct-horse@') }
  t.match(await open(t, withPassword)('evt-2'), { kind: 'sent' }, passwords.dovecot.log())

  const tokens = await start(t, 'xoauth2 oauthbearer')
  const misplaced = { ...withPassword, smtp: withPassword.smtp.replace(/\d+$/, String(tokens.dovecot.port)) }
  t.match(await open(t, misplaced)('evt-3'), {
    kind: 'park',
    reason: /does not take a login with a password.*offers XOAUTH2, OAUTHBEARER/,
  })
  t.notMatch(tokens.dovecot.log(), /method=PLAIN/)
})
