/** Attempts without an answer are looked up in Slack before anything is sent again. */
import t, { type Test } from 'tap'
import type {
  Addressed,
  ChannelEnvironment,
  Follows,
  OpenChannel,
  UnansweredAttempts,
} from '../../../src/channels/channel.ts'
import type { SlackMessage } from '../../../src/channels/slack/message.ts'
import { createSlackClock } from '../../../src/channels/slack/sending/slack-clock.ts'
import { slack } from '../../../src/channels/slack/slack.ts'
import type { Outcome } from '../../../src/core/delivery/outcome.ts'
import { alone } from '../../support/addressed.ts'
import { channelEnvironment } from '../../support/channel-environment.ts'
import { type Misbehaviour, type SlackServer, startSlackServer } from '../../support/slack/server.ts'
import type { SlackServerOptions } from '../../support/slack/workspace.ts'

/** Of an attempt: more than a stand-in takes on a machine that does much else. */
const TIMEOUT_MS = 30_000
/** Of one whose server hangs, and then works. */
const HANG_MS = 5_000
const TARGET = '#deal-flow'
const message: SlackMessage = { text: 'hello', blocks: [] }
const posting = ['chat:write', 'channels:read', 'groups:read']
const reading = [...posting, 'channels:history', 'groups:history']

interface Sender {
  readonly server: SlackServer
  readonly open: OpenChannel<SlackMessage>
  /** The methods that were called since the last time. */
  calls(): readonly string[]
  send(more?: Partial<Addressed>): Promise<Outcome>
  /** Opens the channel anew, as after a restart. */
  restart(): void
}

async function start(
  t: Test,
  options: SlackServerOptions = {},
  environment: Partial<ChannelEnvironment> = {},
  timeoutMs = TIMEOUT_MS,
): Promise<Sender> {
  const server = await startSlackServer(Object.assign(options, { scopes: options.scopes ?? reading }))
  const called: string[] = []
  const opened = () =>
    slack.open(
      slack.settings.parse({ token: 'xoxb-1', api_url: server.url }),
      new Map(),
      channelEnvironment(timeoutMs, environment),
    )
  let open = opened()
  const channels = [open]
  t.teardown(async () => {
    await Promise.all(channels.map((channel) => channel.close()))
    await server.close()
  })
  server.behave = ({ method }) => {
    called.push(method)
    return undefined
  }
  return {
    server,
    get open() {
      return open
    },
    calls: () => called.splice(0),
    send: (more = {}) =>
      open.send(message, { id: 'dlv_1', receiver: 'deal-flow', target: TARGET, ...alone, ...more }),
    restart() {
      open = opened()
      channels.push(open)
    },
  }
}

/** Long enough ago for Slack to have carried out what it had taken. */
function before(mayResend = true): UnansweredAttempts {
  const at = Date.now() - 3 * TIMEOUT_MS
  return { since: at, latest: at, underWay: at, mayResend }
}

function justNow(): UnansweredAttempts {
  const at = Date.now()
  return { since: at, latest: at, underWay: at, mayResend: true }
}

/** One attempt whose answer is lost. */
async function lost(
  { server, send, calls }: Sender,
  more: Partial<Addressed> = {},
  accept = true,
): Promise<void> {
  const { behave } = server
  server.behave = ({ method }) =>
    method === 'chat.postMessage' ? (accept ? 'accept-and-reset' : 'reset') : undefined
  t.match(await send(more), { kind: 'ambiguous' })
  server.behave = behave
  calls()
}

t.test('what had arrived is delivered, and not sent again', async (t) => {
  const sender = await start(t)
  t.equal(sender.open.canLookUp?.(TARGET), true)
  t.equal(sender.open.canLookUp?.('webhook:hook'), false)
  await lost(sender)
  await sender.send({ id: 'dlv_2' })
  sender.calls()
  const outcome = await sender.send({ unanswered: justNow() })
  const [posted] = sender.server.messages
  t.strictSame(outcome, {
    kind: 'sent',
    reference: {
      channel: 'C0000000001',
      ts: posted?.ts,
      permalink: `https://slack.com/archives/C0000000001/p${posted?.ts.replace('.', '')}`,
    },
    notes: ['an earlier attempt had arrived: found in Slack by its metadata, and not sent again'],
    lookUp: 'found',
  })
  t.strictSame(sender.calls(), ['conversations.history'], 'the id of the channel is remembered')
  t.equal(sender.server.messages.length, 2)

  sender.restart()
  t.match(await sender.send({ unanswered: justNow() }), { lookUp: 'found' })
  t.strictSame(
    sender.calls(),
    ['auth.test', 'conversations.list', 'conversations.history'],
    'also after a restart',
  )
})

