/** Posts the message of one attempt, unless a look-up shows that an earlier attempt without an answer has posted it. */
import type { WebClient } from '@slack/web-api'
import type { Unanswered } from '../../../core/delivery/delivery.ts'
import type { Outcome } from '../../../core/delivery/outcome.ts'
import type { Addressed } from '../../channel.ts'
import type { SlackMessage } from '../message.ts'
import type { LookedUp, LookUps } from './look-up.ts'
import type { AttemptContext } from './outcome.ts'
import { post, referenceOf, type Thread } from './posting.ts'

const ARRIVED = 'an earlier attempt had arrived: found in Slack by its metadata, and not sent again'
// A message can be read soon after it was posted; Slack does not document how soon.
const READABLE_AFTER_MS = 1_000
const PARENT_GONE = 'posted as a new message: the first message of the conversation is deleted'

export class Poster {
  readonly client: WebClient
  readonly delivery: Addressed
  readonly context: AttemptContext
  readonly #lookUps: LookUps
  readonly #now: () => number
  #looked: LookedUp | null = null

  constructor(
    client: WebClient,
    delivery: Addressed,
    context: AttemptContext,
    lookUps: LookUps,
    now: () => number,
  ) {
    this.client = client
    this.delivery = delivery
    this.context = context
    this.#lookUps = lookUps
    this.#now = now
  }

  /** Throws what WebClient throws. */
  async post(message: SlackMessage, thread: Thread | null): Promise<Outcome> {
    const ended = await this.#beforePosting()
    if (ended !== null) return ended
    const { id, target } = this.delivery
    const { reference, inThread } = await post(this.client, target, message, id, thread)
    if (thread !== null && inThread) return { kind: 'sent', reference }
    this.#lookUps.posted(target, reference)
    return thread === null
      ? { kind: 'sent', reference }
      : { kind: 'sent', reference, restarts: true, notes: [PARENT_GONE] }
  }

  /** The outcome of the attempt, with the result of the look-up. */
  withRemarks(outcome: Outcome): Outcome {
    const looked = this.#looked
    if (looked === null) return outcome
    const { notes = [] } = outcome
    const remark =
      looked.kind === 'not_allowed' || looked.kind === 'incomplete'
        ? [`cannot look up whether an earlier attempt arrived: ${looked.why}`]
        : []
    return {
      ...outcome,
      ...(notes.length + remark.length > 0 && { notes: [...notes, ...remark] }),
      lookUp: looked.kind,
    }
  }

  /** The outcome if nothing is posted; null if the message is to be posted. */
  async #beforePosting(): Promise<Outcome | null> {
    const { unanswered, follows } = this.delivery
    if (unanswered === null || this.#looked !== null) return null
    const looked = await this.#lookUps.find(this.delivery, unanswered, this.context)
    const settlesIn = this.#settlesIn(unanswered)
    if (looked.kind === 'absent' && settlesIn > 0) return notYet(settlesIn)
    this.#looked = looked
    switch (looked.kind) {
      case 'found': {
        const reference = referenceOf(looked.place, looked.threadTs)
        const isFirst = follows !== null && looked.threadTs === null
        return { kind: 'sent', reference, ...(isFirst && { restarts: true }), notes: [ARRIVED] }
      }
      case 'failed':
        return looked.outcome
      case 'absent':
        return null
      default:
        return unanswered.mayResend ? null : unknown(looked.why)
    }
  }

  /** Milliseconds until a message that is not in Slack will not appear there any more. */
  #settlesIn({ latest, underWay }: Unanswered): number {
    const from = (at: number, wait: number) => Math.min(wait, at + wait - this.#now())
    const carriedOut = underWay === null ? 0 : from(underWay, 2 * this.context.timeout)
    return Math.max(carriedOut, from(latest, READABLE_AFTER_MS))
  }
}

function notYet(after: number): Outcome {
  const reason = 'not in Slack yet: looked up once more before it is sent again'
  return { kind: 'retry', reason, after, counts: false }
}

function unknown(why: string): Outcome {
  const reason = `ambiguous: earlier attempts ended without an answer, and whether one arrived cannot be looked up (${why})`
  return {
    kind: 'park',
    reason: `${reason}; look whether the message is there, then dismiss it, or resend it`,
  }
}
