/** What an event would do in the conversations of its lifecycle: for `explain` and `preview`. */
import type { CompiledConfig } from '../config/compiled.ts'
import type { Reference } from '../core/delivery/outcome.ts'
import type { Event, LifecycleView } from '../core/event.ts'
import {
  type Decision,
  decide,
  type Lifecycle,
  type SentMessage,
  stageOf,
} from '../core/lifecycle/lifecycle.ts'
import { lifecycleView } from '../core/lifecycle/timeline.ts'
import type { PlannedDelivery } from '../core/routing/plan.ts'
import { type ConversationRecord, StoreRefused } from '../store/store.ts'
import type { Context } from './context.ts'
import { withStore } from './with-store.ts'

export interface Conversations {
  /** What templates see; null if the event is not a stage of a lifecycle. */
  readonly view: LifecycleView | null
  /** A remark that says why an event with the type of a stage is not one; empty if it is one, or if its type is in no lifecycle. */
  readonly remark: string
  /** Null if the delivery belongs to no conversation. */
  readonly decisionOf: (delivery: PlannedDelivery | null) => Decision | null
}

/** Reads from the store what was sent so far, if the event is a stage; without a store, that is nothing. */
export async function conversationsOf(
  context: Context,
  compiled: CompiledConfig,
  event: Event,
  deliveries: readonly PlannedDelivery[],
): Promise<Conversations> {
  const { lifecycles, followUp } = compiled
  const stage = stageOf(lifecycles, event)
  const lifecycle = lifecycles.find(({ name }) => name === stage?.lifecycle)
  if (stage === null || lifecycle === undefined)
    return { view: null, remark: withoutKey(lifecycles, event), decisionOf: () => null }
  const names = deliveries.flatMap(({ conversation }) => conversation ?? [])
  const records = new Map<string, ConversationRecord>()
  try {
    await withStore(context, async (store) => {
      // One more for the stages that have arrived, if nothing is sent.
      for (const name of [...names, '']) records.set(name, await store.conversation(event.id, stage, name))
    })
  } catch (error) {
    // Earlier versions had no conversations.
    const hasNone = error instanceof StoreRefused && ['missing', 'older_schema'].includes(error.reason)
    if (!hasNone) throw error
  }
  return {
    view: lifecycleView(lifecycle, event, records.get('')?.events ?? []),
    remark: '',
    decisionOf(delivery) {
      if (delivery === null || delivery.conversation === null) return null
      const sent: readonly SentMessage[] = records.get(delivery.conversation)?.sent ?? []
      const wanted = followUp(delivery.receiver, delivery.destination.channel)
      return decide({ lifecycle, event, sent, followUp: wanted })
    },
  }
}

function withoutKey(lifecycles: readonly Lifecycle[], { type, source }: Event): string {
  const lifecycle = lifecycles.find(({ stages }) => stages.includes(type))
  if (lifecycle === undefined) return ''
  const { name, key } = lifecycle
  const where = key === null ? `where \`subject\` of the source ${source} points` : `at ${key}, its \`key\``
  return `It is in no conversation of the lifecycle ${name}: there is no id ${where}.`
}

/** What the message does, such as `it edits https://…`; empty if it only begins a conversation, or belongs to none. */
export function inWords(decision: Decision | null): string {
  if (decision === null) return ''
  if (decision.kind === 'skip') return `skipped: ${decision.reason}`
  if (decision.follows === null) {
    return decision.step.how === 'first' ? 'begins a conversation' : 'a message of its own'
  }
  const { how, first, broadcast } = decision.follows
  const where = nameOf(first)
  const shown = broadcast ? ', shown in the channel as well' : ''
  switch (how) {
    case 'reply':
      return `replies to ${where}${shown}`
    case 'update':
      return `edits ${where}`
    case 'update_and_reply':
      return `edits ${where}, and replies to it${shown}`
  }
}

function nameOf(reference: Reference): string {
  return reference.permalink ?? Object.values(reference).join(' ')
}

/** The same for --json. */
export function decisionJson(decision: Decision | null) {
  if (decision === null) return null
  if (decision.kind === 'skip') return { how: 'skip', reason: decision.reason }
  const { step, follows } = decision
  return { how: step.how, ...(follows && { broadcast: follows.broadcast, first: follows.first }) }
}