t.test('in channels of every kind', async (t) => {
  const sender = await start(t, { privateChannels: ['#board'] })
  for (const [target, calls] of [
    ['#board', ['auth.test', 'conversations.list', 'conversations.list', 'conversations.history']],
    ['C0123456789', ['auth.test', 'conversations.history']],
  ] as const) {
    await lost(sender, { target })
    sender.restart()
    t.match(await sender.send({ target, unanswered: justNow() }), { kind: 'sent', lookUp: 'found' }, target)
    t.strictSame(sender.calls(), calls)
  }
  t.equal(sender.server.messages.length, 2)
})

t.test('what had not arrived is sent, once nothing can be under way any more', async (t) => {
  const sender = await start(t)
  await lost(sender, {}, false)
  const early = await sender.send({ unanswered: justNow() })
  t.match(early, { kind: 'retry', reason: /^not in Slack yet/, counts: false, lookUp: undefined })
  if (early.kind === 'retry') {
    const { after = 0 } = early
    t.ok(after > TIMEOUT_MS && after <= 2 * TIMEOUT_MS, `${after} ms`)
  }
  t.equal(sender.server.messages.length, 0)
  t.match(await sender.send({ unanswered: before() }), { kind: 'sent', lookUp: 'absent', notes: undefined })
  t.equal(sender.server.messages.length, 1)

  t.match(
    await sender.send({ id: 'dlv_2', unanswered: { ...justNow(), underWay: Date.now() + 3_600_000 } }),
    { kind: 'retry', after: 2 * TIMEOUT_MS },
    'the clock was set back in between',
  )
  sender.server.behave = ({ method }) => (method === 'chat.postMessage' ? 'reset' : undefined)
  t.match(
    await sender.send({ id: 'dlv_3', unanswered: before() }),
    { kind: 'ambiguous', lookUp: 'absent' },
    'it is known of the attempts before this one',
  )
  sender.server.behave = () => undefined
  t.match(
    await sender.send({ id: 'dlv_4', unanswered: before(false) }),
    { kind: 'sent' },
    'as often as need be',
  )
})

t.test('what Slack answered with a failure is not under way any more', async (t) => {
  let at = Date.now()
  const sender = await start(t, {}, { now: () => at })
  const unanswered = { ...justNow(), latest: at, underWay: null }
  const early = await sender.send({ unanswered })
  t.match(early, { kind: 'retry', reason: /^not in Slack yet/ })
  t.ok(early.kind === 'retry' && (early.after ?? 0) <= 1_000, 'it is read again soon')
  at += 1_000
  t.match(await sender.send({ unanswered }), { kind: 'sent', lookUp: 'absent' })
  t.equal(sender.server.messages.length, 1)

  const failed = async (status: number, body: string) => {
    sender.server.behave = () => ({ status, body })
    const outcome = await sender.send({ id: 'dlv_2' })
    return outcome.kind === 'ambiguous' ? (outcome.answered ?? false) : outcome
  }
  t.equal(await failed(500, ''), true)
  t.equal(await failed(200, '{"ok":false,"error":"internal_error"}'), true)
  t.equal(await failed(502, ''), false, 'a gateway answers while the request may go on behind it')
  t.equal(await failed(504, ''), false)
  t.equal(await failed(520, ''), false)
  t.equal(await failed(200, '<title>Wait</title>'), false)
})

t.test('however wrong a clock is', async (t) => {
  for (const clockAhead of [-3_600_000, 3_600_000]) {
    const sender = await start(t, { clockAhead })
    await lost(sender, { target: 'C0123456789' })
    sender.restart()
    t.match(await sender.send({ target: 'C0123456789', unanswered: justNow() }), { lookUp: 'found' })
    t.strictSame(sender.calls(), ['auth.test', 'conversations.history'])
  }
})

t.test('by the clock of attempts, however wrong the one of this machine is', async (t) => {
  const { now: monotonic } = performance
  t.teardown(() => {
    performance.now = monotonic
  })
  for (const ahead of [-3_600_000, 3_600_000]) {
    let passed = 0
    performance.now = () => monotonic.call(performance) + passed
    const now = () => Date.now() + ahead + passed
    const options = { clockAhead: ahead }
    const sender = await start(t, options, { now, beganAt: now() - performance.now() })
    const at = now()
    const unanswered = { since: at, latest: at, underWay: at, mayResend: true }
    await lost(sender, { id: 'dlv_2' }, false)
    t.match(await sender.send({ id: 'dlv_2', unanswered }), { reason: /^not in Slack yet/ }, 'under way')
    await lost(sender)
    // Within the first hour Slack's own clock counts as one that an earlier process may have had.
    passed = 2 * 3_600_000
    options.clockAhead = ahead + passed
    t.match(await sender.send({ unanswered }), { lookUp: 'found' }, `${ahead} ms`)
  }
})

