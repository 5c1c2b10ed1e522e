/** How a mail continues a conversation, so that mail programs show it beneath the earlier ones. */
import type { Follows, MessageRef } from '../../../channel.ts'
import type { ThreadHeaders } from './mime.ts'

export interface Thread {
  /** Null if no earlier mail is known. */
  readonly headers: ThreadHeaders | null
  readonly subject: string
}

// The first, by which every mail of the conversation is found, and the latest: RFC 5322 allows the others to be left out.
const MOST_REFERENCES = 10
const MESSAGE_ID = /^<[^<>\s]{1,500}>$/

export function threadOf(subject: string, follows: Follows | null): Thread {
  const earlier = follows === null ? [] : [follows.first, ...follows.earlier]
  const ids = [...new Set(earlier.flatMap(messageIdIn))]
  const [first] = ids
  const latest = ids.at(-1)
  if (first === undefined || latest === undefined) return { headers: null, subject }
  const references = ids.length > MOST_REFERENCES ? [first, ...ids.slice(1 - MOST_REFERENCES)] : ids
  return { headers: { inReplyTo: latest, references }, subject: replySubject(subject, follows?.first) }
}

/**
 * Gmail and Outlook begin another conversation if the subject differs, whatever mail it refers to; they ignore only
 * the prefix of a reply. So what is new is in the preview text and the body.
 */
function replySubject(subject: string, first: MessageRef | undefined): string {
  const before = first?.subject
  if (before === undefined) return subject
  return /^re:/i.test(before) ? before : `Re: ${before}`
}

function messageIdIn({ message_id: id }: MessageRef): string[] {
  return id !== undefined && MESSAGE_ID.test(id) ? [id] : []
}
