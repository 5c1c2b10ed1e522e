import PostalMime from 'postal-mime'
import t from 'tap'
import { type Follows, type MessageRef, type OpenChannel, UNLIMITED } from '../../../src/channels/channel.ts'
import { parseMailbox } from '../../../src/channels/email/address.ts'
import { email } from '../../../src/channels/email/email.ts'
import { Pace } from '../../../src/channels/email/pace.ts'
import { ehloName } from '../../../src/channels/email/sending/connection.ts'
import { MailSender, patientTimeouts } from '../../../src/channels/email/sending/sending.ts'
import type { SmtpTimeouts } from '../../../src/channels/email/sending/session.ts'
import { FIRST_CONNECTIONS, parseSmtpUrl } from '../../../src/channels/email/settings.ts'
import type { Mail } from '../../../src/channels/email/template/rendering.ts'
import { newDestination, settle } from '../../../src/core/delivery/destination.ts'
import type { Outcome } from '../../../src/core/delivery/outcome.ts'
import { alone } from '../../support/addressed.ts'
import { channelEnvironment, IN_TIME_MS } from '../../support/channel-environment.ts'
import {
  type MailBehaviour,
  type MailServer,
  type MailServerOptions,
  type MailStep,
  startMailServer,
} from '../../support/mail-server.ts'
import { holdPort } from '../../support/ports.ts'
import { until } from '../../support/until.ts'

const mail: Mail = { preheader: '', subject: 'Analysis completed', html: '<p>Done.</p>', text: 'Done.\n' }
const auth = { user: 'alerts', pass: 'correct horse' }
const delivery = { id: 'evt_1-1', receiver: 'partners', target: 'jane@example.org', ...alone }

interface Teardown {
  teardown(action: () => Promise<void>): unknown
}

function openChannel(t: Teardown, settings: object, timeout = IN_TIME_MS): OpenChannel<Mail> {
  const channel = email.open(
    email.settings.parse({ from: 'Cuuro alerts <alerts@example.org>', ...settings }),
    new Map([['partners', email.receiver.parse({ to: ['Jané <jane@example.org>'] })]]),
    channelEnvironment(timeout),
  )
  t.teardown(() => channel.close())
  return channel
}

async function start(t: Teardown, options: MailServerOptions = {}): Promise<MailServer> {
  const server = await startMailServer(options)
  t.teardown(() => server.close())
  return server
}

function send(channel: OpenChannel<Mail>, id = 'evt_1-1'): Promise<Outcome> {
  return channel.send(mail, { id, receiver: 'partners', target: 'jane@example.org', ...alone })
}

/** A sender that waits as long as the test says. */
function senderOf(
  t: Teardown,
  url: string,
  timeouts: Partial<SmtpTimeouts>,
  settings: object = {},
): MailSender {
  const parsed = email.settings.parse({ from: 'alerts@example.org', smtp: url, ...settings })
  const server = parseSmtpUrl(url)
  if (server === null) throw new Error(url)
  const sender = new MailSender(
    parsed,
    server,
    new Map(),
    { ...patientTimeouts(IN_TIME_MS), ...timeouts },
    null,
    null,
  )
  t.teardown(() => sender.close())
  return sender
}

/** The outcome where the server behaves so at one step. */
async function outcomeOf(
  t: Teardown,
  step: MailStep,
  behaviour: MailBehaviour,
  more: { options?: MailServerOptions; timeout?: number } = {},
): Promise<Outcome> {
  const server = await start(t, more.options)
  server.behave = (name) => (name === step ? behaviour : undefined)
  return send(openChannel(t, { smtp: server.url }, more.timeout))
}

