/** Addresses and names that a server repeats are not its reason, whatever words are in them. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { email } from '../../../src/channels/email/email.ts'
import { diagnose } from '../../../src/channels/email/sending/outcome.ts'
import { parseReply, type Step } from '../../../src/channels/email/sending/replies/reply.ts'
import { classify } from '../../../src/channels/email/sending/replies/verdict.ts'
import { alone } from '../../support/addressed.ts'
import { channelEnvironment, IN_TIME_MS } from '../../support/channel-environment.ts'
import { mailReplies, STEPS } from '../../support/mail-replies.ts'
import { startMailServer } from '../../support/mail-server.ts'
import '../../support/property-seed.ts'

const ADDRESS = /[\w.]+@[\w.]+\w/g

/** Words that mean something where a server says them of its own. */
const reason = fc.constantFrom(
  ...`spf dkim dmarc rbl dbl ptr rdns helo ehlo relay greylisted gray-list rate-limit-reached daily quota-exceeded mailbox-full
    overload busy retry-later tls spamhaus sorbs cloudmark blacklist user-unknown account.suspended smtp-auth sendasdenied
    too-many-connections size-limit app-password outbound-spam rcpthosts nullmx x a1`.split(/\s+/),
)
const label = fc.oneof(reason, fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?$/))
const domain = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => `${labels.join('.')}.example`)
const localPart = fc
  .tuple(fc.array(label, { minLength: 1, maxLength: 3 }), fc.constantFrom('.', '-', '+', '_', '!', '#'))
  .map(([words, separator]) => words.join(separator))
const address = fc.tuple(localPart, domain).map((parts) => parts.join('@'))

function verdictOf(step: Step, response: string, names: readonly string[] = []) {
  const reply = parseReply(response, names)
  return reply && classify(reply, step, false)
}

t.test('every known reply, with other addresses', (t) => {
  const withAddress = mailReplies.filter(({ reply }) => reply.search(ADDRESS) !== -1)
  t.ok(withAddress.length >= 30, `${withAddress.length} replies`)
  fc.assert(
    fc.property(fc.constantFrom(...withAddress), address, ({ step, reply, verdict }, other) => {
      assert.deepEqual(
        verdictOf(
          step,
          reply.replace(ADDRESS, () => other),
        ),
        verdict,
      )
    }),
    { numRuns: 1_000 },
  )
  t.end()
})

const forms: readonly ((address: string) => string)[] = [
  (address) => address,
  (address) => `<${address}>:`,
  (address) => `<${address}>...`,
  (address) => `(${address})`,
  (address) => `'${address}'`,
  (address) => `rfc822;${address},`,
  (address) => `to=<${address}>`,
  (address) => `https://mail.example.com/why?id=${address.replace('@', '%40')}&a=1`,
]

t.test('every known reply, with an address before or behind it', (t) => {
  const echoing = fc.constantFrom(
    ...forms.flatMap((form) => [
      (reply: string, address: string) =>
        reply.replace(/^\d{3}[ -](?:\d\.\d+\.\d+ )?/, (codes) => `${codes}${form(address)} `),
      (reply: string, address: string) => `${reply} ${form(address)}`,
    ]),
  )
  fc.assert(
    fc.property(fc.constantFrom(...mailReplies), echoing, address, ({ step, reply }, withEcho, other) => {
      const said = withEcho(reply, other)
      assert.deepEqual(verdictOf(step, said), verdictOf(step, withEcho(reply, 'jane@firm.example')), said)
    }),
    { numRuns: 1_000 },
  )
  t.end()
})

t.test('names of hosts that are known', (t) => {
  const replies = [
    '550 5.7.1 Domain % does not accept mail from here',
    '554 mx1.% No SMTP service here',
    '550 mail for % is refused',
    '550 Rejected, see https://firm.example/help/%.html',
    '450 4.7.1 % wants you to wait',
  ]
  fc.assert(
    fc.property(fc.constantFrom(...STEPS), fc.constantFrom(...replies), domain, (step, reply, name) => {
      const said = reply.replaceAll('%', name)
      assert.deepEqual(
        verdictOf(step, said, [name]),
        verdictOf(step, reply.replaceAll('%', 'firm.example')),
        said,
      )
    }),
  )
  t.end()
})

t.test('words of the server stay', (t) => {
  for (const [reply, cause] of [
    ['554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org', 'listed'],
    ['554 5.7.1 <jane@firm.example>: rejected: https://www.spamhaus.org/query/ip/192.0.2.1', 'listed'],
    ['554 5.7.1 <jane@firm.example>: rejected: <https://www.spamhaus.org/query/ip/192.0.2.1>', 'listed'],
    ['550 5.7.0 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.1', 'listed'],
    ['550 Listed at bl.example.net', 'listed'],
    ['504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname', 'hello'],
    ['554 5.7.1 jane@firm.example: Relay access denied', 'relay'],
    ['550 jane@firm.example... No such user', 'recipient'],
  ] as const)
    t.match(verdictOf('rcpt', reply, ['firm.example', 'proofpoint.com', 'spamhaus.org']), { cause }, reply)
  t.match(verdictOf('rcpt', '550 relay not permitted', ['relay.example']), { cause: 'relay' })
  t.end()
})

t.test('replies as they were reported', (t) => {
  const setup = { server: { port: 587, secure: false }, hasLogin: true, secrets: [] }
  for (const response of [
    '550 <dmarc@firm.example>: Recipient address rejected: User unknown',
    '550 5.7.1 <jane@helo.example>: Recipient address rejected: Access denied',
    '550 5.7.1 <it@spf.example>: Recipient address rejected: Access denied',
    '550 5.7.1 <jane@ptr.example>: Access denied',
    '550 unknown user <rate-limit-reached@firm.example>',
    '554 5.7.1 <greylisted@firm.example>: Recipient address rejected: Access denied',
  ]) {
    const { outcome } = diagnose({ message: 'x', response, step: 'rcpt', begun: false }, setup)
    t.match(outcome, { kind: 'refuse', reason: /^the mail server refuses the recipient: / }, response)
    t.ok(outcome.reason.endsWith(`(${response})`), 'the operator reads the address')
  }
  t.end()
})

t.test('the names of a session: its own, and the domains of sender and recipient', async (t) => {
  const server = await startMailServer()
  t.teardown(() => server.close())
  const channel = email.open(
    email.settings.parse({ from: 'alerts@helo.example', smtp: server.url, ehlo: 'mail.rdns.example' }),
    new Map(),
    channelEnvironment(IN_TIME_MS),
  )
  t.teardown(() => channel.close())
  const mail = { preheader: '', subject: 'Analysis completed', html: '<p>Done.</p>', text: 'Done.\n' }
  for (const name of ['helo.example', 'mail.rdns.example', 'ptr.example', 'mx1.ptr.example']) {
    server.behave = (step) => (step === 'rcpt' ? { code: 550, message: `No mail for ${name}` } : undefined)
    const delivery = { id: 'evt_1-1', receiver: 'partners', target: 'jane@ptr.example', ...alone }
    t.match(await channel.send(mail, delivery), { kind: 'refuse', reason: /refuses the recipient/ }, name)
  }
})
