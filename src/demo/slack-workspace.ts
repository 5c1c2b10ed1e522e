/** The stand-in's workspace: what each method answers, and what it leaves behind. */
import { isObject } from '../core/json.ts'
import { type Answer, failure, missingScope, success } from './slack-answer.ts'
import { areBlocksTooLong, checkBlocks } from './slack-blocks.ts'
import {
  channelId,
  conversationsInfo,
  conversationsList,
  isPrivate,
  scopesOf,
} from './slack-conversations.ts'

export interface SlackServerOptions {
  /** The one token that is accepted; without it every token that begins with `xoxb-` is. */
  readonly token?: string
  /** Milliseconds between accepting a message and answering. */
  readonly delay?: number
  /** A 429 for what is faster than this in one channel. */
  readonly rateLimit?: { readonly perSecond: number; readonly burst: number }
  /** Channels by what is wrong with them, as requests name them. Any other channel exists. */
  readonly unknown?: readonly string[]
  readonly notJoined?: readonly string[]
  readonly archived?: readonly string[]
  /** Channels that only their members see. */
  readonly privateChannels?: readonly string[]
  /** Further channels that conversations.list knows. */
  readonly channels?: readonly string[]
  /** What the token may do. */
  readonly scopes?: readonly string[]
}

/** One accepted message. */
export interface SlackServerMessage {
  /** As the request named it; `webhook` for an incoming webhook. */
  readonly channel: string
  readonly ts: string
  text: string
  blocks: unknown
  readonly metadata: unknown
  /** The request's other arguments, such as unfurl_links. */
  readonly options: Readonly<Record<string, unknown>>
  /** Milliseconds since the epoch. */
  readonly at: number
}

export interface Workspace {
  readonly options: SlackServerOptions
  readonly messages: SlackServerMessage[]
  /** The ids of the channels that were named in requests. */
  readonly channelIds: Map<string, string>
  readonly buckets: Map<string, { tokens: number; at: number }>
  /** Microseconds since the epoch: no two messages share a ts. */
  lastTs: number
}

type Arguments = Readonly<Record<string, unknown>>

const LONGEST_TEXT = 40_000
const LARGEST_METADATA = 8_000

export function answerMethod(
  workspace: Workspace,
  method: string,
  args: Arguments | null,
  authorization: string | undefined,
): Answer {
  if (method === 'webhook') return webhook(workspace, args)
  const denied = checkToken(workspace, args, authorization)
  if (denied !== null) return failure(denied)
  const answer = answerToken(workspace, method, args)
  return { ...answer, headers: { ...answer.headers, 'x-oauth-scopes': scopesOf(workspace).join(',') } }
}

function answerToken(workspace: Workspace, method: string, args: Arguments | null): Answer {
  switch (method) {
    case 'auth.test':
      return success({
        url: 'https://stand-in.slack.com/',
        team: 'Stand-in',
        team_id: 'T00000000',
        user: 'hookbridge',
        user_id: 'U00000000',
        bot_id: 'B00000000',
      })
    case 'chat.postMessage':
      return postMessage(workspace, args ?? {})
    case 'chat.update':
      return updateMessage(workspace, args ?? {})
    case 'conversations.info':
      return conversationsInfo(workspace, args ?? {})
    case 'conversations.list':
      return conversationsList(workspace, args ?? {})
    default:
      return failure('unknown_method')
  }
}

function checkToken(
  { options }: Workspace,
  args: Arguments | null,
  authorization: string | undefined,
): string | null {
  const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? args?.token
  if (typeof token !== 'string' || token === '') return 'not_authed'
  const valid = options.token === undefined ? token.startsWith('xoxb-') : token === options.token
  return valid ? null : 'invalid_auth'
}

