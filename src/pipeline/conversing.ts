/** What a leased delivery does in its conversation, decided when its attempt begins: what was sent before is known then. */

import type { Outcome } from '../core/delivery/outcome.ts'
import type { LifecycleView } from '../core/event.ts'
import {
  type Decision,
  decide,
  type FollowUp,
  type Lifecycle,
  type Step,
} from '../core/lifecycle/lifecycle.ts'
import { lifecycleView } from '../core/lifecycle/timeline.ts'
import type { Leased } from '../store/store.ts'

export interface ConversingSettings {
  readonly lifecycles: readonly Lifecycle[]
  /** What later stages do at a receiver's destinations of a channel. */
  readonly followUp: (receiver: string, channel: string) => FollowUp
}

export interface Conversing {
  readonly decision: Decision
  readonly view: LifecycleView
}

/** Null where it stands alone: also where its lifecycle has left the configuration. */
export function conversing(
  { lifecycles, followUp }: ConversingSettings,
  { delivery, event, conversation }: Leased,
): Conversing | null {
  const lifecycle = lifecycles.find(({ name }) => name === conversation?.lifecycle)
  if (conversation === null || lifecycle?.stages.includes(event.type) !== true) return null
  const wanted = followUp(delivery.receiver, delivery.destination.channel)
  return {
    decision: decide({ lifecycle, event, sent: conversation.sent, followUp: wanted }),
    view: lifecycleView(lifecycle, event, conversation.events),
  }
}

/** What is recorded of a message that was sent in a conversation. */
export function stepOf(conversing: Conversing | null, outcome: Outcome): Step | null {
  if (outcome.kind !== 'sent' || conversing?.decision.kind !== 'send') return null
  const { step } = conversing.decision
  return outcome.restarts === true ? { ...step, how: 'restarted' } : step
}
