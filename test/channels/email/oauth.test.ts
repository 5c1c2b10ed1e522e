/** Mail with access tokens: against a token server and a mail server that answer as the real ones do. */
import { createServer } from 'node:http'
import t, { type Test } from 'tap'
import { email } from '../../../src/channels/email/email.ts'
import {
  bearerMechanism,
  initialResponse,
  mechanismsOf,
} from '../../../src/channels/email/oauth/mechanism.ts'
import { tokenProblem } from '../../../src/channels/email/oauth/token-problem.ts'
import { Tokens } from '../../../src/channels/email/oauth/tokens.ts'
import type { Mail } from '../../../src/channels/email/template/rendering.ts'
import type { Outcome } from '../../../src/core/delivery/outcome.ts'
import { openHttp } from '../../../src/network/http.ts'
import { noProxies, readProxies } from '../../../src/network/proxies.ts'
import { alone } from '../../support/addressed.ts'
import { channelEnvironment, IN_TIME_MS } from '../../support/channel-environment.ts'
import { growth } from '../../support/cpu-time.ts'
import {
  type OAuthMailServer,
  type OAuthMailServerOptions,
  startOAuthMailServer,
} from '../../support/oauth/mail-server.ts'
import { entra, entraError, generic, serviceAccountKey, unsignedJwt } from '../../support/oauth/providers.ts'
import {
  listen,
  startTokenServer,
  type TokenAnswer,
  type TokenServer,
} from '../../support/oauth/token-server.ts'
import { holdPort } from '../../support/ports.ts'

const mail: Mail = { preheader: '', subject: 'Analysis completed', html: '<p>Done.</p>', text: 'Done.\n' }
const from = 'Alerts <alerts@example.org>'
const GUID = '99999999-2222-3333-4444-555555555555'

type Provider = 'microsoft' | 'google' | 'generic'

/** `channels.email.oauth2` for a provider that the token server stands in for. */
function oauth2(server: Pick<TokenServer, 'url'>, provider: Provider, more: object = {}): object {
  const { client_id, client_secret } = generic
  const blocks = {
    microsoft: { ...entra, authority: server.url },
    google: { service_account: serviceAccountKey(server) },
    generic: { token_url: `${server.url}/oauth2/token`, client_id, client_secret },
  }
  return { [provider]: { ...blocks[provider], ...more } }
}

function open(t: Test, settings: object, timeout = IN_TIME_MS, proxies = noProxies) {
  const channel = email.open(
    email.settings.parse({ from, ...settings }),
    new Map(),
    channelEnvironment(timeout, { proxies }),
  )
  t.teardown(() => channel.close())
  return (id = 'evt_1-1'): Promise<Outcome> =>
    channel.send(mail, { id, receiver: 'partners', target: 'jane@example.org', ...alone })
}

async function start(t: Test, options: Partial<OAuthMailServerOptions> = {}) {
  const tokens = await startTokenServer()
  const smtp = await startOAuthMailServer({ accepts: (token) => tokens.tokens.has(token), ...options })
  t.teardown(async () => {
    await smtp.close()
    await tokens.close()
  })
  return { tokens, smtp }
}

/** The outcome where the token server answers so. */
async function outcomeWhere(
  t: Test,
  provider: Provider,
  answer: TokenAnswer | 'drop',
  world: { tokens: TokenServer; smtp: OAuthMailServer },
) {
  world.tokens.behave = () => answer
  return open(t, { smtp: world.smtp.url, oauth2: oauth2(world.tokens, provider) })()
}

t.test('each provider, with each mechanism that a server offers', async (t) => {
  const offers = [
    // smtp.office365.com, smtp.gmail.com, Dovecot.
    [['LOGIN', 'XOAUTH2'], 'XOAUTH2'],
    [['LOGIN', 'PLAIN', 'XOAUTH2', 'PLAIN-CLIENTTOKEN', 'OAUTHBEARER', 'XOAUTH'], 'OAUTHBEARER'],
    [['OAUTHBEARER'], 'OAUTHBEARER'],
  ] as const
  for (const provider of ['microsoft', 'google', 'generic'] as const) {
    for (const [mechanisms, mechanism] of offers) {
      const { tokens, smtp } = await start(t, { mechanisms })
      const send = open(t, { smtp: smtp.url, oauth2: oauth2(tokens, provider) })
      t.match(await send(), { kind: 'sent' }, `${provider}, ${mechanisms}`)
      t.match(smtp.logins, [{ mechanism, user: 'alerts@example.org' }])
      t.equal(smtp.messages.length, 1)
      t.equal(tokens.requests.length, 1)
    }
  }
})