t.test('a mail that is taken', async (t) => {
  const server = await start(t, { auth })
  const channel = openChannel(t, {
    smtp: server.url,
    reply_to: 'desk@example.org',
    unsubscribe: 'https://example.org/unsubscribe',
  })
  const outcome = await send(channel)
  t.match(outcome, {
    kind: 'sent',
    reference: { message_id: /^<[0-9a-f]{40}@example\.org>$/, response: '250 OK: message queued' },
  })
  t.match(server.messages, [{ from: 'alerts@example.org', to: ['jane@example.org'] }])
  const raw = String(server.messages[0]?.raw)
  const headers = raw.slice(0, raw.indexOf('\r\n\r\n')).split('\r\n')
  for (const header of [
    'From: Cuuro alerts <alerts@example.org>',
    'To: =?UTF-8?Q?Jan=C3=A9?= <jane@example.org>',
    'Reply-To: desk@example.org',
    'Subject: Analysis completed',
    'Auto-Submitted: auto-generated',
    'X-Auto-Response-Suppress: All',
    'List-Id: <partners.hookbridge.example.org>',
    'List-Unsubscribe: <https://example.org/unsubscribe>',
    'X-Hookbridge-Delivery: evt_1-1',
    'MIME-Version: 1.0',
  ]) {
    t.ok(headers.includes(header), header)
  }
  t.match(headers.join('\n'), /^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000$/m)
  t.notMatch(raw.replaceAll('\r\n', ''), /[\r\n]/, 'every line ends in CR LF')
})

t.test('later mails of a conversation', async (t) => {
  const server = await start(t)
  const channel = openChannel(t, { smtp: server.url })
  const received = async (id: string, subject: string, follows: Follows | null) => {
    const outcome = await channel.send({ ...mail, subject }, { ...delivery, id, follows })
    const { raw } = server.messages.at(-1) ?? {}
    return { outcome, raw: String(raw), parsed: await PostalMime.parse(raw ?? '') }
  }
  const referenceOf = (outcome: Outcome): MessageRef => {
    if (outcome.kind !== 'sent') throw new Error(outcome.reason)
    return outcome.reference
  }
  const conversation = (first: MessageRef, ...earlier: MessageRef[]): Follows => ({
    how: 'reply',
    broadcast: true,
    first,
    earlier,
  })
  const one = await received('dlv_1', 'Ácme: started', null)
  t.match(one.parsed, { subject: 'Ácme: started', inReplyTo: undefined, references: undefined })
  const first = referenceOf(one.outcome)
  t.match(first, { message_id: one.parsed.messageId, subject: 'Ácme: started' })

  const two = await received('dlv_2', 'Ácme: completed', conversation(first))
  t.match(two.parsed, {
    subject: 'Re: Ácme: started',
    inReplyTo: first.message_id,
    references: first.message_id,
  })
  t.match(two.outcome, { kind: 'sent', restarts: undefined })
  const second = referenceOf(two.outcome)
  const three = await received('dlv_3', 'Ácme: archived', conversation(first, second))
  t.match(three.parsed, {
    subject: 'Re: Ácme: started',
    inReplyTo: second.message_id,
    references: `${first.message_id} ${second.message_id}`,
  })
  const again = await received('dlv_3', 'Ácme: archived', conversation(first, second))
  t.equal(again.parsed.messageId, three.parsed.messageId, 'the same on every attempt')

  const long = 'a'.repeat(63)
  const many = Array.from({ length: 40 }, (_, n) => ({
    message_id: `<${'0'.repeat(38)}${n + 10}@${long}.${long}.${long}.example>`,
  }))
  const last = await received('dlv_4', 'x', conversation(first, first, ...many))
  t.strictSame(last.parsed.references?.split(' '), [
    first.message_id,
    ...many.slice(-9).map(({ message_id }) => message_id),
  ])
  t.equal(last.parsed.inReplyTo, many.at(-1)?.message_id)
  t.ok(
    last.raw.split('\r\n').every((line) => line.length <= 998),
    'no line is longer than RFC 5322 allows',
  )

  const reply = { ...first, subject: 'RE: Ácme: started' }
  t.equal((await received('dlv_5', 'x', conversation(reply))).parsed.subject, 'RE: Ácme: started')
  const untitled = { message_id: first.message_id ?? '' }
  t.equal((await received('dlv_6', 'x', conversation(untitled))).parsed.subject, 'x')
  const evil = { message_id: '<a@b>\r\nBcc: <eve@example.org>' }
  const alone = await received('dlv_7', 'x', conversation(evil))
  t.match(alone.parsed, { subject: 'x', inReplyTo: undefined, bcc: undefined })
  t.match(alone.outcome, { kind: 'sent', restarts: true, notes: [/no Message-ID$/] })
})

