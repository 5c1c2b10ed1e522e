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
  readonly rateLimit?: Bucket
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
  /** Milliseconds by which its clock is ahead. */
  readonly clockAhead?: number
  /** What its limits go by, in milliseconds; by default the machine's clock. */
  readonly limitClock?: () => number
  /** Milliseconds during which a message may be edited. */
  readonly editWindow?: number
  /** Channels that take no replies. */
  readonly unthreadable?: readonly string[]
  /** The limit on reading messages: an app that others install, outside the Marketplace, gets 1 and 15. */
  readonly reading?: { readonly perMinute: number; readonly objects: number }
}

interface Bucket {
  readonly perSecond: number
  readonly burst: number
}

/** One accepted message. */
export interface SlackServerMessage {
  /** As the request named it; `webhook` for an incoming webhook. */
  readonly channel: string
  readonly channelId: string
  readonly ts: string
  text: string
  blocks: unknown
  readonly metadata: unknown
  /** Of a reply: the message that begins its thread; null for others. */
  readonly threadTs: string | null
  /** A reply that is shown in the channel too. */
  readonly broadcast: boolean
  readonly token: string | undefined
  deleted: boolean
  /** How often it was edited. */
  edits: number
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
  /** The same messages, by the id of their channel. */
  readonly byChannel: Map<string, SlackServerMessage[]>
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

/** A reply to a message that is gone becomes a message of its own, without an error: so does Slack's. */
export function accept(workspace: Workspace, channel: string, args: Arguments): SlackServerMessage {
  const { channel: _channel, token, text: _text, blocks, metadata, ...options } = args
  const parent = typeof args.thread_ts === 'string' ? threadOf(workspace, channel, args.thread_ts) : null
  const at = Date.now() + (workspace.options.clockAhead ?? 0)
  workspace.lastTs = Math.max(at * 1000, workspace.lastTs + 1)
  const digits = String(workspace.lastTs)
  const ts = `${digits.slice(0, -6)}.${digits.slice(-6)}`
  const message: SlackServerMessage = {
    channel,
    channelId: channelId(workspace, channel),
    ts,
    text: textOf(args),
    blocks,
    metadata,
    threadTs: parent,
    broadcast: parent !== null && String(args.reply_broadcast) === 'true',
    token: typeof token === 'string' ? token : undefined,
    deleted: false,
    edits: 0,
    options,
    at,
  }
  workspace.messages.push(message)
  const there = workspace.byChannel.get(message.channelId)
  if (there === undefined) workspace.byChannel.set(message.channelId, [message])
  else there.push(message)
  return message
}

/** Takes from the channel's bucket; the seconds to wait where it is empty. */
export function rateLimit(workspace: Workspace, channel: string): number | null {
  const { rateLimit: limit } = workspace.options
  return limit === undefined ? null : takeFrom(workspace, channel, limit)
}

/** The same of any bucket. */
export function takeFrom({ buckets, options }: Workspace, key: string, limit: Bucket): number | null {
  const { perSecond, burst } = limit
  const now = (options.limitClock ?? Date.now)()
  const bucket = buckets.get(key) ?? { tokens: burst, at: now }
  const tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond)
  const taken = tokens >= 1
  buckets.set(key, { tokens: taken ? tokens - 1 : tokens, at: now })
  return taken ? null : Math.max(1, Math.ceil((1 - tokens) / perSecond))
}

export function textOf({ text }: Arguments): string {
  return typeof text === 'string' ? text : ''
}

/** Where a reply to a message goes; null where nothing is there. A deleted message with replies keeps its thread. */
function threadOf(workspace: Workspace, channel: string, ts: string): string | null {
  const there = messagesSince(workspace, channelId(workspace, channel), Number(ts))
  const message = there.find((one) => one.ts === ts)
  if (message?.threadTs != null) return message.threadTs
  if (message !== undefined && !message.deleted) return ts
  return there.some(({ threadTs, deleted }) => threadTs === ts && !deleted) ? ts : null
}

/** The messages of a channel that are not older than this ts, in their order. It costs little how many others there are. */
export function messagesSince(
  { messages, byChannel }: Workspace,
  id: string,
  ts: number,
): SlackServerMessage[] {
  const there = byChannel.get(id) ?? []
  // A test may have taken all messages, or the oldest.
  const [oldest] = messages
  there.splice(0, oldest === undefined ? there.length : firstSince(there, Number(oldest.ts)))
  return there.slice(firstSince(there, ts))
}

/** By halves: messages are in the order of their ts. */
function firstSince(messages: readonly SlackServerMessage[], ts: number): number {
  let [from, to] = [0, messages.length]
  while (from < to) {
    const middle = Math.floor((from + to) / 2)
    if (Number(messages[middle]?.ts) < ts) from = middle + 1
    else to = middle
  }
  return from
}

/** The channel's name in the options, from its name or its id. */
export function nameOf({ channelIds }: Workspace, channel: string): string {
  if (!ID.test(channel)) return channel
  return [...channelIds].find(([, id]) => id === channel)?.[0] ?? channel
}
