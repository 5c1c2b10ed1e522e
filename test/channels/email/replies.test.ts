/** What becomes of a mail after each reply that real servers are known to give. */
import t from 'tap'
import { causeOfFailure } from '../../../src/channels/email/sending/connection-failure.ts'
import { diagnose } from '../../../src/channels/email/sending/outcome.ts'
import { causes } from '../../../src/channels/email/sending/replies/causes.ts'
import { parseReply, type Step } from '../../../src/channels/email/sending/replies/reply.ts'
import { askedToWaitMs } from '../../../src/channels/email/sending/replies/reply-words.ts'
import { classify, type Verdict } from '../../../src/channels/email/sending/replies/verdict.ts'
import { mailReplies, STEPS } from '../../support/mail-replies.ts'

function verdictOf(step: Step, reply: string, hasLogin = false): Verdict | null {
  const parsed = parseReply(reply)
  return parsed && classify(parsed, step, hasLogin)
}

t.test('what servers are known to say', (t) => {
  t.ok(mailReplies.length >= 200, `${mailReplies.length} replies`)
  for (const { from, step, reply, verdict } of mailReplies) {
    t.match(from, /^(?:https?:\/\/\S+\.\S+|after \S+)/)
    t.strictSame(verdictOf(step, reply), verdict, `${step}: ${reply.replaceAll('\n', ' ')} (${from})`)
  }
  t.end()
})

t.test('every cause that a reply can have is known from a real server', (t) => {
  const withoutReply = ['tlsExpected', 'tlsUnexpected', 'tls']
  const afterLogin = ['relayForLogin']
  const seen = new Set<string | null>(mailReplies.map(({ verdict }) => verdict.cause))
  const others = Object.keys(causes).filter((name) => !seen.has(name))
  t.strictSame(others, [...withoutReply, ...afterLogin])
  t.end()
})

t.test('the same reply means something else to a session that has logged in', (t) => {
  t.match(verdictOf('mail', '530 5.7.57 Client was not authenticated', true), {
    kind: 'park',
    cause: 'notForThisLogin',
  })
  t.match(verdictOf('rcpt', '554 5.7.1 Relay access denied', true), { kind: 'park', cause: 'relayForLogin' })
  t.end()
})

t.test('a reply is taken apart', (t) => {
  t.strictSame(parseReply('550-5.7.26 Unauthenticated mail\r\n550 5.7.26  is not accepted.'), {
    code: 550,
    enhanced: '5.7.26',
    status: '7.26',
    permanent: true,
    text: 'Unauthenticated mail is not accepted.',
    words: 'Unauthenticated mail is not accepted.',
  })
  for (const disagreeing of [
    '550 4.7.1 later',
    '450 5.7.1 try',
    '451 5.7.3 STARTTLS is required',
    '421 5.7.0 bye',
  ])
    t.match(parseReply(disagreeing), { permanent: false }, disagreeing)
  t.match(parseReply('554'), { code: 554, status: null, text: '' })
  t.match(
    parseReply('550 2.1.5 odd'),
    { status: null, permanent: true },
    'the code of a success says nothing',
  )
  for (const text of ['250 ok', '220 2.0.0 ready', 'hello', '', '99 5.0.0', '650 x'])
    t.equal(parseReply(text), null, text)
  t.end()
})

t.test('a refusal is final where both codes say so', (t) => {
  for (const step of STEPS) {
    t.match(verdictOf(step, '450 5.7.1 try'), { kind: 'retry' }, step)
    t.match(verdictOf(step, '550 4.2.1 try'), { kind: 'retry' }, step)
    t.match(verdictOf(step, '450 5.1.1 <jane@example.org>: user unknown'), { kind: 'retry' }, step)
    t.match(verdictOf(step, '550 5.7.1 no'), { kind: /park|refuse/ }, step)
    t.match(verdictOf(step, '550 no'), { kind: /park|refuse/ }, step)
  }
  t.match(verdictOf('mail', '451 5.7.3 STARTTLS is required'), { kind: 'park', cause: 'encryptionNeeded' })
  t.match(verdictOf('rcpt', '454 5.7.1 Relay access denied'), { kind: 'park', cause: 'relay' })
  // What is parked is not lost.
  t.match(verdictOf('auth', '454 5.7.8 Error: authentication failed'), { kind: 'park', cause: 'login' })
  t.match(verdictOf('auth', '454 5.7.0 account suspended'), { kind: 'park', cause: 'accountBlocked' })
  t.match(verdictOf('auth', '454 4.7.8 authentication failed'), { kind: 'retry' })
  t.match(verdictOf('auth', '421 5.7.8 bye'), { kind: 'retry' })
  t.end()
})