t.test('what the server refuses', async (t) => {
  const reply = (code: number, message: string) => ({ code, message })
  const steps: readonly [MailStep, MailBehaviour, Outcome['kind'], RegExp][] = [
    ['rcpt', reply(550, 'no such mailbox'), 'refuse', /refuses the recipient.*\(550 no such mailbox\)$/],
    ['rcpt', reply(450, 'mailbox busy'), 'retry', /^450 mailbox busy$/],
    ['rcpt', reply(554, '5.7.1 Relay access denied'), 'park', /channels\.email\.smtp.*Relay access denied/],
    ['rcpt', reply(530, 'Authentication required'), 'park', /requires a login/],
    [
      'data',
      reply(554, 'this looks like spam'),
      'refuse',
      /for what it contains.*\(554 this looks like spam\)$/,
    ],
    ['data', reply(451, 'try later'), 'retry', /^451 try later$/],
    ['data', reply(421, 'closing'), 'retry', /^421 closing$/],
    ['data', reply(503, 'bad sequence'), 'retry', /^503 bad sequence$/],
    ['data', reply(554, '5.7.60 SMTP; cannot send as this sender'), 'park', /channels\.email\.from/],
    ['mail', reply(550, 'sender rejected'), 'park', /channels\.email\.from.*550 sender rejected/],
    ['mail', reply(552, 'message too large'), 'refuse', /larger than.*\(552 message too large\)$/],
    ['mail', reply(451, 'greylisted'), 'retry', /^451 greylisted$/],
    ['connect', reply(421, 'too busy'), 'retry', /^421 too busy$/],
    ['connect', reply(554, 'no service here'), 'park', /refuses mail from this machine/],
    ['hello', reply(504, '5.5.2 need a full name'), 'park', /channels\.email\.ehlo/],
    [
      'hello',
      reply(421, '4.7.0 Try again later, closing connection. (EHLO)'),
      'retry',
      /channels\.email\.ehlo/,
    ],
    [
      'mail',
      reply(530, '5.7.0 Must issue a STARTTLS command first'),
      'park',
      /channels\.email\.tls to required/,
    ],
    [
      'mail',
      reply(451, '5.7.3 STARTTLS is required to send mail'),
      'park',
      /channels\.email\.tls to required/,
    ],
    ['auth', reply(535, '5.7.139 basic authentication is disabled'), 'park', /channels\.email\.oauth2/],
    ['accepted', reply(550, '5.4.5 Daily user sending limit exceeded.'), 'retry', /channels\.email\.rate/],
    [
      'accepted',
      reply(554, '5.2.252 SendAsDenied; not allowed to send as x'),
      'park',
      /allow the account to send as it/,
    ],
    ['auth', reply(535, 'wrong password'), 'park', /user and password in channels\.email\.smtp.*535/],
    ['auth', reply(454, 'try later'), 'retry', /^454 try later$/],
  ]
  for (const [step, behaviour, kind, reason] of steps) {
    const options = step === 'auth' ? { auth } : {}
    t.match(
      await outcomeOf(t, step, behaviour, { options }),
      { kind, reason },
      `${step} ${JSON.stringify(behaviour)}`,
    )
  }
})

t.test('a server that stops answering, or closes the connection', async (t) => {
  t.match(await outcomeOf(t, 'connect', 'drop'), { kind: 'retry' }, 'dropped before the greeting')
  t.match(await outcomeOf(t, 'mail', 'drop'), { kind: 'retry' }, 'dropped before the message')
  t.match(await outcomeOf(t, 'data', 'drop'), { kind: 'ambiguous' }, 'dropped behind the message')
  t.match(await outcomeOf(t, 'accepted', 'drop'), { kind: 'ambiguous' }, 'dropped after it was accepted')
  for (const step of ['connect', 'rcpt'] as const) {
    const server = await start(t)
    server.behave = (name) => (name === step ? 'stall' : undefined)
    const timeouts = step === 'connect' ? { connectMs: 300, answerMs: 300 } : { answerMs: 300 }
    const outcome = await senderOf(t, server.url, timeouts).send(mail, delivery)
    t.match(outcome, { kind: 'retry', reason: /did not answer in time/ }, `no answer to ${step}`)
  }
})

