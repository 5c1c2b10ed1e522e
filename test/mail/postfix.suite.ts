/** The service, and Debian's Postfix with what people set up there: greylists, limits, refusals, logins. Needs root. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { DeliveryRecord } from '../../src/store/store.ts'
import { startTestApp } from '../support/app.ts'
import { makeAuthority, makeCertificate } from '../support/certificates.ts'
import { installPackages } from '../support/debian.ts'
import { startMailServer } from '../support/mail-server.ts'
import { freePort } from '../support/ports.ts'
import { history, newEvent, post, temporaryFolder } from '../support/service.ts'
import { until } from '../support/until.ts'
import { startDovecotAuth } from './dovecot.ts'
import { startPostfix } from './postfix.ts'
import { run } from './running.ts'

installPackages('Postfix', 'postfix', 'postgrey', 'dovecot-core')

const PASSWORD = 'correct-horse'
const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const root = makeAuthority('Hookbridge Test Root CA')

const relay = await startMailServer()
t.teardown(() => relay.close())
const greylistPort = await startPostgrey(t)
const login = { smtpd_sasl_auth_enable: 'yes', smtpd_tls_auth_only: 'yes' }
const postfix = await startPostfix(t, {
  relayPort: relay.port,
  authPort: await startDovecotAuth(t, PASSWORD),
  certificate: makeCertificate({ subject: 'localhost', hosts: ['localhost', '127.0.0.1'], issuer: root }),
  listeners: {
    open: {},
    greylist: {
      smtpd_recipient_restrictions: `reject_unauth_destination, check_policy_service inet:127.0.0.1:${greylistPort}`,
    },
    oneConnection: { smtpd_client_connection_count_limit: '1' },
    twoConnections: { smtpd_client_connection_rate_limit: '2' },
    twoMails: { smtpd_client_message_rate_limit: '2' },
    noSender: { smtpd_sender_restrictions: 'check_sender_access inline:{alerts@example.org=REJECT}' },
    noRecipient: { smtpd_recipient_restrictions: 'check_recipient_access inline:{jane@example.org=REJECT}' },
    unknownRecipient: {
      relay_recipient_maps: 'inline:{joe@example.org=x}',
      smtpd_recipient_restrictions: 'reject_unlisted_recipient, reject_unauth_destination',
    },
    small: { message_size_limit: '1000' },
    noName: { smtpd_helo_restrictions: 'check_helo_access inline:{mail.example.org=REJECT}' },
    noClient: { smtpd_client_restrictions: 'check_client_access inline:{127.0.0.1=REJECT}' },
    encrypted: { smtpd_tls_security_level: 'encrypt' },
    submission: { ...login, smtpd_client_restrictions: 'permit_sasl_authenticated, reject' },
    ownSender: {
      ...login,
      smtpd_sender_login_maps: 'inline:{alerts@example.org=robot@example.org}',
      smtpd_sender_restrictions: 'reject_sender_login_mismatch',
    },
  },
})

async function startPostgrey(t: Test): Promise<number> {
  const folder = temporaryFolder(t)
  const port = freePort()
  const none = '/dev/null'
  const args = [
    `--inet=127.0.0.1:${port}`,
    `--dbdir=${folder}`,
    '--user=root',
    '--group=root',
    '--delay=1',
    `--whitelist-clients=${none}`,
    `--whitelist-recipients=${none}`,
  ]
  await run(t, 'postgrey', args, port)
  return port
}

interface Mail {
  readonly to?: readonly string[]
  /** Settings of channels.email beside smtp and from. */
  readonly settings?: string
  /** User and password. */
  readonly login?: string
}

const authority = join(temporaryFolder(t), 'ca.pem')
writeFileSync(authority, root.cert)
const TLS = `tls: required, ca: { file: ${authority} }`

/** The service with one event, whose deliveries can be read. */
async function send(t: Test, listener: keyof typeof postfix.ports, mail: Mail = {}) {
  const { to = ['jane@example.org'], settings = 'ehlo: mail.example.org', login = '' } = mail
  const app = await startTestApp(
    t,
    `
sources: { cuuro: { svix: { secrets: ["\${WEBHOOK_SECRET}"] } } }
channels:
  email: { smtp: "smtp://${login}127.0.0.1:${postfix.ports[listener]}", from: alerts@example.org, ${settings} }
receivers: { partners: { email: { to: ${JSON.stringify(to)} } } }
routes: [{ match: { type: analysis.completed }, receivers: [partners] }]
`,
  )
  t.equal((await post(app.url, newEvent())).status, 202)
  return async () => (await history(app.folder)).deliveries
}

type Read = () => Promise<readonly DeliveryRecord[]>

function attempted(read: Read): Promise<void> {
  return until(async () => (await read()).every(({ history }) => history.length > 0), 'the first attempts')
}

function delivered(read: Read, timeoutMs = MINUTE_MS): Promise<void> {
  const all = async () => (await read()).every(({ state }) => state === 'delivered')
  return until(all, 'the mails to arrive', timeoutMs)
}

interface Refusal extends Mail {
  readonly listener: keyof typeof postfix.ports
  readonly state: 'parked' | 'dead'
  /** What the hint is, and Postfix's own words. */
  readonly reason: RegExp
}

