import { createServer, type Server } from 'node:net'
import t, { type Test } from 'tap'
import type { OpenChannel } from '../../../src/channels/channel.ts'
import type { SlackMessage } from '../../../src/channels/slack/message.ts'
import { slack } from '../../../src/channels/slack/slack.ts'
import type { Outcome } from '../../../src/core/delivery/outcome.ts'
import { alone } from '../../support/addressed.ts'
import { channelEnvironment } from '../../support/channel-environment.ts'
import { holdPort } from '../../support/ports.ts'
import { type Misbehaviour, type SlackServer, startSlackServer } from '../../support/slack/server.ts'
import type { SlackServerOptions } from '../../support/slack/workspace.ts'
import { until } from '../../support/until.ts'

const TOKEN = 'xoxb-the-token-of-this-test'
const message: SlackMessage = {
  text: 'hello',
  blocks: [{ type: 'section', text: { type: 'mrkdwn', text: 'hello', verbatim: true } }],
}

interface Sender {
  readonly server: SlackServer
  readonly open: OpenChannel<SlackMessage>
  send(target?: string, message?: SlackMessage): Promise<Outcome>
}

async function start(
  t: Test,
  { timeout, ...options }: SlackServerOptions & { timeout?: number } = {},
): Promise<Sender> {
  const server = await startSlackServer({ token: TOKEN, ...options })
  const open = slack.open(
    slack.settings.parse({ token: TOKEN, api_url: server.url }),
    new Map([['hook', slack.receiver.parse({ webhook_url: server.webhookUrl })]]),
    channelEnvironment(timeout),
  )
  t.teardown(async () => {
    await open.close()
    await server.close()
  })
  return {
    server,
    open,
    send: (target = '#deal-flow', what = message) =>
      open.send(what, {
        id: 'evt_1-1',
        receiver: target === 'webhook:hook' ? 'hook' : 'deal-flow',
        target,
        ...alone,
      }),
  }
}

const misbehave =
  (sender: Sender) =>
  (wanted: Misbehaviour, target?: string): Promise<Outcome> => {
    sender.server.behave = () => wanted
    return sender.send(target)
  }

const failing = (error: string, more = {}): Misbehaviour => ({
  status: 200,
  body: JSON.stringify({ ok: false, error, ...more }),
})

t.test('a message is posted with what keeps it quiet and findable', async (t) => {
  const { server, send } = await start(t)
  const outcome = await send()
  const [posted] = server.messages
  t.match(posted, {
    channel: '#deal-flow',
    ...message,
    metadata: { event_type: 'hookbridge_delivery', event_payload: { delivery_id: 'evt_1-1' } },
    options: { unfurl_links: 'false', unfurl_media: 'false', parse: 'none', link_names: 'false' },
  })
  t.strictSame(outcome, {
    kind: 'sent',
    reference: {
      channel: 'C0000000001',
      ts: posted?.ts,
      permalink: `https://slack.com/archives/C0000000001/p${posted?.ts.replace('.', '')}`,
    },
  })
  await send('#deal-flow', { text: 'only text', blocks: [] })
  t.match(server.messages[1], { text: 'only text', blocks: undefined })
  for (let sent = 0; sent < 10; sent += 1) await send()
  t.ok(server.connections <= 3, 'connections are used again')
})