t.test('a server that takes its time', async (t) => {
  const server = await start(t, { greetAfter: 3_200 })
  const sender = senderOf(t, server.url, { connectMs: 3_000, answerMs: 60_000 })
  t.equal(
    (await sender.send(mail, delivery)).kind,
    'sent',
    'its greeting may take longer than its connection',
  )
  t.match(patientTimeouts(10_000), { connectMs: 10_000, answerMs: 60_000, acceptMs: 600_000 })
  t.match(patientTimeouts(120_000), { connectMs: 120_000, answerMs: 120_000 })
  t.end()
})

t.test('the answer to the final dot may take longer than any other', async (t) => {
  const answerMs = 3_000
  const late = await start(t, { delay: answerMs + 500 })
  const patient = senderOf(t, late.url, { answerMs, acceptMs: 60_000 })
  t.match(await patient.send(mail, delivery), { kind: 'sent' }, 'a late answer')
  t.equal(late.messages.length, 1)

  const silent = await start(t)
  silent.behave = (step) => (step === 'data' ? 'stall' : undefined)
  t.match(
    await senderOf(t, silent.url, { answerMs: 60_000, acceptMs: 200 }).send(mail, delivery),
    { kind: 'ambiguous', reason: /did not answer in time/ },
    'no answer',
  )
})

t.test('a server that is not there', async (t) => {
  const { port } = holdPort(t)
  t.match(await send(openChannel(t, { smtp: `smtp://127.0.0.1:${port}` })), {
    kind: 'retry',
    reason: /ECONNREFUSED/,
  })
  t.match(await send(openChannel(t, { smtp: 'smtp://mail.invalid' })), { kind: 'retry' }, 'no such host')
})

t.test('logins', async (t) => {
  const open = await start(t)
  const login = open.url.replace('//', '//alerts:secret@')
  t.match(
    await send(openChannel(t, { smtp: login })),
    { kind: 'park', reason: /offers no login/ },
    'no mail goes out without the login that is configured',
  )
  t.strictSame(open.messages, [])

  const closed = await start(t, { auth })
  const without = `smtp://127.0.0.1:${closed.port}`
  t.match(await send(openChannel(t, { smtp: without })), { kind: 'park', reason: /requires a login/ })
  closed.behave = (step) =>
    step === 'auth' ? { code: 535, message: `no: ${auth.pass} ${btoa(auth.pass)}` } : undefined
  t.match(await send(openChannel(t, { smtp: closed.url })), { kind: 'park', reason: /535 no: \*\*\* \*\*\*/ })
})

