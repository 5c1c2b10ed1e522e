/** Later messages of a conversation in Slack: replies, edits, and what happens where they cannot be. */
import t, { type Test } from 'tap'
import type { Follows, MessageRef } from '../../../src/channels/channel.ts'
import type { SlackMessage } from '../../../src/channels/slack/message.ts'
import { slack } from '../../../src/channels/slack/slack.ts'
import type { Outcome } from '../../../src/core/delivery/outcome.ts'
import { alone } from '../../support/addressed.ts'
import { channelEnvironment } from '../../support/channel-environment.ts'
import {
  type Misbehaviour,
  type OtherAnswer,
  type SlackServer,
  startSlackServer,
} from '../../support/slack/server.ts'
import type { SlackServerMessage, SlackServerOptions } from '../../support/slack/workspace.ts'

const TARGET = '#deal-flow'
const card = (text: string): SlackMessage => ({
  text,
  blocks: [{ type: 'section', text: { type: 'mrkdwn', text: `*${text}*`, verbatim: true } }],
})
const started = card('started')
const completed = card('completed')
const scopes = ['chat:write', 'channels:read']

interface Conversation {
  readonly server: SlackServer
  readonly first: MessageRef
  readonly parent: SlackServerMessage
  /** Sends the second message. */
  send(how: Follows['how'], more?: Partial<Follows>, message?: SlackMessage): Promise<Outcome>
}

/** A channel in which the first message of a conversation is. */
async function begun(
  t: Test,
  options: SlackServerOptions = {},
  first = started,
  token = 'xoxb-1',
): Promise<Conversation> {
  const server = await startSlackServer({ scopes, ...options })
  const opened = (token: string) =>
    slack.open(slack.settings.parse({ token, api_url: server.url }), new Map(), channelEnvironment())
  const open = opened('xoxb-1')
  const before = opened(token)
  const to = { receiver: 'deal-flow', target: TARGET, ...alone }
  t.teardown(async () => {
    await Promise.all([open.close(), before.close()])
    await server.close()
  })
  const sent = await before.send(first, { id: 'dlv_1', ...to })
  const [parent] = server.messages
  if (sent.kind !== 'sent' || parent === undefined) throw new Error('the first message was not sent')
  return {
    server,
    first: sent.reference,
    parent,
    send: (how, more = {}, message = completed) =>
      open.send(message, {
        id: 'dlv_2',
        ...to,
        follows: { how, broadcast: true, first: sent.reference, earlier: [], ...more },
      }),
  }
}

const failing = (error: string): OtherAnswer => ({ status: 200, body: JSON.stringify({ ok: false, error }) })
const limited: Misbehaviour = { ...failing('ratelimited'), status: 429, headers: { 'retry-after': '7' } }

/** The stand-in does this once to a method, and behaves afterwards. */
function once(server: SlackServer, method: string, wanted: Misbehaviour): void {
  let done = false
  server.behave = (request) => {
    if (done || request.method !== method) return undefined
    done = true
    return wanted
  }
}

t.test('a reply', async (t) => {
  const { server, first, parent, send } = await begun(t)
  const outcome = await send('reply')
  const reply = server.messages[1]
  t.match(reply, { ...completed, threadTs: parent.ts, broadcast: true })
  t.match(reply?.metadata, { event_payload: { delivery_id: 'dlv_2' } })
  t.strictSame(outcome, {
    kind: 'sent',
    reference: {
      channel: first.channel,
      ts: reply?.ts,
      permalink: `https://slack.com/archives/${first.channel}/p${reply?.ts.replace('.', '')}?thread_ts=${parent.ts}&cid=${first.channel}`,
      thread_ts: parent.ts,
    },
  })
  await send('reply', { broadcast: false })
  t.match(server.messages[2], { threadTs: parent.ts, broadcast: false })
  t.equal(parent.edits, 0)
})