function postMessage(workspace: Workspace, args: Arguments): Answer {
  const { channel } = args
  const denied = missingScope(['chat:write'], scopesOf(workspace))
  if (denied !== null) return denied
  if (typeof channel !== 'string' || channel === '') return failure('channel_not_found')
  const limited = rateLimit(workspace, channel)
  if (limited !== null)
    return { ...failure('ratelimited'), status: 429, headers: { 'retry-after': String(limited) } }
  const { unknown = [], notJoined = [], archived = [] } = workspace.options
  if (unknown.includes(channel)) return failure('channel_not_found')
  if (notJoined.includes(channel)) {
    if (isPrivate(workspace, channel)) return failure('channel_not_found')
    if (!scopesOf(workspace).includes('chat:write.public')) return failure('not_in_channel')
  }
  if (archived.includes(channel)) return failure('is_archived')
  const refused = checkMessage(args)
  if (refused !== null) return refused
  const message = accept(workspace, channel, args)
  return success({
    channel: channelId(workspace, channel),
    ts: message.ts,
    message: {
      type: 'message',
      subtype: 'bot_message',
      text: message.text,
      ts: message.ts,
      bot_id: 'B00000000',
    },
  })
}

function updateMessage(workspace: Workspace, args: Arguments): Answer {
  const message = workspace.messages.find(
    ({ channel, ts }) => ts === args.ts && channelId(workspace, channel) === args.channel,
  )
  if (message === undefined) return failure('message_not_found')
  const refused = checkMessage(args)
  if (refused !== null) return refused
  message.text = textOf(args)
  message.blocks = args.blocks
  return success({ channel: args.channel, ts: message.ts, text: message.text })
}

/** Errors of a webhook are plain text with a status. */
function webhook(workspace: Workspace, args: Arguments | null): Answer {
  if (args === null) return { status: 400, headers: {}, body: 'invalid_payload' }
  const limited = rateLimit(workspace, 'webhook')
  if (limited !== null)
    return { status: 429, headers: { 'retry-after': String(limited) }, body: 'rate_limited' }
  const refused = checkMessage(args)
  if (refused !== null) {
    const { error }: { error: string } = JSON.parse(refused.body)
    return { status: 400, headers: {}, body: error }
  }
  accept(workspace, 'webhook', args)
  return { status: 200, headers: {}, body: 'ok' }
}

function checkMessage(args: Arguments): Answer | null {
  const { blocks, metadata } = args
  if (blocks !== undefined) {
    if (!Array.isArray(blocks)) return failure('invalid_blocks_format')
    const complaints = checkBlocks(blocks)
    if (complaints.length > 0) return failure('invalid_blocks', complaintsOf(complaints))
    if (areBlocksTooLong(blocks)) return failure('msg_blocks_too_long')
  }
  const text = textOf(args)
  const hasContent = [blocks, args.attachments].some((list) => Array.isArray(list) && list.length > 0)
  if (text.trim() === '' && !hasContent) return failure('no_text')
  if (text.length > LONGEST_TEXT) return failure('msg_too_long')
  if (metadata === undefined) return null
  if (!isObject(metadata) || typeof metadata.event_type !== 'string' || !isObject(metadata.event_payload)) {
    return failure('invalid_metadata_format')
  }
  return JSON.stringify(metadata).length > LARGEST_METADATA ? failure('metadata_too_large') : null
}

function textOf({ text }: Arguments): string {
  return typeof text === 'string' ? text : ''
}

function accept(workspace: Workspace, channel: string, args: Arguments): SlackServerMessage {
  const { channel: _channel, token: _token, text: _text, blocks, metadata, ...options } = args
  const at = Date.now()
  workspace.lastTs = Math.max(at * 1000, workspace.lastTs + 1)
  const digits = String(workspace.lastTs)
  const ts = `${digits.slice(0, -6)}.${digits.slice(-6)}`
  const message = { channel, ts, text: textOf(args), blocks, metadata, options, at }
  workspace.messages.push(message)
  return message
}

/** Takes from the channel's bucket; the seconds to wait where it is empty. */
function rateLimit({ options, buckets }: Workspace, channel: string): number | null {
  if (options.rateLimit === undefined) return null
  const { perSecond, burst } = options.rateLimit
  const now = Date.now()
  const bucket = buckets.get(channel) ?? { tokens: burst, at: now }
  const tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond)
  const taken = tokens >= 1
  buckets.set(channel, { tokens: taken ? tokens - 1 : tokens, at: now })
  return taken ? null : Math.max(1, Math.ceil((1 - tokens) / perSecond))
}

function complaintsOf(messages: readonly string[]) {
  return { errors: messages.map((text) => text.replace('[ERROR] ', '')), response_metadata: { messages } }
}
