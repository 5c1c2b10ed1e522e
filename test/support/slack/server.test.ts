/** The stand-in answers about channels as Slack's documentation says. */
import t, { type Test } from 'tap'
import { startSlackServer } from './server.ts'
import type { SlackServerOptions } from './workspace.ts'

interface Answer {
  readonly ok: boolean
  readonly error?: string
  readonly channels?: readonly { readonly id: string; readonly name: string }[]
  readonly ts?: string
  readonly channel?: unknown
  readonly message?: { readonly thread_ts?: string }
  readonly messages?: readonly { readonly text: string; readonly metadata?: unknown }[]
  readonly has_more?: boolean
  readonly response_metadata?: { readonly next_cursor: string }
}

async function workspace(t: Test, options: SlackServerOptions) {
  const server = await startSlackServer(options)
  t.teardown(() => server.close())
  const call = async (method: string, args: Record<string, string> = {}, token = 'xoxb-1') => {
    const response = await fetch(server.url + method, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: new URLSearchParams(args),
    })
    const answer: Answer = JSON.parse(await response.text())
    const { status, headers } = response
    return { answer, status, scopes: headers.get('x-oauth-scopes'), retryAfter: headers.get('retry-after') }
  }
  return Object.assign(call, { server })
}

t.test('scopes are reported, and required', async (t) => {
  const call = await workspace(t, { token: 'xoxb-1', scopes: ['channels:read'], privateChannels: ['#board'] })
  t.match(await call('auth.test'), { answer: { ok: true, team: 'Stand-in' }, scopes: 'channels:read' })
  t.match(await call('auth.test', {}, 'xoxb-2'), {
    answer: { ok: false, error: 'invalid_auth' },
    scopes: null,
  })
  t.match((await call('chat.postMessage', { channel: '#general', text: 'x' })).answer, {
    error: 'missing_scope',
    needed: 'chat:write',
    provided: 'channels:read',
  })
  t.match((await call('conversations.list', { types: 'public_channel,private_channel' })).answer, {
    error: 'missing_scope',
    needed: 'groups:read',
  })
  const { answer } = await call('conversations.list')
  t.strictSame(
    answer.channels?.map(({ name }) => name),
    ['general', 'deal-flow'],
  )
})

t.test('the list comes in pages', async (t) => {
  const channels = ['#a', '#b', '#c', '#d', '#e']
  const call = await workspace(t, { channels })
  const names: string[] = []
  let cursor = ''
  let pages = 0
  do {
    const { answer } = await call('conversations.list', { limit: '2', cursor })
    names.push(...(answer.channels ?? []).map(({ name }) => `#${name}`))
    cursor = answer.response_metadata?.next_cursor ?? ''
    pages += 1
  } while (cursor !== '' && pages < 10)
  t.strictSame(names, channels)
  t.equal(pages, 3)
  t.match((await call('conversations.list', { cursor: 'nonsense' })).answer, { error: 'invalid_cursor' })
})

t.test('a channel is found by its id, as far as the app may see it', async (t) => {
  const call = await workspace(t, {
    archived: ['#old'],
    notJoined: ['#foreign', '#secret'],
    privateChannels: ['#secret'],
    unknown: ['C0000MISSING'],
  })
  const { answer } = await call('conversations.list')
  for (const [name, expected] of [
    ['old', { is_archived: true, is_member: true }],
    ['foreign', { is_archived: false, is_member: false }],
  ] as const) {
    const id = answer.channels?.find((channel) => channel.name === name)?.id ?? ''
    t.match((await call('conversations.info', { channel: id })).answer, {
      ok: true,
      channel: { id, ...expected },
    })
  }
  t.notOk(answer.channels?.some(({ name }) => name === 'secret'))
  for (const channel of ['C0000MISSING', '#old', '']) {
    t.match((await call('conversations.info', { channel })).answer, { error: 'channel_not_found' })
  }
})

const scopes = ['chat:write', 'channels:read', 'channels:history']
const error = (name: string) => ({ answer: { ok: false, error: name } })

t.test('a message is edited by whoever posted it, while that is allowed', async (t) => {
  const archived: string[] = []
  const call = await workspace(t, { scopes, archived })
  const { answer } = await call('chat.postMessage', { channel: '#general', text: 'one', blocks: '[]' })
  const place = { channel: String(answer.channel), ts: answer.ts ?? '' }
  t.match(await call('chat.update', { ...place, text: 'two' }), { answer: { ok: true, ...place } })
  const [message] = call.server.messages
  t.match(message, { text: 'two', blocks: undefined, edits: 1 })
  for (const [args, name, token] of [
    [{ ...place, channel: '#general' }, 'channel_not_found', 'xoxb-1'],
    [{ ...place, ts: '1.2' }, 'message_not_found', 'xoxb-1'],
    [place, 'cant_update_message', 'xoxb-2'],
    [{ ...place, text: 'a'.repeat(4_001) }, 'msg_too_long', 'xoxb-1'],
  ] as const) {
    t.match(await call('chat.update', { text: 'x', ...args }, token), error(name))
  }
  archived.push('#general')
  t.match(await call('chat.update', { ...place, text: 'x' }), error('is_inactive'))
  archived.pop()
  if (message !== undefined) message.deleted = true
  t.match(await call('chat.update', { ...place, text: 'x' }), error('message_not_found'))

  const closed = await workspace(t, { scopes, editWindow: 0 })
  const posted = (await closed('chat.postMessage', { channel: '#general', text: 'one' })).answer
  const at = { channel: String(posted.channel), ts: posted.ts ?? '' }
  t.match(await closed('chat.update', { ...at, text: 'two' }), error('edit_window_closed'))
})