t.test('an edit', async (t) => {
  const { server, first, parent, send } = await begun(t)
  t.strictSame(await send('update'), { kind: 'sent', reference: first })
  t.match(parent, { ...completed, metadata: { event_payload: { delivery_id: 'dlv_1' } } })
  await send('update', {}, { text: 'text alone', blocks: [] })
  t.match(parent, { text: 'text alone', blocks: [] }, 'the blocks are gone')
  t.equal(server.messages.length, 1)
})

t.test('an edit, and a reply with the news alone', async (t) => {
  const { server, parent, send } = await begun(t)
  t.match(await send('update_and_reply'), { kind: 'sent', reference: { thread_ts: parent.ts } })
  t.match(parent, { ...completed, edits: 1 })
  t.match(server.messages[1], { text: 'completed', blocks: undefined, threadTs: parent.ts, broadcast: true })
  t.equal(server.messages.length, 2)
})

const everyWay = ['reply', 'update', 'update_and_reply'] as const

t.test('what cannot be followed restarts the conversation', async (t) => {
  const deleted = ({ parent }: Conversation) => {
    parent.deleted = true
  }
  const answered = (method: string, error: string) => (made: Conversation) =>
    once(made.server, method, failing(error))
  const nothing = () => {}
  const edits = ['update', 'update_and_reply'] as const
  const replies = ['reply', 'update_and_reply'] as const
  const elsewhere = { first: { channel: 'C0000GONE', ts: '1.000001' } }
  const cases: readonly {
    readonly why: RegExp
    readonly how: readonly Follows['how'][]
    readonly happened: (made: Conversation) => void
    readonly options?: SlackServerOptions
    readonly token?: string
    readonly more?: Partial<Follows>
    /** The edit before the reply was made. */
    readonly edited?: true
  }[] = [
    { why: /is deleted$/, how: ['reply'], happened: deleted },
    { why: /is deleted \(message_not_found\)$/, how: edits, happened: deleted },
    {
      why: /is too old to be edited in this workspace \(edit_window_closed\)$/,
      how: edits,
      happened: nothing,
      options: { editWindow: 0 },
    },
    {
      why: /was posted by another app \(cant_update_message\)$/,
      how: edits,
      happened: nothing,
      token: 'xoxb-2',
    },
    {
      why: /is in a channel that is gone \(channel_not_found\)$/,
      how: everyWay,
      happened: nothing,
      options: { unknown: ['C0000GONE'] },
      more: elsewhere,
    },
    {
      why: /is in a channel that does not accept replies \(restricted_action_non_threadable_channel\)$/,
      how: replies,
      happened: nothing,
      options: { unthreadable: [TARGET] },
      edited: true,
    },
    {
      why: /Slack did not say where it is$/,
      how: everyWay,
      happened: nothing,
      more: { first: { channel: 'C1' } },
    },
    ...['thread_not_found', 'cannot_reply_to_message', 'restricted_action_thread_locked'].map((error) => ({
      why: new RegExp(`\\(${error}\\)$`),
      how: replies,
      happened: answered('chat.postMessage', error),
      edited: true as const,
    })),
    { why: /\(block_mismatch\)$/, how: edits, happened: answered('chat.update', 'block_mismatch') },
  ]
  for (const { why, how, happened, options, token, more, edited } of cases) {
    for (const way of how) {
      const made = await begun(t, options, started, token)
      happened(made)
      const outcome = await made.send(way, more)
      const what = `${way}: ${why}`
      const [, fresh] = made.server.messages
      t.match(outcome, { kind: 'sent', restarts: true, reference: { ts: fresh?.ts }, notes: [why] }, what)
      t.match(outcome, { notes: [/^posted as a new message: the first message of the conversation /] })
      t.notOk(outcome.kind === 'sent' && outcome.reference.thread_ts, 'it begins a conversation')
      t.match(fresh, { ...completed, threadTs: null, channel: TARGET }, 'whole')
      t.equal(made.server.messages.length, 2, 'once')
      t.equal(made.parent.edits, edited && way === 'update_and_reply' ? 1 : 0)
    }
  }
})

