/** Sends a later message of a conversation: a reply in the thread of the first one, an edit of it, or both. */
import type { Outcome } from '../../../core/delivery/outcome.ts'
import type { Follows } from '../../channel.ts'
import type { SlackMessage } from '../message.ts'
import { type AttemptContext, failedCall, fromException } from './outcome.ts'
import type { Poster } from './poster.ts'
import { edit, type Place, placeIn, referenceOf } from './posting.ts'

/** Why the first message cannot be edited, by the name of Slack's error. */
const notEditable: Readonly<Record<string, string>> = {
  message_not_found: 'is deleted',
  channel_not_found: 'is in a channel that is gone',
  cant_update_message: 'was posted by another app',
  edit_window_closed: 'is too old to be edited in this workspace',
  block_mismatch: 'has blocks of another kind',
  // Slack accepts less text in an edit than in a new message.
  msg_too_long: 'cannot take so much text in an edit',
}

/** The same for a reply. */
const notRepliable: Readonly<Record<string, string>> = {
  message_not_found: 'is deleted',
  thread_not_found: 'is deleted',
  channel_not_found: 'is in a channel that is gone',
  cannot_reply_to_message: 'takes no replies',
  restricted_action_non_threadable_channel: 'is in a channel that does not accept replies',
  restricted_action_thread_locked: 'has a thread that an administrator has locked',
}

const NOT_IDENTIFIED = 'cannot be found: Slack did not say where it is'

/** Throws what WebClient throws if nothing was posted, or if that is unknown. */
export async function follow(
  poster: Poster,
  message: SlackMessage,
  { how, broadcast, first }: Follows,
): Promise<Outcome> {
  const place = placeIn(first)
  if (place === null) return restart(poster, message, NOT_IDENTIFIED)
  if (how !== 'reply') {
    const edited = await editFirst(poster, message, place)
    if (typeof edited === 'string') return restart(poster, message, edited)
    if (edited !== null) return edited
    if (how === 'update') return { kind: 'sent', reference: referenceOf(place, null) }
  }
  // After an edit, the reply only says what is new: the first message contains the rest.
  const reply = how === 'reply' ? message : { text: message.text, blocks: [] }
  try {
    return await poster.post(reply, { ...place, broadcast })
  } catch (error) {
    const why = reasonIn(notRepliable, error, poster.context)
    if (why === null) throw error
    return restart(poster, message, why)
  }
}

/** Null if it was edited; else why it cannot be, or how the attempt ended. */
async function editFirst(
  { client, context }: Poster,
  message: SlackMessage,
  place: Place,
): Promise<Outcome | string | null> {
  try {
    await edit(client, place, message)
    return null
  } catch (error) {
    const why = reasonIn(notEditable, error, context)
    if (why !== null) return why
    const outcome = fromException(error, context)
    if (outcome.kind !== 'ambiguous') return outcome
    // Nothing was posted yet, and repeating an edit does no harm.
    const { reason, after } = outcome
    return { kind: 'retry', reason, ...(after !== undefined && { after }) }
  }
}

async function restart(poster: Poster, message: SlackMessage, why: string): Promise<Outcome> {
  const outcome = await poster.post(message, null)
  if (outcome.kind !== 'sent') return outcome
  const note = `posted as a new message: the first message of the conversation ${why}`
  return { ...outcome, restarts: true, notes: [note, ...(outcome.notes ?? [])] }
}

function reasonIn(
  reasons: Readonly<Record<string, string>>,
  error: unknown,
  context: AttemptContext,
): string | null {
  const { name } = failedCall(error, context)
  return name !== null && Object.hasOwn(reasons, name) ? `${reasons[name]} (${name})` : null
}