t.test('what is asked of the token server', async (t) => {
  const { tokens, smtp } = await start(t)
  const asked = async (provider: Provider, more: object = {}) => {
    tokens.requests.length = 0
    await open(t, { smtp: smtp.url, oauth2: oauth2(tokens, provider, more) })()
    return tokens.requests[0]
  }
  t.strictSame((await asked('microsoft'))?.form, {
    grant_type: 'client_credentials',
    client_id: entra.client_id,
    client_secret: entra.client_secret,
    scope: 'https://outlook.office365.com/.default',
  })
  t.equal((await asked('microsoft'))?.path, `/${entra.tenant}/oauth2/v2.0/token`)
  const google = (await asked('google', { mailbox: 'desk@example.org' }))?.form.assertion ?? ''
  t.match(JSON.parse(Buffer.from(google.split('.')[1] ?? '', 'base64url').toString()), {
    iss: 'alerts@alerts-123.iam.gserviceaccount.com',
    sub: 'desk@example.org',
    scope: 'https://mail.google.com/',
    aud: `${tokens.url}/token`,
  })
  t.match((await asked('generic', { scope: 'smtp offline' }))?.form, { scope: 'smtp offline' })
  const basic = await asked('generic', { client_auth: 'basic' })
  t.strictSame(basic?.form, { grant_type: 'client_credentials' })
  t.match(basic?.headers.authorization, /^Basic /)
  t.match((await asked('generic', { refresh_token: generic.refresh_token }))?.form, {
    grant_type: 'refresh_token',
    refresh_token: generic.refresh_token,
  })
  t.match(smtp.logins.at(-1)?.token, /^opaque-token/)
})

t.test('the user is the mailbox that is named, and escaped where the mechanism wants it', async (t) => {
  const { tokens, smtp } = await start(t, { mechanisms: ['OAUTHBEARER'] })
  const settings = { smtp: smtp.url, oauth2: oauth2(tokens, 'generic', { user: 'a=b,c@example.org' }) }
  t.match(await open(t, settings)(), { kind: 'sent' })
  t.match(smtp.logins, [{ user: 'a=b,c@example.org' }])
  const login = { user: 'a=b', token: 'T', host: 'mail.example.org', port: 587 }
  const said = (mechanism: 'XOAUTH2' | 'OAUTHBEARER') =>
    Buffer.from(initialResponse({ mechanism, ...login }), 'base64').toString()
  t.equal(said('XOAUTH2'), 'user=a=b\x01auth=Bearer T\x01\x01')
  t.equal(said('OAUTHBEARER'), 'n,a=a=3Db,\x01host=mail.example.org\x01port=587\x01auth=Bearer T\x01\x01')
})

t.test('the mechanisms that a server offers', async (t) => {
  for (const [ehlo, offered, bearer] of [
    ['250-mail\r\n250-AUTH LOGIN XOAUTH2\r\n250 SIZE', ['LOGIN', 'XOAUTH2'], 'XOAUTH2'],
    ['250-mail\r\n250 auth plain oauthbearer', ['PLAIN', 'OAUTHBEARER'], 'OAUTHBEARER'],
    ['250-mail\r\n250-AUTH=LOGIN PLAIN\r\n250 AUTH LOGIN PLAIN', ['LOGIN', 'PLAIN'], null],
    ['250-mail\r\n250-XOAUTH2\r\n250 X-AUTH XOAUTH2', [], null],
    ['250-mail\r\n250 AUTH', [], null],
    ['250 mail', [], null],
  ] as const) {
    t.strictSame(mechanismsOf(ehlo), offered, ehlo)
    t.equal(bearerMechanism(mechanismsOf(ehlo)), bearer)
  }
})

t.test('a password or a token goes to no server that does not offer to take it', async (t) => {
  const cases = [
    [['XOAUTH2', 'OAUTHBEARER'], false, /login with a password: .*oauth2.*offers XOAUTH2, OAUTHBEARER\)/],
    [['GSSAPI', 'NTLM'], false, /login with a password: .*offers GSSAPI, NTLM\)/],
    [[], false, /offers no login on this connection: remove user and password/],
    [['PLAIN', 'LOGIN'], true, /login with a token: .*offers PLAIN, LOGIN\)/],
    [[], true, /offers no login on this connection: connect to its submission port/],
  ] as const
  for (const [mechanisms, withToken, reason] of cases) {
    const { tokens, smtp } = await start(t, { mechanisms })
    const settings = withToken
      ? { smtp: smtp.url, oauth2: oauth2(tokens, 'microsoft') }
      : { smtp: smtp.url.replace('//', '//alerts:correct-horse@') }
    t.match(await open(t, settings)(), { kind: 'park', reason }, `${mechanisms}`)
    t.notOk(
      smtp.lines.some((line) => line.startsWith('AUTH')),
      'nothing was sent',
    )
  }
})