t.test('text that an edit does not take restarts the conversation', async (t) => {
  const { server, send } = await begun(t)
  const long = { text: 'a'.repeat(4_001), blocks: [] }
  t.match(await send('update', {}, long), { restarts: true, notes: [/\(msg_too_long\)$/] })
  t.equal(server.messages[1]?.text, long.text)
})

t.test('a message that is deleted keeps its thread', async (t) => {
  const { server, parent, send } = await begun(t)
  await send('reply')
  parent.deleted = true
  t.match(await send('reply'), { kind: 'sent', restarts: undefined, reference: { thread_ts: parent.ts } })
  t.match(await send('update'), { kind: 'sent', restarts: true }, 'but cannot be edited')
  t.strictSame(
    server.messages.map(({ threadTs }) => threadTs),
    [null, parent.ts, parent.ts, null],
  )
})

t.test('what a person must correct, and what Slack will never take', async (t) => {
  const archived: string[] = []
  const { server, parent, send } = await begun(t, { archived })
  archived.push(TARGET)
  for (const [how, error] of [
    ['reply', 'is_archived'],
    ['update', 'is_inactive'],
    ['update_and_reply', 'is_inactive'],
  ] as const) {
    t.match(await send(how), {
      kind: 'park',
      reason: `${error}: unarchive #deal-flow, or choose another channel; then resend`,
    })
  }
  archived.pop()
  const bad = { text: '', blocks: [] }
  for (const how of everyWay) {
    t.match(await send(how, {}, bad), { kind: 'refuse', reason: /^no_text: / })
    once(server, how === 'reply' ? 'chat.postMessage' : 'chat.update', failing('invalid_auth'))
    t.match(await send(how), { kind: 'park', reason: /^invalid_auth: / })
  }
  t.equal(server.messages.length, 1)
  t.equal(parent.edits, 0)
})

t.test('a pause that Slack asks for, at either call', async (t) => {
  const { server, parent, send } = await begun(t)
  once(server, 'chat.update', limited)
  t.match(await send('update_and_reply'), { kind: 'retry', after: 7_000 })
  t.equal(parent.edits, 0)
  once(server, 'chat.postMessage', limited)
  t.match(await send('update_and_reply'), { kind: 'retry', after: 7_000 })
  t.equal(parent.edits, 1)
  t.match(await send('update_and_reply'), { kind: 'sent' })
  t.match(parent, completed, 'the edit that was made again changed nothing')
  t.equal(server.messages.length, 2, 'there is one reply')
  for (const status of [200, 500]) {
    const headers = { 'retry-after': '7' }
    once(server, 'chat.update', { ...failing('internal_error'), status, headers })
    t.match(
      await send('update'),
      { kind: 'retry', after: 7_000 },
      'also where it does not know how the edit ended',
    )
  }
})

t.test('an edit without an answer is made again, and is no message that may be there twice', async (t) => {
  for (const lost of [
    'accept-and-reset',
    'reset',
    failing('internal_error'),
    failing('update_failed'),
  ] as const) {
    for (const how of ['update', 'update_and_reply'] as const) {
      const { server, parent, send } = await begun(t)
      once(server, 'chat.update', lost)
      t.match(await send(how), { kind: 'retry' }, `${how}: ${JSON.stringify(lost)}`)
      t.equal(server.messages.length, 1, 'nothing is posted before the edit is certain')
      t.match(await send(how), { kind: 'sent' })
      t.match(parent, completed)
      t.equal(server.messages.length, how === 'update' ? 1 : 2)
    }
  }
})

t.test('a reply without an answer may be there', async (t) => {
  for (const how of ['reply', 'update_and_reply'] as const) {
    const { server, send } = await begun(t)
    once(server, 'chat.postMessage', 'accept-and-reset')
    t.match(await send(how), { kind: 'ambiguous', reason: /^the connection was lost/ })
    t.equal(server.messages.length, 2)
  }
})
