import t from 'tap'
import type { OpenChannel } from '../../src/channels/channel.ts'
import { email } from '../../src/channels/email/email.ts'
import { MailSender } from '../../src/channels/email/sending/sending.ts'
import { parseSmtpUrl } from '../../src/channels/email/settings.ts'
import type { Mail } from '../../src/channels/email/template/rendering.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { noProxies } from '../../src/network/proxies.ts'
import {
  type MailBehaviour,
  type MailServer,
  type MailServerOptions,
  type MailStep,
  startMailServer,
} from '../support/mail-server.ts'
import { until } from '../support/until.ts'
import { closedPort } from './contract.ts'

const mail: Mail = { preheader: '', subject: 'Analysis completed', html: '<p>Done.</p>', text: 'Done.\n' }
const auth = { user: 'alerts', pass: 'correct horse' }
const IN_TIME = 5_000

interface Teardown {
  teardown(action: () => Promise<void>): unknown
}

function openChannel(t: Teardown, settings: object, timeout = IN_TIME): OpenChannel<Mail> {
  const channel = email.open(
    email.settings.parse({ from: 'Cuuro alerts <alerts@example.org>', ...settings }),
    new Map([['partners', email.receiver.parse({ to: ['Jané <jane@example.org>'] })]]),
    { timeout, proxies: noProxies, print: () => {} },
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
  return channel.send(mail, { id, receiver: 'partners', target: 'jane@example.org' })
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

t.test('what the server refuses', async (t) => {
  const reply = (code: number, message: string) => ({ code, message })
  const steps: readonly [MailStep, MailBehaviour, Outcome['kind'], RegExp][] = [
    ['rcpt', reply(550, 'no such mailbox'), 'refuse', /^550 no such mailbox$/],
    ['rcpt', reply(450, 'mailbox busy'), 'retry', /^450 mailbox busy$/],
    ['rcpt', reply(554, '5.7.1 Relay access denied'), 'park', /channels\.email\.smtp.*Relay access denied/],
    ['rcpt', reply(530, 'Authentication required'), 'park', /requires a login/],
    ['data', reply(554, 'this looks like spam'), 'refuse', /^554 this looks like spam$/],
    ['data', reply(451, 'try later'), 'retry', /^451 try later$/],
    ['data', reply(421, 'closing'), 'retry', /^421 closing$/],
    ['data', reply(503, 'bad sequence'), 'retry', /^503 bad sequence$/],
    ['data', reply(554, '5.7.60 SMTP; cannot send as this sender'), 'park', /channels\.email\.from/],
    ['mail', reply(550, 'sender rejected'), 'park', /channels\.email\.from.*550 sender rejected/],
    ['mail', reply(552, 'message too large'), 'refuse', /^552 message too large$/],
    ['mail', reply(451, 'greylisted'), 'retry', /^451 greylisted$/],
    ['connect', reply(421, 'too busy'), 'retry', /^421 too busy$/],
    ['connect', reply(554, 'no service here'), 'retry', /^554 no service here$/],
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
  const timeout = 400
  t.match(await outcomeOf(t, 'connect', 'drop'), { kind: 'retry' }, 'dropped before the greeting')
  t.match(await outcomeOf(t, 'mail', 'drop'), { kind: 'retry' }, 'dropped before the message')
  t.match(await outcomeOf(t, 'data', 'drop'), { kind: 'ambiguous' }, 'dropped behind the message')
  t.match(await outcomeOf(t, 'accepted', 'drop'), { kind: 'ambiguous' }, 'dropped after it was accepted')
  t.match(await outcomeOf(t, 'connect', 'stall', { timeout }), { kind: 'retry' }, 'no greeting')
  t.match(await outcomeOf(t, 'rcpt', 'stall', { timeout }), { kind: 'retry' }, 'no answer before the message')
})

t.test('the answer to the final dot may take longer than any other', async (t) => {
  // Waits for the answer to a whole message for `acceptTimeoutMs`, and for any other `timeout`.
  const sender = (url: string, timeout: number, acceptTimeoutMs: number) => {
    const settings = email.settings.parse({ from: 'alerts@example.org', smtp: url })
    const server = parseSmtpUrl(url)
    if (server === null) throw new Error(url)
    const sender = new MailSender(settings, server, new Map(), { timeout }, acceptTimeoutMs)
    t.teardown(() => sender.close())
    return sender
  }
  const delivery = { id: 'evt_1-1', receiver: 'partners', target: 'jane@example.org' }
  const timeout = 1_500

  const late = await start(t, { delay: timeout + 500 })
  t.match(await sender(late.url, timeout, 60_000).send(mail, delivery), { kind: 'sent' }, 'a late answer')
  t.equal(late.messages.length, 1)

  const silent = await start(t)
  silent.behave = (step) => (step === 'data' ? 'stall' : undefined)
  t.match(
    await sender(silent.url, 60_000, 200).send(mail, delivery),
    { kind: 'ambiguous', reason: /did not answer in time/ },
    'no answer',
  )
})

t.test('a server that is not there', async (t) => {
  const port = await closedPort()
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
    { kind: 'park', reason: /no encrypted connection/ },
    'a server that offers none',
  )
  t.match(
    await send(openChannel(t, { smtp: plain.url.replace('smtp', 'smtps') })),
    { kind: 'park', reason: /no encrypted connection/ },
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
  const to = (target: string) => channel.send(mail, { id: 'evt-1', receiver: 'partners', target })
  t.equal((await to('former@example.org')).kind, 'sent', 'an address that was taken out since')
  for (const target of [
    'jane',
    'jane@example.org\r\nRCPT TO:<b@example.org>',
    'Jane <jane@example.org>',
    '',
  ]) {
    t.match(await to(target), { kind: 'refuse', reason: /is no mail address/ })
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
  const channel = email.open(undefined, new Map(), { timeout: IN_TIME, proxies: noProxies, print: () => {} })
  t.match(await send(channel), { kind: 'park', reason: /channels\.email is not configured/ })
  await channel.close()
})