t.test('a channel shows its own messages, newest first; a thread its replies, oldest first', async (t) => {
  const call = await workspace(t, { scopes })
  const say = async (text: string, more: Record<string, string> = {}) =>
    (await call('chat.postMessage', { channel: '#general', text, ...more })).answer
  const first = await say('first', { metadata: '{"event_type":"x","event_payload":{}}' })
  const channel = String(first.channel)
  const thread_ts = first.ts ?? ''
  const reply = await say('reply', { thread_ts })
  t.equal(reply.message?.thread_ts, thread_ts)
  await say('a reply to the reply', { thread_ts: reply.ts ?? '' })
  await say('seen by all', { thread_ts, reply_broadcast: 'true' })
  const last = await say('last')
  const texts = async (method: string, more: Record<string, string> = {}) =>
    (await call(method, { channel, ...more })).answer.messages?.map(({ text }) => text)
  t.same(await texts('conversations.history'), ['last', 'seen by all', 'first'])
  t.same(await texts('conversations.history', { oldest: thread_ts, latest: last.ts ?? '' }), ['seen by all'])
  const inThread = ['first', 'reply', 'a reply to the reply', 'seen by all']
  t.same(await texts('conversations.replies', { ts: thread_ts }), inThread)

  const page = (await call('conversations.history', { channel, limit: '2' })).answer
  t.equal(page.has_more, true)
  const cursor = page.response_metadata?.next_cursor ?? ''
  t.same(await texts('conversations.history', { limit: '2', cursor }), ['first'])
  const shown = async (include_all_metadata: string) =>
    (await call('conversations.history', { channel, include_all_metadata })).answer.messages?.at(-1)?.metadata
  t.same([await shown('false'), await shown('true')], [undefined, { event_type: 'x', event_payload: {} }])

  for (const message of call.server.messages.slice(0, 1)) message.deleted = true
  t.same(await texts('conversations.replies', { ts: thread_ts }), inThread.slice(1), 'it keeps its thread')
  t.equal((await say('late', { thread_ts })).message?.thread_ts, thread_ts)
  for (const message of call.server.messages) message.deleted = true
  t.match(await call('conversations.replies', { channel, ts: thread_ts }), error('thread_not_found'))
  t.equal(
    (await say('too late', { thread_ts })).message?.thread_ts,
    undefined,
    'it is no reply, and no error',
  )
})

t.test('messages are shown to those who may read them, and not too often', async (t) => {
  const call = await workspace(t, {
    scopes,
    notJoined: ['#lobby'],
    privateChannels: ['#board'],
    channels: ['#lobby', '#board'],
    reading: { perMinute: 1, objects: 1 },
    limitClock: () => 0,
  })
  const idOf = async (name: string) =>
    (await call('chat.postMessage', { channel: name, text: 'x' })).answer.channel
  const listed = (await call('conversations.list')).answer.channels
  const lobby = listed?.find(({ name }) => name === 'lobby')?.id ?? ''
  t.match(await call('conversations.history', { channel: '#general' }), error('channel_not_found'))
  t.match(await call('conversations.history', { channel: lobby }), error('not_in_channel'))
  t.match(await call('conversations.history', { channel: String(await idOf('#board')) }), {
    answer: { error: 'missing_scope', needed: 'groups:history' },
  })
  const channel = String(await idOf('#general'))
  await idOf('#general')
  t.equal((await call('conversations.history', { channel })).answer.messages?.length, 1)
  t.match(await call('conversations.history', { channel }), {
    ...error('ratelimited'),
    status: 429,
    retryAfter: '60',
  })
})

t.test('some channels take no replies', async (t) => {
  const call = await workspace(t, { scopes, unthreadable: ['#general'] })
  const { ts = '' } = (await call('chat.postMessage', { channel: '#general', text: 'x' })).answer
  t.match(
    await call('chat.postMessage', { channel: '#general', text: 'x', thread_ts: ts }),
    error('restricted_action_non_threadable_channel'),
  )
})

t.test('a channel shows no messages that the test has taken', async (t) => {
  const call = await workspace(t, { scopes: ['chat:write', 'channels:history'] })
  const channel = String(
    (await call('chat.postMessage', { channel: '#general', text: 'one' })).answer.channel,
  )
  for (const text of ['two', 'three']) await call('chat.postMessage', { channel: '#general', text })
  const shown = async () => {
    const { answer } = await call('conversations.history', { channel })
    return answer.messages?.map(({ text }) => text)
  }
  t.strictSame(await shown(), ['three', 'two', 'one'])
  call.server.messages.splice(0, 1)
  t.strictSame(await shown(), ['three', 'two'])
  call.server.messages.length = 0
  t.strictSame(await shown(), [])
  await call('chat.postMessage', { channel: '#general', text: 'four' })
  t.strictSame(await shown(), ['four'])
})