t.test('how long a reply asks to wait', async (t) => {
  for (const [words, expected] of [
    ['Greylisted, come back in 5 minutes', 300_000],
    ['please retry in 00:04:59', 299_000],
    ['try again in 300s', 300_000],
    ['try again after 10 min.', 600_000],
    ['try again in 30 secs', 30_000],
    ['try again in 1 hr', 3_600_000],
    ['try again in 24 hours', 3_600_000],
    ['too many errors after 10 messages', undefined],
    ['limit exceeded for 3 hosts', undefined],
    ['come back in 2 months', undefined],
    ['took 5 ms', undefined],
  ] as const)
    t.equal(askedToWaitMs(words), expected, words)
})

t.test('what keeps a connection from being made', async (t) => {
  const submission = { port: 587, secure: false }
  for (const [failure, server, expected] of [
    [{ timeout: 'greeting' }, { port: 465, secure: false }, 'tlsExpected'],
    [{ timeout: 'greeting' }, submission, null],
    [{ timeout: 'connection' }, { port: 465, secure: false }, null],
    [{ originalCode: 'ERR_SSL_WRONG_VERSION_NUMBER' }, { port: 587, secure: true }, 'tlsUnexpected'],
    [{ originalCode: 'ERR_SSL_WRONG_VERSION_NUMBER' }, submission, 'tls'],
    [{ originalCode: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' }, submission, 'tls'],
    [{ code: 'EMESSAGE' }, submission, 'tooLarge'],
    [{ code: 'EENVELOPE' }, submission, 'recipient'],
    [{ code: 'EENVELOPE', response: 'what' }, submission, null],
    [{ code: 'EAUTH', response: '354 go on' }, submission, null],
    [{ code: 'EDNS' }, submission, null],
    [{ code: 'ECONNECTION', originalCode: 'ECONNRESET' }, submission, null],
  ] as const)
    t.equal(causeOfFailure(failure, server), expected, JSON.stringify({ ...failure, ...server }))
})

t.test('no reply costs more than its length', (t) => {
  const words = [
    'too many ',
    'limit exceeded ',
    'per hour ',
    'address is not ',
    'in 5 ',
    'relay ',
    '"',
    '<',
    '@',
    'a@',
    'a.example.',
    'a'.repeat(50),
    ' ',
  ]
  const started = process.cpuUsage().user
  for (const word of words) verdictOf('rcpt', `550 ${word.repeat(100_000 / word.length)}`)
  t.ok(process.cpuUsage().user - started < 1_000_000, 'microseconds for 100 kB each')
  t.end()
})

t.test('what the operator reads', (t) => {
  const setup = { server: { port: 587, secure: false }, hasLogin: true, secrets: [] }
  const read = (step: Step, response: string) =>
    diagnose(
      { message: 'x', response, responseCode: Number(response.slice(0, 3)), step, begun: false },
      setup,
    ).outcome
  t.strictSame(read('auth', '535-5.7.8 Username and Password not accepted.\n535 5.7.8  See gsmtp'), {
    kind: 'park',
    reason:
      'the mail server does not accept the login: correct user and password in channels.email.smtp; many providers ' +
      'want an app password or SMTP credentials there, not the password of the account (docs/mail.md) (535 5.7.8 Username and Password not accepted. See gsmtp)',
  })
  t.strictSame(read('rcpt', '451 4.3.0 Temporary lookup failure'), {
    kind: 'retry',
    reason: '451 4.3.0 Temporary lookup failure',
  })
  t.strictSame(read('message', '454 Throttling failure: Maximum sending rate exceeded'), {
    kind: 'retry',
    reason:
      'the account may not send more now: it is tried again by itself; set channels.email.rate to the ' +
      'limit, or have that raised (454 Throttling failure: Maximum sending rate exceeded)',
    after: 5_000,
  })
  t.end()
})
