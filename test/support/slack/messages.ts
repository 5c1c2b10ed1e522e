/** The methods chat.postMessage and chat.update, and the incoming webhook. */
import { isObject } from '../../../src/core/json.ts'
import { type Arguments, failure, missingScope, type SlackAnswer, success } from './answer.ts'
import { areBlocksTooLong, checkBlocks } from './blocks.ts'
import { accept, channelId, isPrivate, rateLimit, scopesOf, textOf, type Workspace } from './workspace.ts'

const LONGEST_TEXT = 40_000
const LARGEST_METADATA = 8_000

export function postMessage(workspace: Workspace, args: Arguments): SlackAnswer {
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

export function updateMessage(workspace: Workspace, args: Arguments): SlackAnswer {
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
export function webhook(workspace: Workspace, args: Arguments | null): SlackAnswer {
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

function checkMessage(args: Arguments): SlackAnswer | null {
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

function complaintsOf(messages: readonly string[]) {
  return { errors: messages.map((text) => text.replace('[ERROR] ', '')), response_metadata: { messages } }
}