t.test('a token is kept, and one request serves all that wait for it', async (t) => {
  const { tokens, smtp } = await start(t)
  const send = open(t, { smtp: smtp.url, connections: 10, oauth2: oauth2(tokens, 'generic') })
  const outcomes = await Promise.all(Array.from({ length: 8 }, (_, index) => send(`evt-${index}`)))
  t.ok(outcomes.every(({ kind }) => kind === 'sent'))
  t.equal(tokens.requests.length, 1)
  t.ok(smtp.connections.total > 1)
})

t.test('tokens are renewed before they end', async (t) => {
  const server = await startTokenServer()
  t.teardown(() => server.close())
  const settings = email.settings.parse({ smtp: 'smtp://127.0.0.1', from, oauth2: oauth2(server, 'generic') })
  if (settings.oauth2 === undefined) throw new Error('no oauth2')
  const http = openHttp({
    proxies: noProxies,
    timeoutMs: IN_TIME_MS,
    hostSetting: '',
    largestAnswerBytes: 65_536,
  })
  t.teardown(() => http.close())
  let now = 1_000_000
  const MINUTE_MS = 60_000
  const tokens = new Tokens(settings.oauth2, 'alerts@example.org', http, () => now)
  const token = async () => {
    const result = await tokens.get()
    return result.ok ? result.token.value.reveal() : result.problem.code
  }
  server.expiresIn = 3_600
  t.equal(await token(), 'opaque-token-1')
  now += 54 * MINUTE_MS
  t.equal(await token(), 'opaque-token-1')
  now += 2 * MINUTE_MS
  t.equal(await token(), 'opaque-token-2', 'five minutes before the end')

  server.behave = () => ({ status: 503, body: '' })
  now += 56 * MINUTE_MS
  t.equal(await token(), 'opaque-token-2', 'the one that is there serves while no other comes')
  now += 4 * MINUTE_MS
  t.equal(await token(), 'oauth_unreachable', 'and not after its end')
  const asked = server.requests.length
  t.equal(await token(), 'oauth_unreachable')
  t.equal(server.requests.length, asked, 'a failure holds for a burst')
  server.behave = () => undefined
  now += MINUTE_MS

  server.expiresIn = 60
  t.equal(await token(), 'opaque-token-3')
  now += 40_000
  t.equal(await token(), 'opaque-token-3', 'a short life is used up to four fifths')
  server.expiresIn = null
  now += 15_000
  t.equal(await token(), 'opaque-token-4')
  now += 4 * MINUTE_MS
  t.equal(await token(), 'opaque-token-4', 'a life that is not named is ten minutes')
  now += 5 * MINUTE_MS
  t.equal(await token(), 'opaque-token-5')
})

t.test('a refresh token that is replaced is used from then on', async (t) => {
  const { tokens, smtp } = await start(t)
  const settings = oauth2(tokens, 'generic', { refresh_token: generic.refresh_token, client_auth: 'basic' })
  const body = {
    token_type: 'bearer',
    access_token: 'first',
    refresh_token: 'second-refresh-token',
    id_token: 'a.b.c',
  }
  tokens.behave = () => ({ status: 200, body })
  tokens.tokens.set('first', '')
  const send = open(t, { smtp: smtp.url, oauth2: settings })
  t.match(await send(), { kind: 'sent' }, 'an ID token beside it is left alone')
  tokens.tokens.delete('first')
  await smtp.close()
  const again = await startOAuthMailServer({ port: smtp.port, accepts: (token) => token === 'fresh' })
  t.teardown(() => again.close())
  tokens.behave = () => ({ status: 200, body: { token_type: 'bearer', access_token: 'fresh' } })
  t.match(await send(), { kind: 'sent' }, 'a token that was revoked is replaced within the attempt')
  t.strictSame(
    tokens.requests.map(({ form }) => form.refresh_token),
    ['first-refresh-token', 'second-refresh-token'],
  )
})

