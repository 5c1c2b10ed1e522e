/** The stand-in's workspace: its channels, its messages, and what the app may do in it. */
import type { Certificate } from '../certificates.ts'
import type { Arguments } from './answer.ts'

export interface SlackServerOptions {
  /** The one token that is accepted; without it every token that begins with `xoxb-` is. */
  readonly token?: string
  /** It then speaks HTTPS, with this certificate. */
  readonly tls?: Pick<Certificate, 'cert' | 'key'>
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

/** How the Web API writes the id of a conversation or of a member. */
export const ID = /^[CDGUW][A-Z0-9]{6,}$/

/** The id of a channel that a request names, by its name or its id. */
export function channelId({ channelIds }: Workspace, channel: string): string {
  if (ID.test(channel)) return channel
  const id = channelIds.get(channel) ?? `C${String(channelIds.size + 1).padStart(10, '0')}`
  channelIds.set(channel, id)
  return id
}

export function scopesOf({ options }: Workspace): readonly string[] {
  return options.scopes ?? ['chat:write', 'channels:read', 'groups:read']
}

export function isPrivate({ options }: Workspace, channel: string): boolean {
  return options.privateChannels?.includes(channel) === true
}

export function isMember({ options }: Workspace, channel: string): boolean {
  return options.notJoined?.includes(channel) !== true
}

export function accept(workspace: Workspace, channel: string, args: Arguments): SlackServerMessage {
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
export function rateLimit({ options, buckets }: Workspace, channel: string): number | null {
  if (options.rateLimit === undefined) return null
  const { perSecond, burst } = options.rateLimit
  const now = Date.now()
  const bucket = buckets.get(channel) ?? { tokens: burst, at: now }
  const tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond)
  const taken = tokens >= 1
  buckets.set(channel, { tokens: taken ? tokens - 1 : tokens, at: now })
  return taken ? null : Math.max(1, Math.ceil((1 - tokens) / perSecond))
}

export function textOf({ text }: Arguments): string {
  return typeof text === 'string' ? text : ''
}
