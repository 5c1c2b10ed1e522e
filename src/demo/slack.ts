/** A stand-in for Slack in the demo: it accepts every message, reply and edit, and keeps them in memory. */
import type { IncomingMessage } from 'node:http'
import { isObject, type JsonObject } from '../core/json/json.ts'
import { startLoopbackServer } from './loopback.ts'

export interface DemoSlack {
  /** The base of its Web API, with a slash at its end. */
  readonly url: string
  readonly messages: readonly DemoSlackMessage[]
  /** Called with each message as it arrives. */
  onMessage: (message: DemoSlackMessage) => void
  close(): Promise<void>
}

export interface DemoSlackMessage {
  /** A broadcast is a reply that the channel shows as well. */
  readonly how: 'message' | 'edit' | 'reply' | 'broadcast'
  readonly channel: string
  readonly text: string
  readonly blocks: readonly JsonObject[]
}

// What it answers about itself to every method.
const SCOPES = 'chat:write,chat:write.public,channels:read,groups:read,channels:history,groups:history'
const CHANNEL = {
  id: 'C0DEMO00001',
  name: 'deal-flow',
  is_member: true,
  is_archived: false,
  is_private: false,
}
const ABOUT = {
  user: 'hookbridge',
  team: 'a stand-in for Slack',
  channels: [CHANNEL],
  channel: CHANNEL,
  messages: [],
}

export async function startSlack(): Promise<DemoSlack> {
  const messages: DemoSlackMessage[] = []
  const { url, close } = await startLoopbackServer(async (request, response) => {
    const form = new URLSearchParams(await textOf(request))
    const message = messageIn(request.url ?? '', form)
    response.setHeader('content-type', 'application/json')
    response.setHeader('x-oauth-scopes', SCOPES)
    if (message === null) return response.end(JSON.stringify({ ok: true, ...ABOUT }))
    messages.push(message)
    slack.onMessage(message)
    const ts =
      form.get('ts') ?? `${Math.floor(Date.now() / 1000)}.${String(messages.length).padStart(6, '0')}`
    return response.end(JSON.stringify({ ok: true, channel: CHANNEL.id, ts }))
  })
  const slack: DemoSlack = { url: `${url}/api/`, messages, onMessage: () => {}, close }
  return slack
}

/** Null for a call that neither posts nor edits, such as a look-up. */
function messageIn(path: string, form: URLSearchParams): DemoSlackMessage | null {
  const isEdit = path.endsWith('/chat.update')
  if (!isEdit && !path.endsWith('/chat.postMessage')) return null
  const reply = form.get('reply_broadcast') === 'true' ? 'broadcast' : 'reply'
  const posted = form.has('thread_ts') ? reply : 'message'
  return {
    how: isEdit ? 'edit' : posted,
    channel: nameOf(form.get('channel') ?? ''),
    text: form.get('text') ?? '',
    blocks: parseBlocks(form.get('blocks')),
  }
}

function nameOf(channel: string): string {
  return channel === CHANNEL.id ? `#${CHANNEL.name}` : channel
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

function parseBlocks(json: string | null): readonly JsonObject[] {
  const blocks: unknown = JSON.parse(json ?? '[]')
  return Array.isArray(blocks) ? blocks.filter(isObject) : []
}