t.test('what the operator must fix is parked, with how', async (t) => {
  const { send } = await start(t, { unknown: ['#gone'], notJoined: ['#private'], archived: ['#old'] })
  t.strictSame(await send('#private'), {
    kind: 'park',
    reason: 'not_in_channel: invite the app to #private: write /invite and its name there; then resend',
  })
  t.match(await send('#gone'), { kind: 'park', reason: /^channel_not_found: / })
  t.match(await send('#old'), { kind: 'park', reason: /^is_archived: unarchive #old/ })
})

t.test('a wrong or missing token is parked', async (t) => {
  const server = await startSlackServer({ token: TOKEN })
  t.teardown(() => server.close())
  for (const [settings, reason] of [
    [{ token: 'xoxb-wrong', api_url: server.url }, /^invalid_auth: /],
    [{ api_url: server.url }, /token is missing/],
  ] as const) {
    const open = slack.open(slack.settings.parse(settings), new Map(), channelEnvironment())
    t.match(await open.send(message, { id: '1', receiver: 'r', target: '#x', ...alone }), {
      kind: 'park',
      reason,
    })
    await open.close()
  }
})

t.test('a message that Slack will never take is refused', async (t) => {
  const sender = await start(t)
  const bad = { text: 'x', blocks: [{ type: 'section', text: { type: 'mrkdwn', text: '' } }] }
  t.strictSame(await sender.send('#deal-flow', bad), {
    kind: 'refuse',
    reason:
      'invalid_blocks: correct the template, slack.yaml; then resend ' +
      '([ERROR] must be more than 0 characters [json-pointer:/blocks/0/text/text])',
  })
  const long = { type: 'section', text: { type: 'mrkdwn', text: 'a'.repeat(3_000) } }
  for (const [refused, reason] of [
    [{ text: '', blocks: [] }, /^no_text: /],
    [{ text: 'a'.repeat(40_001), blocks: [] }, /^msg_too_long: /],
    [{ text: 'x', blocks: [long, long, long, long, long] }, /^msg_blocks_too_long: /],
  ] as const) {
    t.match(await sender.send('#deal-flow', refused), { kind: 'refuse', reason })
  }
  t.match(await sender.send('webhook:hook', { text: '', blocks: [] }), {
    kind: 'refuse',
    reason: /^no_text: /,
  })
})

t.test('a 429 of one channel does not hold another', async (t) => {
  const { server, send } = await start(t, { rateLimit: { perSecond: 1, burst: 1 }, limitClock: () => 0 })
  t.match(await send('#busy'), { kind: 'sent' })
  const outcomes = await Promise.all([send('#busy'), send('#busy'), send('#quiet'), send('#other')])
  t.match(outcomes, [
    { kind: 'retry', after: 1_000 },
    { kind: 'retry', after: 1_000 },
    { kind: 'sent' },
    { kind: 'sent' },
  ])
  t.strictSame(server.messages.map(({ channel }) => channel).sort(), ['#busy', '#other', '#quiet'])
})

t.test('an attempt whose end nobody saw is ambiguous', async (t) => {
  const hasty = async (how: Misbehaviour) => {
    const sender = await start(t, { timeout: 300 })
    await until(async () => (await sender.send()).kind === 'sent', 'a connection')
    return misbehave(sender)(how)
  }
  const sender = await start(t)
  const answer = misbehave(sender)
  t.strictSame(await hasty('hang'), { kind: 'ambiguous', reason: 'no answer within 300 ms' })
  t.strictSame(await hasty('accept-and-hang'), { kind: 'ambiguous', reason: 'no answer within 300 ms' })
  for (const lost of ['reset', 'accept-and-reset', 'accept-and-cut'] as const) {
    t.match(
      await answer(lost),
      { kind: 'ambiguous', reason: /^the connection was lost before the answer: \S/ },
      lost,
    )
  }
  t.equal(sender.server.messages.length, 2, 'the two that were accepted did arrive')
})

t.test('nothing was sent where no connection was made', async (t) => {
  const open = slack.open(
    slack.settings.parse({ token: TOKEN, api_url: `http://127.0.0.1:${holdPort(t).port}/api/` }),
    new Map(),
    channelEnvironment(),
  )
  const addressed = { id: '1', receiver: 'r', target: '#x', ...alone }
  t.strictSame(await open.send(message, addressed), { kind: 'retry', reason: 'cannot connect: ECONNREFUSED' })
  await open.close()
  t.strictSame(
    await open.send(message, addressed),
    { kind: 'retry', reason: 'the channel is closed' },
    'after closing',
  )

  const unresolved = slack.open(
    slack.settings.parse({ token: TOKEN, api_url: 'https://slack.invalid/api/' }),
    new Map(),
    channelEnvironment(),
  )
  t.match(await unresolved.send(message, addressed), {
    kind: 'retry',
    reason: /^cannot connect: (ENOTFOUND|EAI_AGAIN)$/,
  })
  await unresolved.close()

  const plain = await listen(createServer((socket) => socket.end('this is no TLS\n')))
  t.teardown(() => plain.server.close())
  const untrusted = slack.open(
    slack.settings.parse({ token: TOKEN, api_url: `https://127.0.0.1:${plain.port}/api/` }),
    new Map(),
    channelEnvironment(),
  )
  t.match(
    await untrusted.send(message, addressed),
    { kind: 'retry', reason: /^cannot connect: ERR_SSL_/ },
    'no TLS',
  )
  await untrusted.close()

  const closing = await listen(createServer((socket) => socket.once('data', () => socket.destroy())))
  t.teardown(() => closing.server.close())
  const cut = slack.open(
    slack.settings.parse({ token: TOKEN, api_url: `https://127.0.0.1:${closing.port}/api/` }),
    new Map(),
    channelEnvironment(),
  )
  t.match(await cut.send(message, addressed), { kind: 'retry', reason: /^cannot connect: / }, 'TLS cut short')
  await cut.close()
})

async function listen(server: Server): Promise<{ server: Server; port: number }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not a TCP address')
  return { server, port: address.port }
}

t.test('an answer that is not Slack’s is cut, and holds no token', async (t) => {
  const answer = misbehave(await start(t))
  const huge = await answer({ status: 200, body: 'a'.repeat(1_500_000) })
  t.match(huge, { kind: 'ambiguous', reason: /UND_ERR_RES_EXCEEDED_MAX_SIZE/ }, 'a huge answer is not read')
  const messages = [`[ERROR] ${TOKEN} ${'x'.repeat(500)}`]
  const outcome = await answer(failing('invalid_blocks', { response_metadata: { messages } }))
  const reason = outcome.kind === 'refuse' ? outcome.reason : ''
  t.equal(reason.length, 300, 'a reason is cut')
  t.match(reason, /^invalid_blocks: .*\(\[ERROR\] \*\*\* x+…$/, 'and the token taken out')
})

t.test('to a webhook a message is posted as it is', async (t) => {
  const { server, send } = await start(t)
  t.strictSame(await send('webhook:hook'), { kind: 'sent', reference: { channel: 'webhook:hook' } })
  t.match(server.messages, [{ channel: 'webhook', ...message, options: { unfurl_links: false } }])
})

t.test('closing waits for the attempts in flight', async (t) => {
  const { server, open, send } = await start(t, { delay: 100 })
  const order: string[] = []
  const sent = send().then((outcome) => order.push(outcome.kind))
  await open.close()
  order.push('closed')
  await sent
  t.strictSame(order, ['sent', 'closed'])
  t.equal(server.messages.length, 1)
})
