/** The stand-in answers about channels as Slack's documentation says. */
import t, { type Test } from 'tap'
import { startSlackServer } from './server.ts'
import type { SlackServerOptions } from './workspace.ts'

interface Answer {
  readonly ok: boolean
  readonly error?: string
  readonly channels?: readonly { readonly id: string; readonly name: string }[]
  readonly response_metadata?: { readonly next_cursor: string }
}

async function workspace(t: Test, options: SlackServerOptions) {
  const server = await startSlackServer(options)
  t.teardown(() => server.close())
  return async (method: string, args: Record<string, string> = {}, token = 'xoxb-1') => {
    const response = await fetch(server.url + method, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: new URLSearchParams(args),
    })
    const answer: Answer = JSON.parse(await response.text())
    return { answer, scopes: response.headers.get('x-oauth-scopes') }
  }
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
