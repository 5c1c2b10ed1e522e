/** The calls that post and edit messages. They throw what WebClient throws. */
import type { WebClient } from '@slack/web-api'
import type { Reference } from '../../../core/delivery/outcome.ts'
import { ownProperty } from '../../../core/json/json.ts'
import type { SlackMessage } from '../message.ts'

/** The identity of a message in Slack. */
export interface Place {
  /** The channel's id: only chat.postMessage accepts a name. */
  readonly channel: string
  readonly ts: string
}

export interface Thread extends Place {
  /** The reply is shown in the channel as well. */
  readonly broadcast: boolean
}

export interface Posted {
  readonly reference: Reference
  /** False if Slack posted a reply into the channel, which it does without an error if the first message of the thread was deleted. */
  readonly inThread: boolean
}

const EVENT_TYPE = 'hookbridge_delivery'

export async function post(
  client: WebClient,
  channel: string,
  message: SlackMessage,
  deliveryId: string,
  thread: Thread | null = null,
): Promise<Posted> {
  const answer = await client.apiCall('chat.postMessage', {
    channel: thread?.channel ?? channel,
    // An empty list would count as blocks, and hide the text.
    ...content(message, message.blocks.length > 0),
    unfurl_links: false,
    unfurl_media: false,
    // The message can be found by it in the channel's history, if it is unknown how an attempt ended.
    metadata: JSON.stringify({ event_type: EVENT_TYPE, event_payload: { delivery_id: deliveryId } }),
    ...(thread !== null && { thread_ts: thread.ts, reply_broadcast: thread.broadcast }),
  })
  const place = placeIn(answer)
  const posted = ownProperty(answer, 'message')
  const inThread = thread !== null && (posted === undefined || ownProperty(posted, 'thread_ts') !== undefined)
  if (place === null) return { reference: { channel }, inThread }
  return { reference: referenceOf(place, inThread ? thread.ts : null), inThread }
}

/** Keeps the message's metadata: it is still the message of the delivery that posted it. */
export async function edit(client: WebClient, { channel, ts }: Place, message: SlackMessage): Promise<void> {
  // Without `blocks`, the message would keep its present ones.
  await client.apiCall('chat.update', { channel, ts, ...content(message, true) })
}

/** The delivery that a message of Slack's belongs to, as far as its metadata says. */
export function deliveryIn(message: unknown): unknown {
  const metadata = ownProperty(message, 'metadata')
  if (ownProperty(metadata, 'event_type') !== EVENT_TYPE) return undefined
  return ownProperty(ownProperty(metadata, 'event_payload'), 'delivery_id')
}

function content({ text, blocks }: SlackMessage, withBlocks: boolean) {
  // Passed as JSON, because WebClient would walk through a structure three times for a log that is off.
  return { text, ...(withBlocks && { blocks: JSON.stringify(blocks) }), parse: 'none', link_names: false }
}

/** Null if it names no message. */
export function placeIn(reference: unknown): Place | null {
  const channel = ownProperty(reference, 'channel')
  const ts = ownProperty(reference, 'ts')
  return typeof channel === 'string' && typeof ts === 'string' ? { channel, ts } : null
}

/** `threadTs`: the first message of the thread that it is a reply in. */
export function referenceOf({ channel, ts }: Place, threadTs: string | null): Reference {
  // Slack redirects this address to the reader's workspace. chat.getPermalink gives the workspace's own address
  // of the same message, for a second call a message.
  const permalink = `https://slack.com/archives/${encodeURIComponent(channel)}/p${ts.replace('.', '')}`
  if (threadTs === null) return { channel, ts, permalink }
  const query = new URLSearchParams({ thread_ts: threadTs, cid: channel })
  return { channel, ts, permalink: `${permalink}?${query}`, thread_ts: threadTs }
}
