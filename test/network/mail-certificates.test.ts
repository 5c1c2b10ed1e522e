/** Mail servers with certificates of a firm's own authority. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SMTPServer } from 'smtp-server'
import t, { type Test } from 'tap'
import { readAuthorities } from '../../src/channels/email/authorities.ts'
import { email } from '../../src/channels/email/email.ts'
import type { Outcome } from '../../src/core/delivery/outcome.ts'
import { alone } from '../support/addressed.ts'
import {
  type Certificate,
  type CertificateOptions,
  makeAuthority,
  makeCertificate,
} from '../support/certificates.ts'
import { channelEnvironment } from '../support/channel-environment.ts'
import { temporaryFolder } from '../support/service.ts'

const DAY_MS = 86_400_000
const root = makeAuthority('Example Firm Root CA')
const other = makeAuthority('Another Root CA')
const store = temporaryFolder(t)
writeFileSync(join(store, 'ca-certificates.crt'), root.cert)
process.env.SSL_CERT_FILE = join(store, 'ca-certificates.crt')
process.env.SSL_CERT_DIR = store

const signed = (more: Partial<CertificateOptions> = {}) =>
  makeCertificate({ subject: 'mail', hosts: ['127.0.0.1'], issuer: root, ...more })

async function start(t: Test, { cert, key }: Certificate, secure: boolean) {
  const taken: string[] = []
  const server = new SMTPServer({
    cert,
    key,
    secure,
    logger: false,
    disableReverseLookup: true,
    authOptional: true,
    disabledCommands: ['AUTH'],
    onData(stream, session, done) {
      stream.resume().once('end', () => {
        taken.push(String(session.secure))
        done()
      })
    },
  })
  server.on('error', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  t.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())))
  const address = server.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { url: `smtp${secure ? 's' : ''}://127.0.0.1:${port}`, taken }
}

async function send(t: Test, url: string, more: object = {}): Promise<Outcome> {
  const settings = email.settings.parse({ smtp: url, from: 'a@example.org', tls: 'required', ...more })
  const receivers = new Map([['r', email.receiver.parse({ to: ['b@example.org'] })]])
  const open = email.open(settings, receivers, channelEnvironment())
  t.teardown(() => open.close())
  const mail = { subject: 's', text: 't', html: '<p>t</p>', preheader: '' }
  return open.send(mail, { id: 'dlv_1', receiver: 'r', target: 'b@example.org', ...alone })
}

for (const secure of [false, true]) {
  t.test(secure ? 'smtps' : 'STARTTLS', async (t) => {
    const trusted = await start(t, signed(), secure)
    t.match(await send(t, trusted.url), { kind: 'sent' }, "the system's store is trusted")
    const named = await start(t, signed({ issuer: other }), secure)
    t.match(await send(t, named.url, { ca: other.cert }), { kind: 'sent' }, 'channels.email.ca is')
    t.match(await send(t, trusted.url, { ca: other.cert }), { kind: 'sent' }, 'beside the system')
    t.strictSame([...trusted.taken, ...named.taken], ['true', 'true', 'true'], 'encrypted')

    const cases: readonly (readonly [what: string, Certificate, RegExp])[] = [
      [
        'an issuer that is not trusted',
        signed({ issuer: other }),
        /127\.0\.0\.1:\d+ comes from an issuer that this machine does not trust .*issuer "CN=Another Root CA".*update-ca-certificates \(in a container: .*NODE_EXTRA_CA_CERTS\), or name its file in channels\.email\.ca/,
      ],
      [
        'self-signed',
        makeCertificate({ subject: 'me', hosts: ['127.0.0.1'] }),
        /is self-signed .*subject "CN=me"/,
      ],
      [
        'for another host',
        signed({ hosts: ['mail.example'] }),
        /is for mail\.example, not for 127\.0\.0\.1.*channels\.email\.smtp/,
      ],
      [
        'expired',
        signed({ to: new Date(Date.now() - 2 * DAY_MS - 5_000) }),
        /expired on \d{4}-\d\d-\d\d, 2 days ago/,
      ],
      ['not valid yet', signed({ from: new Date(Date.now() + DAY_MS) }), /is valid only from \d{4}/],
    ]
    for (const [what, certificate, reason] of cases) {
      const server = await start(t, certificate, secure)
      const outcome = await send(t, server.url)
      t.match(outcome, { reason }, what)
      t.not(outcome.kind, 'sent')
      t.strictSame(server.taken, [], 'nothing was sent')
    }
  })
}

t.test('what channels.email.ca takes', async (t) => {
  const now = Date.now()
  const old = makeAuthority('Old CA', { to: new Date(now - DAY_MS) })
  const cases: readonly (readonly [text: string, expected: number | RegExp])[] = [
    [root.cert, 1],
    [`# Example\n${root.cert}\n${other.cert}`, 2],
    [root.cert.replaceAll('\n', '\r\n'), 1],
    [old.cert + root.cert, 1 + 1],
    ['', /has no certificate in PEM: name the PEM file/],
    ['\u0030\u0082binary', /has no certificate in PEM/],
    [
      '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----',
      /is a request for a certificate/,
    ],
    ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', /cannot be read, number 1 of 1/],
    [root.cert + root.key, /holds a private key/],
    [old.cert, /no certificate that is still valid: the last one expired on \d{4}-\d\d-\d\d/],
  ]
  for (const [text, expected] of cases) {
    const read = readAuthorities(text, now)
    if (typeof expected === 'number') t.equal(read.ok && read.certificates.length, expected)
    else t.match(read, { ok: false, message: expected })
    const parsed = email.settings.safeParse({
      smtp: 'smtp://mail.example.org',
      from: 'a@example.org',
      ca: text,
    })
    t.equal(parsed.success, read.ok)
    t.notMatch(JSON.stringify(read.ok ? '' : read), /BEGIN .*KEY|AAAA/)
  }
})