t.test('a clock that was set between the attempt and the look-up', async (t) => {
  const { now } = Date
  t.teardown(() => {
    Date.now = now
  })
  for (const step of [-3_600_000, 3_600_000]) {
    Date.now = now
    const options = { clockAhead: 0 }
    const sender = await start(t, options)
    await sender.send({ id: 'dlv_2' })
    const unanswered = justNow()
    await lost(sender)
    Date.now = () => now() + step
    options.clockAhead = -step
    t.match(await sender.send({ unanswered }), { lookUp: 'found' }, `by ${step} ms`)
    sender.restart()
    t.match(await sender.send({ unanswered }), { lookUp: 'found' }, 'also where the service ended in between')
  }
  Date.now = now
  const sender = await start(t)
  await lost(sender)
  const inAnHour = now() + 3_600_000
  sender.restart()
  const unanswered = { since: inAnHour, latest: inAnHour, underWay: inAnHour, mayResend: true }
  t.match(await sender.send({ unanswered }), { lookUp: 'found' }, 'it began later than now')
})

t.test('a message of another delivery, or of another app, is none of ours', async (t) => {
  const sender = await start(t)
  await sender.send({ id: 'dlv_2' })
  const body = (metadata: unknown) =>
    new URLSearchParams({ channel: TARGET, text: 'x', metadata: JSON.stringify(metadata) })
  for (const metadata of [
    { event_type: 'other', event_payload: { delivery_id: 'dlv_1' } },
    { event_type: 'hookbridge_delivery', event_payload: { delivery_id: ['dlv_1'] } },
    { event_type: 'hookbridge_delivery', event_payload: {} },
  ]) {
    await fetch(`${sender.server.url}chat.postMessage`, {
      method: 'POST',
      headers: { authorization: 'Bearer xoxb-2' },
      body: body(metadata),
    })
  }
  t.match(await sender.send({ unanswered: before() }), { lookUp: 'absent' })
  t.equal(sender.server.messages.length, 5)
})

t.test('without the scope it is sent again, and said so', async (t) => {
  const sender = await start(t, { scopes: posting, notJoined: [], privateChannels: ['#board'] })
  for (const [target, scope] of [
    [TARGET, 'channels:history'],
    ['#board', 'groups:history'],
  ] as const) {
    await lost(sender, { target })
    t.match(await sender.send({ target, unanswered: before() }), {
      kind: 'sent',
      lookUp: 'not_allowed',
      notes: [
        `cannot look up whether an earlier attempt arrived: missing_scope (needed: ${scope}; provided: ${posting.join(',')}): give the app the scope ${scope} (OAuth & Permissions), and reinstall it`,
      ],
    })
    t.equal(sender.open.canLookUp?.(target), false, 'it is known now')
    t.match(
      await sender.send({ target, unanswered: before(false) }),
      {
        kind: 'park',
        reason:
          /^ambiguous: earlier attempts ended without an answer, and whether one arrived cannot be looked up \(missing_scope.*\); look whether the message is there, then dismiss it, or resend it$/,
      },
      'but not more often than it may be',
    )
  }
  t.equal(sender.server.messages.length, 4)
})

