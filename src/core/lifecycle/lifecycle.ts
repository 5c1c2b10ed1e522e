/**
 * Lifecycles: the stages that a subject goes through. Events of one lifecycle and key are in rounds, and the messages of a round
 * to one destination are a conversation. This file decides what a message does in it.
 */
import type { Destination } from '../delivery/destination.ts'
import type { Reference } from '../delivery/outcome.ts'
import { type Event, idAt } from '../event.ts'

export interface Lifecycle {
  readonly name: string
  /** Event types, in their order. */
  readonly stages: readonly string[]
  /** A JSON pointer into the body; without it the key is the event's subject. */
  readonly key: string | null
}

/** The place of an event in its lifecycle. */
export interface Stage {
  readonly lifecycle: string
  readonly key: string
  readonly stage: string
  /** The first and the last stage of the lifecycle. */
  readonly first: string
  readonly last: string
}

/** Null if its type is not a stage, or if it has no key: its messages are then not part of a conversation. */
export function stageOf(
  lifecycles: readonly Lifecycle[],
  { type, subject, payload }: Pick<Event, 'type' | 'subject' | 'payload'>,
): Stage | null {
  const lifecycle = lifecycles.find(({ stages }) => stages.includes(type))
  if (lifecycle === undefined) return null
  const { name, stages, key: pointer } = lifecycle
  const key = pointer === null ? subject : idAt(payload, pointer)
  const [first, last] = [stages[0], stages.at(-1)]
  if (key === null || first === undefined || last === undefined) return null
  return { lifecycle: name, key, stage: type, first, last }
}

/** The last round of a key so far. */
export interface Round {
  readonly number: number
  /** Whether its first and its last stage have arrived. */
  readonly hasFirst: boolean
  readonly hasLast: boolean
}

/**
 * The round of an event that arrives now, counted from 1. The first stage begins a new round if the last round has both its first
 * and its last stage.
 */
export function roundOf(latest: Round | null, { stage, first }: Stage): number {
  if (latest === null) return 1
  const begins = stage === first && latest.hasFirst && latest.hasLast
  return begins ? latest.number + 1 : latest.number
}

/** Identifies the messages of all rounds of a key to one destination, which are sent one at a time: `analysis/0191e29a/slack/#deal-flow`. */
export function conversationOf({ lifecycle, key }: Stage, destination: Destination): string {
  return `${lifecycle}/${encodeURIComponent(key.toWellFormed())}/${placeOf(destination)}`
}

/** The conversation of the same key at another destination. */
export function conversationAt(conversation: string, destination: Destination): string {
  const [lifecycle, key] = conversation.split('/', 2)
  return `${lifecycle}/${key}/${placeOf(destination)}`
}

// No name of a lifecycle or a channel has a slash.
export function placeOf({ channel, target }: Destination): string {
  return `${channel}/${target}`
}

/** What a receiver wants a later stage to do. */
export interface FollowUp {
  readonly how: 'post' | 'reply' | 'update' | 'update_and_reply'
  /** Which replies are shown outside their thread as well. */
  readonly broadcast: 'last' | 'always' | 'never'
}

/** For a channel or a receiver without conversations. */
export const POST: FollowUp = { how: 'post', broadcast: 'never' }

/**
 * How a message continues a conversation. If its first message is gone or can no longer be changed, the channel sends
 * the message as a new first one, and says so: `restarts` of the outcome.
 */
export interface Follows {
  readonly how: 'reply' | 'update' | 'update_and_reply'
  /** A reply is shown outside its thread as well. */
  readonly broadcast: boolean
  readonly first: Reference
  /** The messages after the first that were sent, oldest first. */
  readonly earlier: readonly Reference[]
}

export const steps = [
  /** It begins the conversation. */
  'first',
  /** It replaced a first message that was gone. */
  'restarted',
  /** A message of its own. */
  'post',
  'reply',
  'update',
  'update_and_reply',
] as const

/** What a message that was sent did in its conversation. */
export interface Step {
  readonly how: (typeof steps)[number]
  /** Counted from 1 within the round and the destination. */
  readonly number: number
}

export interface SentMessage {
  readonly eventId: string
  readonly deliveryId: string
  readonly stage: string
  readonly sentAt: number
  readonly step: Step
  readonly reference: Reference
}

export type Decision =
  | { readonly kind: 'send'; readonly step: Step; readonly follows: Follows | null }
  | { readonly kind: 'skip'; readonly reason: string }

export interface Deciding {
  readonly lifecycle: Lifecycle
  readonly event: Pick<Event, 'id' | 'type'>
  /** What was sent in this round and to this destination, in any order. */
  readonly sent: readonly SentMessage[]
  readonly followUp: FollowUp
}

/**
 * What a message does in its conversation:
 * - nothing was sent: it is the first message;
 * - a later stage was sent: it is skipped, because it is outdated;
 * - its own event was sent (it is resent or replayed): it does the same again, and the first message is a new first message;
 * - otherwise it follows the first message, as the receiver wants.
 */
export function decide({ lifecycle, event, sent, followUp }: Deciding): Decision {
  const inOrder = sent.toSorted((one, other) => one.step.number - other.step.number)
  const number = (inOrder.at(-1)?.step.number ?? 0) + 1
  const begins = { kind: 'send', step: { how: 'first', number }, follows: null } as const
  const start = inOrder.findLastIndex(({ step: { how } }) => how === 'first' || how === 'restarted')
  const first = inOrder[start]
  if (first === undefined) return begins
  const rank = (stage: string) => lifecycle.stages.indexOf(stage)
  const later = inOrder.findLast(({ stage }) => rank(stage) > rank(event.type))
  if (!inOrder.some(({ eventId }) => eventId === event.id)) {
    if (later !== undefined) return { kind: 'skip', reason: `${later.stage} was sent before it came` }
  } else if (first.eventId === event.id) return begins
  const { how: wanted, broadcast } = followUp
  if (wanted === 'post') return { kind: 'send', step: { how: 'post', number }, follows: null }
  // If an old stage is sent again, it must not overwrite a later one.
  const how = later === undefined ? wanted : 'reply'
  const isLast = event.type === lifecycle.stages.at(-1)
  const earlier = inOrder
    .slice(start + 1)
    .map(({ reference }) => reference)
    .filter((reference) => !isSame(reference, first.reference))
  return {
    kind: 'send',
    step: { how, number },
    follows: {
      how,
      broadcast: broadcast === 'always' || (broadcast === 'last' && isLast),
      first: first.reference,
      earlier,
    },
  }
}

function isSame(one: Reference, other: Reference): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