t.test('encryption', async (t) => {
  const plain = await start(t)
  t.match(
    await send(openChannel(t, { smtp: plain.url, tls: 'required' })),
    { kind: 'park', reason: /does not encrypt on this port \(STARTTLS\): write smtps:/ },
    'a server that offers none',
  )
  t.match(
    await send(openChannel(t, { smtp: plain.url.replace('smtp', 'smtps') })),
    { kind: 'park', reason: /write smtp:\/\/ instead of smtps:\/\// },
    'smtps:// to a port that speaks SMTP',
  )
  t.equal((await send(openChannel(t, { smtp: plain.url, tls: 'opportunistic' }))).kind, 'sent')
  t.equal(plain.messages.length, 1)

  const offering = await start(t, { tls: true })
  t.match(
    await send(openChannel(t, { smtp: offering.url, tls: 'required' })),
    { kind: 'retry', reason: /^the certificate of 127\.0\.0\.1:\d+ expired on / },
    'the certificate of smtp-server has expired',
  )
  t.strictSame(offering.messages, [])
  t.equal((await send(openChannel(t, { smtp: offering.url, tls: 'opportunistic' }))).kind, 'sent')
  t.equal((await send(openChannel(t, { smtp: offering.url }))).kind, 'sent', 'off for a loopback address')
})

t.test('the Message-ID is the same on every attempt, and another for another delivery', async (t) => {
  const server = await start(t)
  const channel = openChannel(t, { smtp: server.url })
  server.behave = (step) => (step === 'accepted' ? { code: 451, message: 'try later' } : undefined)
  await send(channel)
  server.behave = () => undefined
  await send(channel)
  await send(openChannel(t, { smtp: server.url }))
  await send(channel, 'evt_1-2')
  const ids = server.messages.map(({ raw }) => /^Message-ID: (.*)$/m.exec(String(raw))?.[1])
  t.equal(ids.length, 4)
  t.equal(new Set(ids.slice(0, 3)).size, 1)
  t.not(ids[3], ids[0])
})

t.test('connections are kept, and replaced when the server has closed them', async (t) => {
  const server = await start(t)
  const channel = openChannel(t, { smtp: server.url })
  for (let index = 0; index < 5; index++) t.equal((await send(channel, `evt-${index}`)).kind, 'sent')
  t.equal(server.connections.total, 1)

  server.behave = (step) => (step === 'rcpt' ? { code: 550, message: 'no such mailbox' } : undefined)
  t.equal((await send(channel)).kind, 'refuse')
  server.behave = () => undefined
  t.equal((await send(channel)).kind, 'sent')
  t.equal(server.connections.total, 1, 'a refused mail does not cost the connection')

  let dropped = false
  server.behave = (step) => {
    if (dropped || step !== 'mail') return undefined
    dropped = true
    return 'drop'
  }
  t.equal(
    (await send(channel)).kind,
    'sent',
    'a connection that breaks before the message is replaced at once',
  )
  t.equal(server.connections.total, 2)

  await server.close()
  const again = await start(t, { port: server.port })
  t.equal((await send(channel)).kind, 'sent', 'so is one that the server closed while it was idle')
  t.equal(again.messages.length, 1)
})

t.test('one mail that fails leaves the others alone', async (t) => {
  const server = await start(t)
  const channel = openChannel(t, { smtp: server.url, connections: 10 })
  let seen = 0
  server.behave = (step) => (step === 'data' && ++seen % 5 === 0 ? 'drop' : undefined)
  const outcomes = await Promise.all(Array.from({ length: 20 }, (_, index) => send(channel, `evt-${index}`)))
  t.equal(outcomes.filter(({ kind }) => kind === 'sent').length, 16)
  t.equal(outcomes.filter(({ kind }) => kind === 'ambiguous').length, 4)
  t.equal(server.messages.length, 16)
})

t.test('a server that refuses another name, and encryption', async (t) => {
  const server = await start(t, { tls: true })
  server.behave = (step) =>
    step === 'starttls' ? { code: 454, message: '4.7.0 TLS not available due to local problem' } : undefined
  t.match(
    await send(openChannel(t, { smtp: server.url, tls: 'required' })),
    { kind: 'retry', reason: /^454 4\.7\.0 TLS not available/ },
    'which may pass',
  )
  t.match(
    await send(openChannel(t, { smtp: server.url, tls: 'opportunistic' })),
    { kind: 'sent' },
    'and is done without where that is allowed',
  )
})

function sendMany(channel: OpenChannel<Mail>, count: number, from = 0): Promise<Outcome[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => send(channel, `evt-${from + index}`)))
}

t.test('a server that allows fewer connections', async (t) => {
  const refusals: readonly MailServerOptions['tooMany'][] = [
    { code: 421, message: 'Too many connections' },
    { code: 421, message: 'mail.example.com Service not available, closing transmission channel' },
    { code: 554, message: '5.7.0 Maximum number of connections reached' },
    'hangs_up',
    'accepts',
  ]
  for (const tooMany of refusals) {
    const words = JSON.stringify(tooMany)
    const server = await start(t, { connectionLimit: 3, delay: 20, ...(tooMany && { tooMany }) })
    const channel = openChannel(t, { smtp: server.url, connections: 8 })
    t.equal(channel.concurrency, FIRST_CONNECTIONS)
    const outcomes = await sendMany(channel, 24)
    t.strictSame([...new Set(outcomes.map(({ kind }) => kind))], ['sent'], words)
    t.equal(server.messages.length, 24)
    t.equal(server.connections.most, 3)
    t.ok(channel.concurrency <= 3, `as many as it allows: ${channel.concurrency}`)
    const before = server.connections.refused
    t.ok(before >= 1)
    await sendMany(channel, 6, 24)
    t.equal(server.connections.refused, before, 'it is not asked for more again')
  }
})

