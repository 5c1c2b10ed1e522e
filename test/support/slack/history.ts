/** The methods conversations.history and conversations.replies. */
import { type Arguments, failure, missingScope, type SlackAnswer, success, tooMany } from './answer.ts'
import { cursor, readCursor } from './conversations.ts'
import {
  ID,
  isMember,
  isPrivate,
  messagesSince,
  nameOf,
  type SlackServerMessage,
  scopesOf,
  takeFrom,
  type Workspace,
} from './workspace.ts'

const USUAL_LIMIT = 100
const LARGEST_LIMIT = 999

/** The messages that stand in the channel itself, newest first: a reply is one where it is broadcast. */
export function conversationsHistory(workspace: Workspace, args: Arguments): SlackAnswer {
  const messages = readable(workspace, args, 'conversations.history', Number(args.oldest ?? 0))
  if (!Array.isArray(messages)) return messages
  const shown = messages.filter(({ threadTs, broadcast }) => threadTs === null || broadcast)
  return page(workspace, args, inWindow(shown, args).toReversed())
}

/** A message and the replies in its thread, oldest first. */
export function conversationsReplies(workspace: Workspace, args: Arguments): SlackAnswer {
  const { ts } = args
  const messages = readable(workspace, args, 'conversations.replies', Number(ts))
  if (!Array.isArray(messages)) return messages
  const replies = messages.filter(({ threadTs }) => threadTs === ts)
  const parent = messages.filter((message) => message.ts === ts)
  if (parent.length === 0 && replies.length === 0) return failure('thread_not_found')
  return page(workspace, args, [...parent, ...inWindow(replies, args)])
}

/** The channel's messages that are not older than `since`, oldest first; or why they are not shown. */
function readable(
  workspace: Workspace,
  args: Arguments,
  method: string,
  since: number,
): SlackServerMessage[] | SlackAnswer {
  const { channel: id } = args
  if (typeof id !== 'string' || !ID.test(id)) return failure('channel_not_found')
  const name = nameOf(workspace, id)
  const scope = id.startsWith('D') ? 'im' : isPrivate(workspace, name) ? 'groups' : 'channels'
  const denied = missingScope([`${scope}:history`], scopesOf(workspace))
  if (denied !== null) return denied
  if (workspace.options.unknown?.includes(name)) return failure('channel_not_found')
  if (!isMember(workspace, name)) {
    return failure(isPrivate(workspace, name) ? 'channel_not_found' : 'not_in_channel')
  }
  const { reading } = workspace.options
  const limited =
    reading === undefined
      ? null
      : takeFrom(workspace, method, { perSecond: reading.perMinute / 60, burst: reading.perMinute })
  if (limited !== null) return tooMany(limited)
  return messagesSince(workspace, id, since).filter(({ deleted }) => !deleted)
}

function inWindow(messages: readonly SlackServerMessage[], args: Arguments): SlackServerMessage[] {
  const oldest = Number(args.oldest ?? 0)
  const latest = Number(args.latest ?? Number.POSITIVE_INFINITY)
  return messages.filter(({ ts }) => Number(ts) > oldest && Number(ts) < latest)
}

function page({ options }: Workspace, args: Arguments, messages: readonly SlackServerMessage[]): SlackAnswer {
  const most = options.reading?.objects ?? LARGEST_LIMIT
  const from = args.cursor === undefined || args.cursor === '' ? 0 : readCursor(args.cursor)
  if (from === null) return failure('invalid_cursor')
  const to = from + Math.min(Number(args.limit) || USUAL_LIMIT, most)
  const isMore = to < messages.length
  const withMetadata = String(args.include_all_metadata) === 'true'
  return success({
    messages: messages.slice(from, to).map((message) => shownMessage(message, withMetadata)),
    has_more: isMore,
    ...(isMore && { response_metadata: { next_cursor: cursor(to) } }),
  })
}

/** As answers show it. */
export function shownMessage(message: SlackServerMessage, withMetadata: boolean) {
  const { text, ts, threadTs, broadcast, metadata } = message
  return {
    type: 'message',
    subtype: broadcast ? 'thread_broadcast' : 'bot_message',
    text,
    ts,
    bot_id: 'B00000000',
    ...(threadTs !== null && { thread_ts: threadTs }),
    ...(withMetadata && metadata !== undefined && { metadata }),
  }
}
