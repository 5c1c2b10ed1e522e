/** Sends a later message of a conversation: a reply in the thread of the first one, an edit of it, or both. */
import type { WebClient } from '@slack/web-api'
import type { Outcome } from '../../../core/outcome.ts'
import type { Addressed, Follows } from '../../channel.ts'
import type { SlackMessage } from '../message.ts'
import { type AttemptContext, failedCall, fromException } from './outcome.ts'
import { edit, type Place, type Posted, placeIn, post, referenceOf } from './posting.ts'

interface Following {
  readonly client: WebClient
  readonly message: SlackMessage
  readonly delivery: Addressed
  readonly context: AttemptContext
}

/** What is wrong with the first message, so that it cannot be edited: by the name of Slack's error. */
const notEditable: Readonly<Record<string, string>> = {
  message_not_found: 'is deleted',
  channel_not_found: 'is in a channel that is gone',
  cant_update_message: 'was posted by another app',
  edit_window_closed: 'is too old to be edited in this workspace',
  block_mismatch: 'has blocks of another kind',
  // Slack takes fewer characters of text in an edit than in a new message.
  msg_too_long: 'cannot take so much text in an edit',
}

/** The same for a reply. */
const notRepliable: Readonly<Record<string, string>> = {
  message_not_found: 'is deleted',
  thread_not_found: 'is deleted',
  channel_not_found: 'is in a channel that is gone',
  cannot_reply_to_message: 'takes no replies',
  restricted_action_non_threadable_channel: 'is in a channel that takes no replies',
  restricted_action_thread_locked: 'has a thread that an administrator has locked',
}

const NOT_IDENTIFIED = 'cannot be found: Slack did not say where it is'

/** Throws what WebClient throws where nothing was posted, or where that is unknown. */
export async function follow(following: Following, { how, broadcast, first }: Follows): Promise<Outcome> {
  const place = placeIn(first)
  if (place === null) return afresh(following, NOT_IDENTIFIED)
  if (how !== 'reply') {
    const edited = await editFirst(following, place)
    if (typeof edited === 'string') return afresh(following, edited)
    if (edited !== null) return edited
    if (how === 'update') return { kind: 'sent', reference: referenceOf(place, null) }
  }
  return reply(following, place, broadcast, how === 'reply')
}

/** Null where it is edited; else why it cannot be, or how the attempt ended. An edit may be repeated: it changes nothing more. */
async function editFirst(
  { client, message, context }: Following,
  place: Place,
): Promise<Outcome | string | null> {
  try {
    await edit(client, place, message)
    return null
  } catch (error) {
    const why = reasonIn(notEditable, error, context)
    if (why !== null) return why
    const outcome = fromException(error, context)
    // Nothing is posted yet, and the edit itself can be made again.
    return outcome.kind === 'ambiguous' ? { kind: 'retry', reason: outcome.reason } : outcome
  }
}

/** Beside an edit the reply is the news alone: the first message says the rest. */
async function reply(
  following: Following,
  place: Place,
  broadcast: boolean,
  isWhole: boolean,
): Promise<Outcome> {
  const { client, message, delivery, context } = following
  const news = isWhole ? message : { text: message.text, blocks: [] }
  let posted: Posted
  try {
    posted = await post(client, place.channel, news, delivery.id, { ...place, broadcast })
  } catch (error) {
    const why = reasonIn(notRepliable, error, context)
    if (why === null) throw error
    return afresh(following, why)
  }
  const { reference, inThread } = posted
  return inThread
    ? { kind: 'sent', reference }
    : { kind: 'sent', reference, restarts: true, notes: [noteOf('is deleted')] }
}

async function afresh({ client, message, delivery }: Following, why: string): Promise<Outcome> {
  const { reference } = await post(client, delivery.target, message, delivery.id)
  return { kind: 'sent', reference, restarts: true, notes: [noteOf(why)] }
}

function noteOf(why: string): string {
  return `posted as a new message: the first message of the conversation ${why}`
}

function reasonIn(
  reasons: Readonly<Record<string, string>>,
  error: unknown,
  context: AttemptContext,
): string | null {
  const { name } = failedCall(error, context)
  return name !== null && Object.hasOwn(reasons, name) ? `${reasons[name]} (${name})` : null
}