t.test('a server whose connections others use up', async (t) => {
  const server = await start(t, { connectionLimit: 0 })
  const channel = openChannel(t, { smtp: server.url, connections: 6 })
  const outcomes = await sendMany(channel, 6)
  t.match(
    outcomes,
    Array(6).fill({ kind: 'retry', reason: /takes no more connections at once.*421 Too many/ }),
  )
  const counted = outcomes.filter((outcome) => outcome.kind === 'retry' && outcome.counts !== false)
  t.equal(counted.length, 1, 'one burst is one failure')
  // Each address has a state of its own, in which its own refusal would be the first failure.
  const unsent = newDestination(UNLIMITED, 0)
  t.strictSame(
    outcomes.map((outcome) => settle(unsent, outcome, 1, 'email:a@example.com').failures),
    [1, 1, 1, 1, 1, 1],
  )
  t.equal(channel.concurrency, 1)
})

t.test('mails that waited for a connection that was refused late go out over a new one', async (t) => {
  const server = await start(t)
  let seen = 0
  server.behave = (step) =>
    step === 'mail' && ++seen === 1
      ? { code: 432, message: '4.3.2 Concurrent connections limit exceeded' }
      : undefined
  const sender = senderOf(t, server.url, { answerMs: 3_000 }, { connections: 1 })
  const outcomes = await Promise.all(
    [1, 2, 3].map((number) => sender.send(mail, { ...delivery, id: `evt_1-${number}` })),
  )
  t.strictSame(
    outcomes.map(({ kind }) => kind),
    ['retry', 'sent', 'sent'],
  )
})

t.test('the pace', async (t) => {
  let now = 1_000
  const pace = new Pace(0.5, () => now)
  t.strictSame([pace.take(), pace.take(), pace.take()], [0, 2_000, 4_000], 'one every two seconds')
  t.equal(pace.room(), 0)
  now += 5_000
  t.equal(pace.room(), 1, 'the next may go within the second')
  t.equal(pace.take(), 1_000)
  now += 60_000
  t.equal(pace.take(), 0)
  t.equal(pace.take(), 2_000, 'a rest saves nothing up')
  t.equal(new Pace(10, () => now).room(), 11)

  const server = await start(t)
  const slow = openChannel(t, { smtp: server.url, rate: '2/m' })
  t.equal(slow.concurrency, 1, 'no more are claimed than may go')
  t.equal((await send(slow)).kind, 'sent')
  t.equal(slow.concurrency, 0)
  const early = await send(slow, 'evt-2')
  t.match(early, { kind: 'retry', reason: /channels\.email\.rate/, counts: false })
  t.ok(early.kind === 'retry' && early.after && early.after > 20_000 && early.after <= 30_000)
})

t.test('the name that the server hears', async (t) => {
  const server = await start(t)
  await send(openChannel(t, { smtp: server.url, ehlo: 'alerts.example.net' }))
  t.match(server.messages, [{ ehlo: 'alerts.example.net' }])
  const from = parseMailbox('alerts@bücher.example')
  if (from === null) throw new Error('no address')
  for (const [ehlo, machine, expected] of [
    ['mail.example.net', 'host.example.com', 'mail.example.net'],
    [undefined, 'host.example.com', 'host.example.com'],
    [undefined, 'Host-1.Example.Com', 'Host-1.Example.Com'],
    [undefined, '3f8d1c0a9b7e', 'xn--bcher-kva.example'],
    [undefined, '', 'xn--bcher-kva.example'],
    [undefined, 'localhost', 'xn--bcher-kva.example'],
    [undefined, 'localhost.localdomain', 'xn--bcher-kva.example'],
    [undefined, 'under_score.example.com', 'xn--bcher-kva.example'],
    [undefined, '192.0.2.1', 'xn--bcher-kva.example'],
    [undefined, 'host.example.com\r\nMAIL FROM:<x@example.org>', 'xn--bcher-kva.example'],
  ] as const) {
    t.equal(ehloName({ ehlo, from }, machine), expected, machine)
  }
})

