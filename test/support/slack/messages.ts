/** The methods chat.postMessage and chat.update, and the incoming webhook. */
import { isObject } from '../../../src/core/json/json.ts'
import { type Arguments, failure, missingScope, type SlackAnswer, success, tooMany } from './answer.ts'
import { areBlocksTooLong, checkBlocks } from './blocks.ts'
import { shownMessage } from './history.ts'
import {
  accept,
  channelId,
  ID,
  isPrivate,
  nameOf,
  rateLimit,
  scopesOf,
  textOf,
  type Workspace,
} from './workspace.ts'

const LONGEST_TEXT = 40_000
const LONGEST_EDITED_TEXT = 4_000
const LARGEST_METADATA = 8_000

export function postMessage(workspace: Workspace, args: Arguments): SlackAnswer {
  const { channel: named } = args
  const denied = missingScope(['chat:write'], scopesOf(workspace))
  if (denied !== null) return denied
  if (typeof named !== 'string' || named === '') return failure('channel_not_found')
  const channel = nameOf(workspace, named)
  const limited = rateLimit(workspace, channel)
  if (limited !== null) return tooMany(limited)
  const closed = checkChannel(workspace, channel)
  if (closed !== null) return failure(closed)
  if (args.thread_ts !== undefined && workspace.options.unthreadable?.includes(channel)) {
    return failure('restricted_action_non_threadable_channel')
  }
  const refused = checkMessage(args, LONGEST_TEXT)
  if (refused !== null) return refused
  const message = accept(workspace, channel, args)
  return success({
    channel: channelId(workspace, channel),
    ts: message.ts,
    message: shownMessage(message, false),
  })
}

function checkChannel(workspace: Workspace, channel: string): string | null {
  const { unknown = [], notJoined = [], archived = [] } = workspace.options
  if (unknown.includes(channel)) return 'channel_not_found'
  if (notJoined.includes(channel)) {
    if (isPrivate(workspace, channel)) return 'channel_not_found'
    if (!scopesOf(workspace).includes('chat:write.public')) return 'not_in_channel'
  }
  return archived.includes(channel) ? 'is_archived' : null
}

export function updateMessage(workspace: Workspace, args: Arguments): SlackAnswer {
  const denied = missingScope(['chat:write'], scopesOf(workspace))
  if (denied !== null) return denied
  const { channel: id } = args
  if (typeof id !== 'string' || !ID.test(id)) return failure('channel_not_found')
  const channel = nameOf(workspace, id)
  const closed = checkChannel(workspace, channel)
  if (closed !== null) return failure(closed === 'is_archived' ? 'is_inactive' : closed)
  const message = workspace.messages.findLast(
    (one) => one.ts === args.ts && one.channelId === id && !one.deleted,
  )
  if (message === undefined) return failure('message_not_found')
  if (message.token !== args.token) return failure('cant_update_message')
  const { editWindow = Number.POSITIVE_INFINITY } = workspace.options
  if (Date.now() - message.at >= editWindow) return failure('edit_window_closed')
  const refused = checkMessage(args, LONGEST_EDITED_TEXT)
  if (refused !== null) return refused
  message.text = textOf(args)
  // Of an edit with text and without blocks, the blocks are removed.
  message.blocks = args.blocks
  message.edits += 1
  return success({ channel: id, ts: message.ts, text: message.text })
}

/** Errors of a webhook are plain text with a status. */
export function webhook(workspace: Workspace, args: Arguments | null): SlackAnswer {
  if (args === null) return { status: 400, headers: {}, body: 'invalid_payload' }
  const limited = rateLimit(workspace, 'webhook')
  if (limited !== null)
    return { status: 429, headers: { 'retry-after': String(limited) }, body: 'rate_limited' }
  const refused = checkMessage(args, LONGEST_TEXT)
  if (refused !== null) {
    const { error }: { error: string } = JSON.parse(refused.body)
    return { status: 400, headers: {}, body: error }
  }
  accept(workspace, 'webhook', args)
  return { status: 200, headers: {}, body: 'ok' }
}

function checkMessage(args: Arguments, longest: number): SlackAnswer | null {
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
  if (text.length > longest) return failure('msg_too_long')
  if (metadata === undefined) return null
  if (!isObject(metadata) || typeof metadata.event_type !== 'string' || !isObject(metadata.event_payload)) {
    return failure('invalid_metadata_format')
  }
  return JSON.stringify(metadata).length > LARGEST_METADATA ? failure('metadata_too_large') : null
}

function complaintsOf(messages: readonly string[]) {
  return { errors: messages.map((text) => text.replace('[ERROR] ', '')), response_metadata: { messages } }
}