t.test('a refused token is thrown away once', async (t) => {
  for (const [mechanisms, refuses] of [
    [['XOAUTH2'], 'google'],
    [['XOAUTH2'], 'microsoft'],
    [['OAUTHBEARER'], 'dovecot'],
  ] as const) {
    const revoked = 'opaque-token-1'
    const { tokens, smtp } = await start(t, { mechanisms, refuses, accepts: (token) => token !== revoked })
    const send = open(t, { smtp: smtp.url, oauth2: oauth2(tokens, 'generic') })
    t.match(await send(), { kind: 'sent' }, `${mechanisms} as ${refuses}`)
    t.strictSame(
      smtp.logins.map(({ token }) => token),
      ['opaque-token-1', 'opaque-token-2'],
    )
    t.notOk(smtp.lines.some((line) => line.startsWith('501')))
  }

  const { tokens, smtp } = await start(t, { accepts: () => false })
  const send = open(t, { smtp: smtp.url, oauth2: oauth2(tokens, 'generic') })
  for (let index = 0; index < 3; index++) {
    t.match(await send(), { kind: 'park', reason: /there is a token.*535 5\.7\.8 Authentication failed/ })
  }
  t.equal(tokens.requests.length, 2, 'where all are refused, no more are fetched')
})

/** Of the token servers' own documentation, and of reports by those who met them. */
t.test('what the token server refuses', async (t) => {
  const world = await start(t)
  const rfc6749 = (status: number, error: string, error_description?: string): TokenAnswer => ({
    status,
    body: { error, ...(error_description === undefined ? {} : { error_description }) },
  })
  const page: TokenAnswer = {
    status: 404,
    headers: { 'content-type': 'text/html' },
    body: '<html><title>Not Found</title></html>',
  }
  // learn.microsoft.com, reference-error-codes; github.com/nodemailer/nodemailer/issues
  const ofEntra: readonly (readonly [Outcome['kind'], RegExp, readonly Parameters<typeof entraError>[]])[] = [
    [
      'park',
      /not its ID, into channels\.email\.oauth2\.microsoft\.client_secret \(401 invalid_client: AADSTS7000215/,
      [[401, 'invalid_client', 7000215, 'Invalid client secret provided.']],
    ],
    [
      'park',
      /has expired: make a new client secret/,
      [[401, 'invalid_client', 7000222, 'The provided client secret keys for app are expired.']],
    ],
    [
      'park',
      /not in this tenant: correct .*client_id/,
      [[400, 'unauthorized_client', 700016, 'Application was not found in the directory.']],
    ],
    [
      'park',
      /correct .*microsoft\.tenant/,
      [
        [400, 'invalid_request', 90002, "Tenant 'x' not found."],
        [
          400,
          'invalid_request',
          900023,
          'Specified tenant identifier is neither a valid DNS name, nor a valid external domain.',
        ],
      ],
    ],
    [
      'park',
      /correct .*microsoft\.scope/,
      [
        [400, 'invalid_scope', 1002012, 'The provided value for scope is not valid.'],
        [400, 'invalid_scope', 70011, "The provided value for the input parameter 'scope' is not valid."],
        [400, 'invalid_resource', 500011, 'The resource principal was not found in the tenant.'],
      ],
    ],
    [
      'park',
      /app is disabled: enable it in Entra/,
      [[401, 'unauthorized_client', 7000112, 'Application is disabled.']],
    ],
    [
      'park',
      /Conditional Access policy/,
      [[400, 'access_denied', 53003, 'Access has been blocked by Conditional Access policies.']],
    ],
    [
      'park',
      /client_id and client_secret in channels\.email\.oauth2\.microsoft/,
      [[400, 'invalid_client', 1234567, 'Something new.']],
    ],
    [
      'park',
      /whose error says why \(400 interaction_required: AADSTS1234567: Something new/,
      [[400, 'interaction_required', 1234567, 'Something new.']],
    ],
    [
      'retry',
      /cannot issue a token now/,
      [
        [400, 'temporarily_unavailable', 90024, 'A transient error has occurred.'],
        [503, 'temporarily_unavailable', 90033, 'A transient error has occurred.'],
      ],
    ],
  ]
  type Case = [Provider, TokenAnswer | 'drop', Outcome['kind'], RegExp]
  const cases: readonly Case[] = [
    ...ofEntra.flatMap(([kind, reason, errors]) =>
      errors.map((error): Case => ['microsoft', entraError(...error), kind, reason]),
    ),
    // github.com/googleapis/google-auth-library-nodejs, google-api-php-client: issues
    [
      'google',
      rfc6749(
        401,
        'unauthorized_client',
        'Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.',
      ),
      'park',
      /Domain-wide delegation, add the client ID 100000000000000000042 with the scope https:\/\/mail\.google\.com\//,
    ],
    [
      'google',
      rfc6749(400, 'invalid_grant', 'Invalid email or User ID'),
      'park',
      /has no mailbox alerts@example\.org/,
    ],
    ['google', rfc6749(400, 'invalid_grant', 'Invalid JWT Signature.'), 'park', /make a new key/],
    [
      'google',
      rfc6749(
        400,
        'invalid_grant',
        'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.',
      ),
      'park',
      /clock is wrong: set the clock/,
    ],
    [
      'google',
      rfc6749(400, 'invalid_grant', 'Invalid grant: account not found'),
      'park',
      /service account no longer exists/,
    ],
    [
      'google',
      rfc6749(401, 'disabled_client', 'The OAuth client was disabled.'),
      'park',
      /enable the service account/,
    ],
    [
      'google',
      rfc6749(400, 'invalid_scope', 'Invalid OAuth scope or ID token audience provided.'),
      'park',
      /no token for this scope/,
    ],
    [
      'google',
      rfc6749(403, 'rate_limit_exceeded', 'Rate Limit Exceeded'),
      'retry',
      /cannot issue a token now/,
    ],
    // RFC 6749, 5.2
    [
      'generic',
      rfc6749(401, 'invalid_client'),
      'park',
      /client_id and client_secret in channels\.email\.oauth2\.generic.*\(401 invalid_client\)/,
    ],
    [
      'generic',
      { ...rfc6749(401, 'invalid_client'), headers: { 'www-authenticate': 'Basic realm="x"' } },
      'park',
      /401 invalid_client/,
    ],
    ['generic', rfc6749(400, 'invalid_scope'), 'park', /correct channels\.email\.oauth2\.generic\.scope/],
    ['generic', rfc6749(400, 'unauthorized_client'), 'park', /allow the grant client_credentials/],
    ['generic', rfc6749(400, 'unsupported_grant_type'), 'park', /allow the grant client_credentials/],
    [
      'generic',
      rfc6749(400, 'invalid_grant', 'Token has been expired or revoked.'),
      'park',
      /log in again for a new .*refresh_token/,
    ],
    ['generic', rfc6749(400, 'invalid_request'), 'park', /whose error says why/],
    // What is no token endpoint, or stands before one.
    [
      'generic',
      page,
      'park',
      /does not answer as a token server: correct .*token_url.*404 \(text\/html\): Not Found/,
    ],
    [
      'generic',
      { status: 302, headers: { location: 'https://login.example.org/?next=x' }, body: '' },
      'park',
      /a redirect to https:\/\/login\.example\.org/,
    ],
    [
      'generic',
      { status: 200, headers: { 'content-type': 'text/html' }, body: '<form>Log in</form>' },
      'park',
      /does not answer as a token server/,
    ],
    ['generic', { status: 200, body: { token_type: 'Bearer' } }, 'park', /"access_token"/],
    ['generic', { status: 200, body: { access_token: 'x', token_type: 'mac' } }, 'park', /token_type/],
    [
      'google',
      { status: 407, headers: { 'content-type': 'text/html' }, body: 'Proxy Authentication Required' },
      'park',
      /a proxy answers instead of it/,
    ],
    ['generic', { status: 500, body: 'oops' }, 'retry', /cannot issue a token now \(500\)/],
    [
      'generic',
      { status: 502, headers: { 'content-type': 'text/html' }, body: '<h1>Bad Gateway</h1>' },
      'retry',
      /cannot issue a token now/,
    ],
    ['generic', { status: 429, body: '' }, 'retry', /too many requests \(429\)/],
    ['generic', 'drop', 'retry', /cannot be reached for a token/],
  ]
  for (const [provider, answer, kind, reason] of cases) {
    t.match(
      await outcomeWhere(t, provider, answer, world),
      { kind, reason },
      `${provider} ${typeof answer === 'string' ? answer : JSON.stringify(answer.body).slice(0, 60)}`,
    )
  }
  t.equal(world.smtp.connections.total, 0, 'a mail server is not kept waiting')
})

t.test('the stand-in refuses by itself what is wrong in a request', async (t) => {
  const { tokens, smtp } = await start(t)
  const cases: readonly [Provider, object, RegExp][] = [
    ['microsoft', { client_secret: 'wrong' }, /AADSTS7000215/],
    ['microsoft', { client_id: GUID }, /AADSTS700016/],
    ['microsoft', { tenant: 'fabrikam.com' }, /AADSTS90002/],
    ['microsoft', { scope: 'https://outlook.office365.com/SMTP.Send' }, /AADSTS1002012/],
    ['google', { mailbox: 'nobody@example.org' }, /Invalid email or User ID/],
    [
      'google',
      { service_account: serviceAccountKey(tokens, { private_key_id: 'another' }) },
      /Invalid JWT Signature/,
    ],
    ['generic', { client_secret: 'wrong' }, /401 invalid_client/],
    ['generic', { client_secret: 'wrong', client_auth: 'basic' }, /401 invalid_client/],
    ['generic', { refresh_token: 'old' }, /expired or revoked/],
  ]
  for (const [provider, more, reason] of cases) {
    const outcome = await open(t, { smtp: smtp.url, oauth2: oauth2(tokens, provider, more) })()
    t.match(outcome, { kind: 'park', reason }, `${provider} ${Object.keys(more)}`)
  }
})

t.test('a token server asks to wait, is not there, or does not answer', async (t) => {
  const world = await start(t)
  const wait = async (value: string) => {
    const outcome = await outcomeWhere(
      t,
      'generic',
      { status: 429, headers: { 'retry-after': value }, body: '' },
      world,
    )
    return outcome.kind === 'retry' ? (outcome.after ?? null) : outcome
  }
  t.equal(await wait('7'), 7_000)
  t.equal(await wait('999999'), 3_600_000, 'no longer than an hour')
  t.equal(await wait('soon'), null)
  const cut = (status: number) => {
    const headers = { 'content-length': '1000', connection: 'close', 'retry-after': '7' }
    return outcomeWhere(t, 'generic', { status, headers, body: '{"error":"inv' }, world)
  }
  t.match(
    await cut(429),
    { kind: 'retry', reason: /too many requests/, after: 7_000 },
    'its status says that',
  )
  t.match(await cut(503), { kind: 'retry', reason: /cannot issue a token now/, after: 7_000 })
  for (const status of [200, 400])
    t.match(
      await cut(status),
      { kind: 'retry', reason: /cannot be reached for a token/, after: undefined },
      'what is wrong would be in the rest',
    )
  const byDate = await wait(new Date(Date.now() + 60_000).toUTCString())
  t.ok(typeof byDate === 'number' && byDate > 50_000 && byDate <= 60_000, 'a date')

  const gone = { url: `http://127.0.0.1:${holdPort(t).port}` }
  t.match(await open(t, { smtp: world.smtp.url, oauth2: oauth2(gone, 'microsoft') })(), {
    kind: 'retry',
    reason: /cannot be reached for a token \(.*ECONNREFUSED/,
  })
  world.tokens.behave = () => new Promise(() => {})
  t.match(await open(t, { smtp: world.smtp.url, oauth2: oauth2(world.tokens, 'microsoft') }, 200)(), {
    kind: 'retry',
    reason: /cannot be reached for a token/,
  })
})

t.test('tokens are fetched through the proxy', async (t) => {
  const { smtp } = await start(t)
  const settings = oauth2({ url: 'https://id.example.org' }, 'generic')
  const through = async (proxy: string) => {
    const { proxies } = readProxies({ HTTPS_PROXY: proxy })
    return open(t, { smtp: smtp.url, oauth2: settings }, IN_TIME_MS, proxies)()
  }
  const { port: gone } = holdPort(t)
  t.match(await through(`http://127.0.0.1:${gone}`), {
    kind: 'retry',
    reason: new RegExp(
      `^id\\.example\\.org cannot be reached for a token \\(.*proxy 127\\.0\\.0\\.1:${gone}`,
    ),
  })
  const refusing = createServer().on('connect', (_request, socket) => {
    socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="firm"\r\n\r\n')
  })
  const { port, close } = await listen(refusing)
  t.teardown(close)
  t.match(await through(`http://127.0.0.1:${port}`), {
    kind: 'park',
    reason: /for a token: .*asks for a login/,
  })
})

t.test('a mail server that does not take the token', async (t) => {
  const issuing = (claims: object) => () => ({
    status: 200,
    body: { token_type: 'Bearer', access_token: unsignedJwt(claims), expires_in: 3_599 },
  })
  const exchange = { aud: 'https://outlook.office365.com', roles: ['SMTP.SendAsApp'] }
  const cases: readonly [Provider, object, string | false, Outcome['kind'], RegExp][] = [
    [
      'microsoft',
      exchange,
      '535 5.7.3 Authentication unsuccessful [FR3P281CA0094.DEUP281.PROD.OUTLOOK.COM]',
      'park',
      /may not use the mailbox alerts@example\.org: .*New-ServicePrincipal.*535 5\.7\.3/,
    ],
    [
      'microsoft',
      { ...exchange, roles: ['Mail.Send'] },
      '535 5.7.3 Authentication unsuccessful',
      'park',
      /no permission SMTP\.SendAsApp: .*admin consent/,
    ],
    [
      'microsoft',
      { aud: exchange.aud },
      '535 5.7.3 Authentication unsuccessful',
      'park',
      /no permission SMTP\.SendAsApp/,
    ],
    [
      'microsoft',
      { ...exchange, aud: 'https://graph.microsoft.com' },
      '535 5.7.3 Authentication unsuccessful',
      'park',
      /token is for https:\/\/graph\.microsoft\.com.*microsoft\.scope/,
    ],
    [
      'microsoft',
      exchange,
      '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled',
      'park',
      /off for the tenant: .*Set-CASMailbox -Identity alerts@example\.org/,
    ],
    [
      'microsoft',
      exchange,
      '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled',
      'park',
      /off for the mailbox alerts@example\.org: .*Set-CASMailbox/,
    ],
    [
      'microsoft',
      exchange,
      "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. Contact your administrator.",
      'park',
      /security defaults/,
    ],
    [
      'microsoft',
      exchange,
      '432 4.3.2 Concurrent connections limit exceeded',
      'retry',
      /takes no more connections at once.*432 4\.3\.2/,
    ],
    ['google', exchange, '454 4.7.0 Temporary authentication failure', 'retry', /^454 4\.7\.0/],
    [
      'google',
      exchange,
      '421 4.7.0 Too many login attempts, please try again later.',
      'retry',
      /^421 4\.7\.0/,
    ],
    [
      'google',
      exchange,
      false,
      'park',
      /Gmail does not take it for alerts@example\.org.*mail\.google\.com.*"status":"400"/,
    ],
    [
      'generic',
      exchange,
      '504 5.7.4 Unrecognized authentication type',
      'park',
      /does not take it for alerts@example\.org.*504/,
    ],
    ['generic', exchange, '501 5.5.4 Invalid argument', 'park', /does not take it.*501/],
  ]
  for (const [provider, claims, reply, kind, reason] of cases) {
    const { tokens, smtp } = await start(t, { refuses: 'google', accepts: () => reply })
    tokens.behave = issuing(claims)
    const outcome = await open(t, { smtp: smtp.url, oauth2: oauth2(tokens, provider) })()
    t.match(outcome, { kind, reason }, `${provider} ${reply}`)
  }
})

t.test('nothing repeats a token or a secret', async (t) => {
  const { tokens, smtp } = await start(t, {
    accepts: (token, user) =>
      `535 5.7.8 no: ${token} ${initialResponse({ mechanism: 'XOAUTH2', user, token, host: '', port: 0 })}`,
  })
  const settings = email.settings.parse({
    from,
    smtp: smtp.url,
    oauth2: oauth2(tokens, 'generic', { refresh_token: generic.refresh_token }),
  })
  const said: string[] = [JSON.stringify(settings)]
  const send = open(t, {
    smtp: smtp.url,
    oauth2: oauth2(tokens, 'generic', { refresh_token: generic.refresh_token }),
  })
  said.push(JSON.stringify(await send()))
  t.match(said[1], '535 5.7.8 no: *** ***')
  tokens.behave = ({ form }) => ({
    status: 400,
    body: { error: 'invalid_client', error_description: `no: ${form.client_secret} ${form.refresh_token}` },
  })
  said.push(
    JSON.stringify(
      await open(t, {
        smtp: smtp.url,
        oauth2: oauth2(tokens, 'generic', { refresh_token: generic.refresh_token }),
      })(),
    ),
  )
  t.match(said[2], 'no: *** ***')
  tokens.behave = () => ({ status: 200, body: { access_token: 'leaked-token', token_type: 'mac' } })
  said.push(JSON.stringify(await open(t, { smtp: smtp.url, oauth2: oauth2(tokens, 'generic') })()))
  for (const secret of [generic.client_secret, generic.refresh_token, 'opaque-token', 'leaked-token']) {
    t.notMatch(said.join('\n'), secret)
  }
})

t.test('settings', async (t) => {
  const server = { url: 'http://127.0.0.1:1' }
  const mistakes = (block: unknown, more: object = {}) => {
    const parsed = email.settings.safeParse({ smtp: 'smtp://smtp.example.org', from, oauth2: block, ...more })
    return (parsed.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n')
  }
  for (const provider of ['microsoft', 'google', 'generic'] as const)
    t.equal(mistakes(oauth2(server, provider)), '')
  t.equal(mistakes(oauth2(server, 'microsoft', { tenant: GUID, mailbox: 'desk@example.org' })), '')
  t.equal(
    mistakes(oauth2(server, 'generic', { client_secret: undefined, refresh_token: 'x', scope: 'a b' })),
    '',
  )
  t.equal(mistakes(oauth2(server, 'generic'), { smtp: 'smtp://127.0.0.1', tls: 'off' }), '', 'loopback')

  const google = (service_account: string) => oauth2(server, 'google', { service_account })
  const cases: readonly [unknown, RegExp, object?][] = [
    [{}, /^oauth2: must have exactly one of microsoft, google and generic$/],
    [{ ...oauth2(server, 'microsoft'), ...oauth2(server, 'google') }, /^oauth2: must have exactly one of/],
    [oauth2(server, 'microsoft', { tenant: undefined }), /^oauth2\.microsoft\.tenant: /],
    [
      oauth2(server, 'microsoft', { tenant: 'common' }),
      /^oauth2\.microsoft\.tenant: must be the ID of your own tenant/,
    ],
    [
      oauth2(server, 'microsoft', { client_id: 'my app' }),
      /^oauth2\.microsoft\.client_id: must be the Application/,
    ],
    [
      oauth2(server, 'microsoft', { client_secret: GUID }),
      /^oauth2\.microsoft\.client_secret: is the secret's ID: copy its Value/,
    ],
    [
      oauth2(server, 'microsoft', { mailbox: 'Desk <desk@example.org>' }),
      /^oauth2\.microsoft\.mailbox: must be the address/,
    ],
    [
      oauth2(server, 'microsoft', { authority: 'http://login.example.org' }),
      /^oauth2\.microsoft\.authority: must be an https URL/,
    ],
    [google('google-key.json'), /^oauth2\.google\.service_account: must be the key itself, .*\{file: PATH\}/],
    [google('{"type": "service_account"'), /not JSON/],
    [google('{"installed": {"client_id": "x"}}'), /that of an OAuth client/],
    [google('{"type": "authorized_user"}'), /a user's own login/],
    [google('{"type": "external_account"}'), /workload identity federation/],
    [google('{"type": "service_account"}'), /client_email is missing/],
    [google(serviceAccountKey(server, { private_key: undefined })), /private_key is missing/],
    [
      google(
        serviceAccountKey(server, {
          private_key: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----',
        }),
      ),
      /private_key that is damaged/,
    ],
    [
      google(serviceAccountKey(server, { token_uri: 'http://oauth2.googleapis.com/token' })),
      /token_uri that is not an https URL/,
    ],
    [
      oauth2(server, 'google', { mailbox: 'someone@gmail.com' }),
      /^oauth2: a service account cannot use someone@gmail\.com.*app password/,
    ],
    [
      oauth2(server, 'generic', { client_secret: undefined }),
      /^oauth2\.generic: must have a client_secret or a refresh_token/,
    ],
    [
      oauth2(server, 'generic', { token_url: 'http://id.example.org/token' }),
      /^oauth2\.generic\.token_url: must be an https URL/,
    ],
    [oauth2(server, 'generic', { scope: '' }), /^oauth2\.generic\.scope: must be one scope/],
    [oauth2(server, 'generic', { user: 'a\x01b' }), /^oauth2\.generic\.user: /],
    [
      oauth2(server, 'microsoft'),
      /^oauth2: cannot be combined with a user and a password in channels\.email\.smtp/,
      { smtp: 'smtp://u:p@smtp.example.org' },
    ],
    [oauth2(server, 'microsoft'), /^tls: must be required with oauth2/, { tls: 'off' }],
    [oauth2(server, 'microsoft'), /^tls: must be required with oauth2/, { tls: 'opportunistic' }],
  ]
  for (const [block, mistake, more] of cases) t.match(mistakes(block, more), mistake, String(mistake))
  t.notMatch(mistakes(google('{"secret-in-key": "hunter2"}')), 'hunter2')
})

t.test('an answer that is no token costs no more than its length', async (t) => {
  const url = 'https://id.example.org/token'
  const { client_id, client_secret } = generic
  const oauth2 = { generic: { token_url: url, client_id, client_secret } }
  const { oauth2: settings } = email.settings.parse({
    from,
    smtp: 'smtps://mail.example.org',
    oauth2,
  })
  if (settings === undefined) throw new Error('the settings have oauth2')
  const read = (length: number) => () => {
    const answer = { status: 404, headers: new Headers(), text: '<'.repeat(length), isWhole: true }
    const failure = { settings, url, user: 'a', answer, error: null }
    tokenProblem({ ...failure, words: (text) => text })
  }
  // What is quadratic takes sixteen times as long for four times as much.
  const times = growth([read(15_000), read(60_000)], 9, 20)
  t.ok(times < 9, `${times.toFixed(1)} times as long`)
})