t.test('addresses beyond ASCII', async (t) => {
  const server = await start(t)
  const to = (server: MailServer, target: string, settings: object = {}) =>
    openChannel(t, { smtp: server.url, ...settings }).send(mail, {
      id: 'evt-1',
      receiver: 'partners',
      target,
      ...alone,
    })
  t.equal((await to(server, 'jane@bücher.example')).kind, 'sent')
  t.match(server.messages[0], { to: ['jane@bücher.example'], utf8: false }, 'a domain needs nothing')
  t.match(String(server.messages[0]?.raw), /^To: jane@xn--bcher-kva\.example\r$/m)

  t.equal((await to(server, 'jörg@bücher.example')).kind, 'sent')
  t.match(server.messages[1], { to: ['jörg@bücher.example'], utf8: true })
  t.match(String(server.messages[1]?.raw), /^To: jörg@bücher\.example\r$/m, 'RFC 6532')

  const from = { from: 'Bücher <alerts@bücher.example>', unsubscribe: 'stop@bücher.example' }
  t.equal((await to(server, 'jane@example.org', from)).kind, 'sent')
  const raw = String(server.messages[2]?.raw)
  t.match(raw, /^From: =\?UTF-8\?Q\?B=C3=BCcher\?= <alerts@xn--bcher-kva\.example>\r$/m)
  t.match(raw, /^Message-ID:\s+<[0-9a-f]{40}@xn--bcher-kva\.example>\r$/m)
  t.match(raw, /^List-Unsubscribe: <mailto:stop@xn--bcher-kva\.example>\r$/m)
  t.notMatch(raw, /[^\x00-\x7f]/, 'nothing that needs more than ASCII')

  const old = await start(t, { asciiOnly: true })
  t.match(await to(old, 'jörg@example.org'), {
    kind: 'refuse',
    reason: /this recipient has: use another address/,
  })
  t.match(await to(old, 'jane@example.org', { from: 'jörg@example.org' }), {
    kind: 'park',
    reason: /channels\.email\.from has/,
  })
  t.strictSame(old.messages, [], 'nothing is sent that the server may garble')
  t.equal((await to(old, 'jane@bücher.example')).kind, 'sent')
})

t.test('closing waits for what is under way, and then takes no more', async (t) => {
  const server = await start(t, { delay: 100 })
  const channel = openChannel(t, { smtp: server.url })
  const underWay = send(channel)
  await until(() => server.messages.length === 1, 'the message')
  await channel.close()
  t.equal((await underWay).kind, 'sent')
  t.equal((await send(channel)).kind, 'retry')
  await until(() => server.connections.open === 0, 'the connection to be closed')
  t.equal(server.connections.total, 1)
})

t.test('a recipient comes from the configuration or is refused', async (t) => {
  const server = await start(t)
  const channel = openChannel(t, { smtp: server.url })
  const to = (target: string) => channel.send(mail, { id: 'evt-1', receiver: 'partners', target, ...alone })
  t.equal((await to('former@example.org')).kind, 'sent', 'an address that was taken out since')
  for (const target of [
    'jane',
    'jane@example.org\r\nRCPT TO:<b@example.org>',
    'Jane <jane@example.org>',
    '',
  ]) {
    t.match(await to(target), { kind: 'refuse', reason: /is not a mail address/ })
  }
  t.equal(server.messages.length, 1)
})

t.test('a message is written down whole, whatever its words are', async (t) => {
  const server = await start(t)
  const channel = openChannel(t, { smtp: server.url })
  const words = 'a\r\nBcc: evil@example.net\r\n\r\n.\r\nQUIT\r\n'
  const hostile = { subject: words, preheader: words, html: words, text: words }
  const outcome = await channel.send(hostile, {
    id: 'evt-1\r\nX-Evil: 1',
    receiver: 'r\r\nX-Evil: 1',
    target: 'a@example.org',
    ...alone,
  })
  t.equal(outcome.kind, 'sent')
  const raw = String(server.messages[0]?.raw)
  const headers = raw.slice(0, raw.indexOf('\r\n\r\n'))
  t.notMatch(headers, /^(?:Bcc|X-Evil):/m)
  t.match(headers, /^Subject: a Bcc: evil@example\.net \. QUIT/m)
  t.match(headers, /^List-Id: <r-x-evil-1\.hookbridge\.example\.org>$/m)
  t.equal(raw.split('Bcc: evil@example.net').length - 1, 3, 'subject, text and HTML')
  t.strictSame(server.messages[0]?.to, ['a@example.org'])
})

t.test('without settings a delivery is parked', async (t) => {
  const channel = email.open(undefined, new Map(), channelEnvironment())
  t.match(await send(channel), { kind: 'park', reason: /channels\.email is not configured/ })
  await channel.close()
})
