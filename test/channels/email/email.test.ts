import t from 'tap'
import { email } from '../../../src/channels/email/email.ts'
import { parseSmtpUrl } from '../../../src/channels/email/settings.ts'
import { startMailServer } from '../../support/mail-server.ts'
import { channelContract } from '../contract.ts'

const auth = { user: 'alerts', pass: 'p@ss/word' }

channelContract(t, {
  channel: email,
  folder: 'email',
  address: 'me@example.org',
  async start() {
    const server = await startMailServer({ auth })
    return {
      settings: { smtp: server.url, from: 'Cuuro alerts <alerts@example.org>' },
      receiver: { to: ['Jane <jane@example.org>', 'team@example.org'] },
      connections: () => server.connections.total,
      close: () => server.close(),
    }
  },
  unreachable: (port) => ({
    settings: { smtp: `smtp://alerts:p%40ss%2Fword@127.0.0.1:${port}`, from: 'alerts@example.org' },
    receiver: { to: ['jane@example.org'] },
  }),
  secrets: [auth.pass, encodeURIComponent(auth.pass)],
})

function mistakes(settings: object): string[] {
  const parsed = email.settings.safeParse({
    smtp: 'smtp://mail.example.org',
    from: 'a@example.org',
    ...settings,
  })
  return (parsed.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

t.test('settings that are accepted', (t) => {
  t.strictSame(mistakes({}), [])
  t.strictSame(mistakes({ smtp: 'smtps://user:pa%3Ass@mail.example.org:2465' }), [])
  t.strictSame(
    mistakes({ reply_to: '"Doe, Jane" <jane@example.org>', unsubscribe: 'https://example.org/u?a=1' }),
    [],
  )
  t.strictSame(mistakes({ unsubscribe: 'stop@example.org', tls: 'opportunistic', connections: 1 }), [])
  t.end()
})

t.test('settings that are refused', (t) => {
  for (const [settings, mistake] of [
    [{ smtp: 'https://mail.example.org' }, /^smtp: must be a URL such as smtp:/],
    [{ smtp: 'smtp://user:p@ss/word@mail.example.org' }, /^smtp: must be a URL such as smtp:/],
    [{ smtp: 'smtp://user@mail.example.org' }, /^smtp: must be a URL such as smtp:/],
    [{ smtp: 'smtp://mail.example.org?pool=true' }, /^smtp: must be a URL such as smtp:/],
    [{ smtp: 'smtp://user:%FF@mail.example.org' }, /^smtp: must be a URL such as smtp:/],
    [{ from: 'Cuuro alerts' }, /^from: must be a mail address/],
    [{ from: 'A <a@example.org>\r\nBcc: b@example.org' }, /^from: must be a mail address/],
    [{ from: 'a@example.org, b@example.org' }, /^from: must be a mail address/],
    [{ unsubscribe: 'http://example.org' }, /^unsubscribe: must be a mail address or an https URL/],
    [{ unsubscribe: 'https://example.org/>\r\nBcc: b@example.org' }, /^unsubscribe: must be/],
    [
      { smtp: 'smtps://mail.example.org', tls: 'off' },
      /^tls: a connection to an smtps:\/\/ server is always encrypted/,
    ],
    [{ connections: 0 }, /^connections: /],
  ] as const) {
    t.match(mistakes(settings), [mistake], JSON.stringify(settings))
  }
  t.notMatch(
    JSON.stringify(mistakes({ smtp: 'smtp://user:hunter2/@mail' })),
    /hunter2/,
    'no secret in a mistake',
  )
  t.end()
})

t.test('receivers', (t) => {
  const targets = (to: unknown) => email.targets(email.receiver.parse({ to }), 'r')
  t.strictSame(targets(['Jane <Jane@Example.org>', 'b+c@sub.example.org']), [
    { target: 'Jane@Example.org', rateKey: 'email:jane@example.org' },
    { target: 'b+c@sub.example.org', rateKey: 'email:b+c@sub.example.org' },
  ])
  const addresses = (to: string) =>
    email.receiver.parse({ to: [to] }).to.map(({ name, address }) => `${name}|${address}`)
  t.strictSame(addresses('a@example.org, "Doe, Jane" <b@example.org>; C <c@example.org>'), [
    '|a@example.org',
    'Doe, Jane|b@example.org',
    'C|c@example.org',
  ])
  t.strictSame(addresses('Doe, Jane <b@example.org>'), ['Doe, Jane|b@example.org'])
  t.strictSame(targets(['Jané@Bücher.example']), [
    { target: 'Jané@Bücher.example', rateKey: 'email:jané@xn--bcher-kva.example' },
  ])
  for (const to of [
    [],
    ['jane'],
    ['jane@example'],
    ['jane@-example.org'],
    ['.jane@example.org'],
    ['jane@example.org\r\nRCPT TO:<b@example.org>'],
    ['jane@example.org\nb@example.org'],
    ['<jane@example.org> <b@example.org>'],
    ['jane@example.org, jane'],
    ['jane@example.org, JANE@example.org'],
    [','],
    ['jane@exam\u00adple.org'],
    ['jane@bücher.example', 'jane@xn--bcher-kva.example'],
    ['group: jane@example.org;'],
    [`${'x'.repeat(65)}@example.org`],
    ['jane@example.org', 'Jane <JANE@example.org>'],
  ]) {
    t.notOk(email.receiver.safeParse({ to }).success, JSON.stringify(to))
  }
  t.end()
})

t.test('a receiver of mail needs channels.email', (t) => {
  t.match(email.missingSettings?.(undefined, { to: [] }), /^channels\.email is missing/)
  t.end()
})

t.test('the URL of a mail server', (t) => {
  t.strictSame(parseSmtpUrl('smtp://a%40b:p%3Ass@mail.example.org'), {
    host: 'mail.example.org',
    port: 587,
    secure: false,
    credentials: { user: 'a@b', pass: 'p:ss' },
  })
  t.match(parseSmtpUrl('smtps://[::1]/'), { host: '::1', port: 465, secure: true, credentials: null })
  t.end()
})