const refusals: readonly Refusal[] = [
  {
    listener: 'noSender',
    state: 'parked',
    reason:
      /refuses the sender: .*\(554 5\.7\.1 <alerts@example\.org>: Sender address rejected: Access denied\)/,
  },
  {
    listener: 'noRecipient',
    state: 'dead',
    reason:
      /refuses the recipient: .*\(554 5\.7\.1 <jane@example\.org>: Recipient address rejected: Access denied\)/,
  },
  {
    listener: 'unknownRecipient',
    state: 'dead',
    reason:
      /refuses the recipient: .*\(550 5\.1\.1 <jane@example\.org>: Recipient address rejected: User unknown/,
  },
  {
    listener: 'open',
    to: ['jane@example.net'],
    state: 'parked',
    reason:
      /put user and password into channels\.email\.smtp.*\(454 4\.7\.1 <jane@example\.net>: Relay access denied\)/,
  },
  { listener: 'small', state: 'dead', reason: /larger than the mail server takes: shorten its template/ },
  {
    listener: 'noName',
    state: 'parked',
    reason:
      /set channels\.email\.ehlo .*\(554 5\.7\.1 <mail\.example\.org>: Helo command rejected: Access denied\)/,
  },
  {
    listener: 'noClient',
    state: 'parked',
    reason: /refuses mail from this machine: .*\(554 5\.7\.1 <[^>]+>: Client host rejected: Access denied\)/,
  },
  {
    listener: 'encrypted',
    settings: 'tls: off',
    state: 'parked',
    reason: /set channels\.email\.tls to required \(530 5\.7\.0 Must issue a STARTTLS command first\)/,
  },
  {
    listener: 'submission',
    state: 'parked',
    reason:
      /put user and password there if it wants a login.*\(554 5\.7\.1 <[^>]+>: Client host rejected: Access denied\)/,
  },
  {
    listener: 'submission',
    login: 'alerts%40example.org:wrong@',
    settings: TLS,
    state: 'parked',
    reason:
      /does not accept the login: correct user and password .*\(535 5\.7\.8 Error: authentication failed/,
  },
  {
    listener: 'submission',
    login: `alerts%40example.org:${PASSWORD}@`,
    settings: 'tls: off',
    state: 'parked',
    reason: /offers no login on this connection: .*channels\.email\.tls: required/,
  },
  {
    listener: 'ownSender',
    login: `alerts%40example.org:${PASSWORD}@`,
    settings: TLS,
    state: 'parked',
    reason:
      /may not send as channels\.email\.from: .*\(553 5\.7\.1 <alerts@example\.org>: Sender address rejected: not owned by user/,
  },
]

for (const { listener, state, reason, ...mail } of refusals) {
  t.test(`${listener}: ${mail.login ?? mail.settings ?? mail.to ?? 'refused'}`, async (t) => {
    const before = relay.messages.length
    const read = await send(t, listener, mail)
    await attempted(read)
    const deliveries = await read()
    t.match(deliveries, [{ state, reason, attempts: 1 }], deliveries[0]?.reason ?? '')
    t.equal(relay.messages.length, before)
    t.notMatch(JSON.stringify(deliveries), PASSWORD)
  })
}

for (const [listener, mail] of [
  ['open', {}],
  ['encrypted', { settings: TLS }],
  ['submission', { login: `alerts%40example.org:${PASSWORD}@`, settings: TLS }],
  ['ownSender', { login: `robot%40example.org:${PASSWORD}@`, settings: TLS }],
] as const) {
  t.test(`${listener}: taken`, async (t) => {
    const before = relay.messages.length
    const read = await send(t, listener, mail)
    await delivered(read)
    t.match(await read(), [{ attempts: 1 }])
    await until(() => relay.messages.length === before + 1, 'Postfix to hand it on')
  })
}

t.test('a greylist', async (t) => {
  const read = await send(t, 'greylist')
  await attempted(read)
  const [first] = await read()
  t.match(first, { state: 'retrying', reason: /^450 4\.2\.0 <jane@example\.org>: .*Greylisted/ })
  const wait = Number(first?.dueAt) - Number(first?.history[0]?.startedAt)
  t.ok(wait >= MINUTE_MS && wait < 2 * MINUTE_MS, `${wait} ms`)
  await delivered(read, 3 * MINUTE_MS)
  t.match(await read(), [{ attempts: 2 }])
})

const six = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `${name}@example.org`)

for (const [listener, limit] of [
  ['oneConnection', /Connection concurrency limit exceeded/],
  ['twoConnections', /Connection rate limit exceeded/],
] as const) {
  t.test(`${listener}: six mails at once`, async (t) => {
    // Others than those of the tests before, whose mails Postfix may still have.
    const to = six.map((address) => `${listener}.${address}`)
    const read = await send(t, listener, { to })
    await delivered(read)
    // A process of its own writes the log.
    await until(() => limit.test(postfix.log()), 'the refusal in the log: more were tried')
    t.strictSame(
      (await read()).map(({ attempts }) => attempts),
      [1, 1, 1, 1, 1, 1],
      'the others waited',
    )
    const handedOn = () => relay.messages.flatMap((mail) => mail.to).filter((address) => to.includes(address))
    await until(() => handedOn().length >= to.length, 'Postfix to hand them on')
    t.strictSame(handedOn().toSorted(), to)
  })
}

t.test('a limit of mails in a minute', async (t) => {
  const read = await send(t, 'twoMails', { to: six })
  await attempted(read)
  const deliveries = await read()
  const waiting = deliveries.filter(({ state }) => state === 'retrying')
  t.equal(deliveries.filter(({ state }) => state === 'delivered').length, 2)
  t.equal(waiting.length, 4)
  for (const { reason, dueAt, history } of waiting) {
    t.match(reason, /set channels\.email\.rate .*\(450 4\.7\.1 Error: too much mail from 127\.0\.0\.1\)/)
    t.ok(Number(dueAt) - Number(history[0]?.startedAt) >= 15 * MINUTE_MS)
  }
})