t.test('where the app cannot look', async (t) => {
  const scopes = [...reading, 'chat:write.public']
  const sender = await start(t, { scopes, notJoined: ['#lobby'], channels: ['#lobby'] })
  for (const [target, why] of [
    ['#lobby', /: not_in_channel: invite the app to #lobby/],
    ['U0123456', /: the conversation with U0123456 is known once/],
    ['#nowhere', /: the app cannot find #nowhere by its name/],
  ] as const) {
    t.match(await sender.send({ target, unanswered: before() }), {
      kind: 'sent',
      lookUp: 'not_allowed',
      notes: [why],
    })
  }
})

t.test('a look-up that fails sends nothing', async (t) => {
  const sender = await start(t)
  await lost(sender)
  const limited: Misbehaviour = {
    status: 429,
    headers: { 'retry-after': '30' },
    body: JSON.stringify({ ok: false, error: 'ratelimited' }),
  }
  for (const [wanted, expected] of [
    ['reset', { reason: /auth\.test: the connection was lost/, after: undefined, counts: undefined }],
    [limited, { reason: /conversations\.list: ratelimited/, after: 30_000, counts: false }],
  ] as const) {
    sender.server.behave = () => wanted
    t.match(await sender.send({ unanswered: before() }), { kind: 'retry', lookUp: 'failed', ...expected })
  }
  sender.server.behave = ({ method }) => (method === 'conversations.history' ? limited : undefined)
  t.match(await sender.send({ unanswered: before() }), {
    kind: 'retry',
    reason: 'cannot look up whether an earlier attempt arrived: conversations.history: ratelimited',
    after: 30_000,
    counts: false,
  })
  const broken: Misbehaviour = { ...limited, status: 500, body: 'oops' }
  sender.server.behave = ({ method }) => (method === 'conversations.history' ? broken : undefined)
  t.match(
    await sender.send({ unanswered: before() }),
    { kind: 'retry', lookUp: 'failed', after: 30_000, counts: false },
    'whatever it asks for that with',
  )
  t.equal(sender.server.messages.length, 1)
})

t.test('a Slack that does not work keeps a look-up waiting for one call at most', async (t) => {
  for (const [what, wanted, calls] of [
    ['500', { status: 500, body: 'oops' }, ['auth.test']],
    ['503', { status: 503, headers: { 'retry-after': '7' }, body: '' }, ['auth.test']],
    ['a page', { status: 200, body: '<html>maintenance' }, ['auth.test']],
    ['no answer', 'hang', ['auth.test']],
  ] as const) {
    const sender = await start(t, {}, {}, wanted === 'hang' ? HANG_MS : TIMEOUT_MS)
    await lost(sender, { target: 'C0123456789' }, false)
    const working = sender.server.behave
    sender.server.behave = (call) => {
      working?.(call)
      return wanted
    }
    const unanswered = before()
    for (const begun of ['after a restart', 'later']) {
      if (begun === 'after a restart') sender.restart()
      const outcome = await sender.send({ target: 'C0123456789', unanswered })
      t.match(outcome, { kind: 'retry', lookUp: 'failed' }, `${what}, ${begun}`)
      t.strictSame(sender.calls(), calls, 'each of which has one time limit')
    }
    t.equal(sender.server.messages.length, 0)
    sender.server.behave = working
    t.match(
      await sender.send({ target: 'C0123456789', unanswered }),
      { kind: 'sent', lookUp: 'absent' },
      'and it is sent once it works',
    )
    t.equal(sender.server.messages.length, 1)
  }
})

t.test('what is only read may be read again', async (t) => {
  const sender = await start(t)
  await lost(sender)
  let reads = 0
  sender.server.behave = ({ method }) => {
    if (method !== 'conversations.history') return undefined
    reads += 1
    return reads < 3 ? 'reset' : undefined
  }
  t.match(await sender.send({ unanswered: before() }), { lookUp: 'found' })
  t.equal(reads, 3)
  reads = Number.NEGATIVE_INFINITY
  t.match(await sender.send({ unanswered: before() }), { kind: 'retry', lookUp: 'failed' }, 'not for ever')
})

t.test('as many pages as need be, up to a limit', async (t) => {
  const sender = await start(t)
  await lost(sender)
  for (let count = 0; count < 60; count += 1) await sender.send({ id: `dlv_other${count}` })
  sender.calls()
  t.match(await sender.send({ unanswered: before() }), { lookUp: 'found' })
  t.strictSame(sender.calls(), ['conversations.history', 'conversations.history'])

  for (let count = 60; count < 500; count += 1) await sender.send({ id: `dlv_other${count}` })
  t.match(await sender.send({ unanswered: before() }), {
    kind: 'sent',
    lookUp: 'incomplete',
    notes: [/: more than 500 messages were posted since$/],
  })
  t.match(
    await sender.send({ id: 'dlv_2', unanswered: { since: 1, latest: 2, underWay: 2, mayResend: true } }),
    { kind: 'sent', lookUp: 'absent' },
    'only messages of that time are looked through',
  )
})

t.test('an app that may hardly read', async (t) => {
  const sender = await start(t, { reading: { perMinute: 1, objects: 15 }, limitClock: () => 0 })
  await lost(sender)
  for (let count = 0; count < 15; count += 1) await sender.send({ id: `dlv_other${count}` })
  t.match(await sender.send({ unanswered: before() }), {
    kind: 'sent',
    lookUp: 'incomplete',
    notes: [/: Slack shows no more now \(ratelimited\)$/],
  })
  t.match(await sender.send({ unanswered: before() }), { kind: 'retry', lookUp: 'failed', after: 60_000 })
})

t.test('of a conversation', async (t) => {
  for (const how of ['reply', 'update_and_reply'] as const) {
    const sender = await start(t)
    const first = await sender.send()
    if (first.kind !== 'sent') throw new Error('not sent')
    const { ts = '' } = first.reference
    const follows: Follows = { how, broadcast: false, first: first.reference, earlier: [] }
    const second = { id: 'dlv_2', follows }
    await lost(sender, second)
    t.match(
      await sender.send({ ...second, unanswered: justNow() }),
      { kind: 'sent', lookUp: 'found', reference: { thread_ts: ts }, restarts: undefined },
      `${how}: a reply`,
    )
    t.equal(sender.server.messages.length, 2)

    const [parent, reply] = sender.server.messages
    if (parent !== undefined) parent.deleted = true
    if (reply !== undefined) reply.deleted = true
    await lost(sender, { ...second, id: 'dlv_3' })
    t.match(
      await sender.send({ ...second, id: 'dlv_3', unanswered: justNow() }),
      { kind: 'sent', lookUp: 'found', reference: { thread_ts: undefined }, restarts: true },
      `${how}: what restarted the conversation`,
    )
    t.equal(sender.server.messages.length, 3)
  }
  const sender = await start(t)
  const first = await sender.send()
  if (first.kind !== 'sent') throw new Error('not sent')
  sender.calls()
  const follows: Follows = { how: 'update', broadcast: false, first: first.reference, earlier: [] }
  t.match(await sender.send({ follows, unanswered: justNow() }), { kind: 'sent', lookUp: undefined })
  t.strictSame(sender.calls(), ['chat.update'], 'an edit is made again without looking')
})

t.test("Slack's clock and what ours has been", async (t) => {
  const HOUR_MS = 3_600_000
  const begin = (options: { readonly ahead?: number } = {}) => {
    const times = { wall: 1_800_000_000_000, monotonic: 0, slack: 1_800_000_000_000 + (options.ahead ?? 0) }
    const clock = createSlackClock({
      now: () => times.wall,
      monotonic: () => times.monotonic,
      beganAt: times.wall,
    })
    return {
      clock,
      times,
      pass(ms: number) {
        for (const name of ['wall', 'monotonic', 'slack'] as const) times[name] += ms
      },
      call() {
        clock.asking()
        clock.answered(times.slack)
      },
    }
  }
  t.test('it is unknown before the first answer', async (t) => {
    const { clock, call } = begin()
    clock.asking()
    t.equal(clock.ahead(), null)
    call()
    t.same(clock.ahead(), { least: 0, most: 0 })
  })

  t.test('seconds are no difference', async (t) => {
    const { clock, times, call } = begin()
    call()
    times.wall += 3_000
    call()
    t.same(clock.ahead(), { least: -3_000, most: -3_000 })
  })

  t.test('a clock that was set is remembered for an hour', async (t) => {
    const { clock, times, pass, call } = begin()
    call()
    times.wall += HOUR_MS
    call()
    t.same(clock.ahead(), { least: -HOUR_MS, most: 0 })
    pass(HOUR_MS + 1)
    t.same(clock.ahead(), { least: -HOUR_MS, most: -HOUR_MS })
    times.wall -= 2 * HOUR_MS
    t.same(clock.ahead(), { least: -HOUR_MS, most: HOUR_MS }, 'though nothing was answered since it was set')
  })

  t.test('it was set for the time of one attempt without an answer', async (t) => {
    const { clock, times, pass, call } = begin()
    call()
    pass(3 * HOUR_MS)
    times.wall += HOUR_MS
    clock.asking()
    times.wall -= HOUR_MS
    t.same(clock.ahead(), { least: -HOUR_MS, most: 0 })
  })

  t.test('an earlier process had the clock that this one began with, or a right one', async (t) => {
    const { clock, times, pass, call } = begin({ ahead: HOUR_MS })
    pass(2 * HOUR_MS)
    times.wall += 2 * HOUR_MS
    call()
    t.same(clock.ahead(), { least: -HOUR_MS, most: 0 })
    const opened = createSlackClock({
      now: () => times.wall,
      monotonic: () => times.monotonic,
      beganAt: times.wall - times.monotonic - 2 * HOUR_MS,
    })
    opened.answered(times.slack)
    t.same(opened.ahead(), { least: -HOUR_MS, most: HOUR_MS }, 'also for a channel that was opened later')
  })
})
