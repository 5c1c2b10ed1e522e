/** Fallbacks: a message that its receiver cannot get goes to another one, once. */

import { isSame, type NewDelivery, type Place, type Start } from '../routing/plan.ts'
import { type Delivery, type NextState, type State, unresolvedStates } from './delivery.ts'
import type { Destination } from './destination.ts'

/** The receiver that gets the messages of another one. */
export interface Fallback {
  readonly receiver: string
  readonly destinations: readonly Destination[]
}

/**
 * The deliveries to add when another one becomes parked or dead. None if that is a fallback itself: a message that can be
 * delivered nowhere must not be passed on and on.
 */
export function fallbackDeliveries(
  fallback: Fallback | null,
  delivery: Pick<Delivery, 'id' | 'route' | 'receiver' | 'template' | 'standsInFor'>,
  { state, reason }: NextState,
  newId: () => string,
): readonly NewDelivery[] {
  const isUnresolved = unresolvedStates.some((one) => one === state)
  if (fallback === null || delivery.standsInFor !== null || !isUnresolved) return []
  const { id, route, receiver, template } = delivery
  return fallback.destinations.map((destination) => ({
    id: newId(),
    route,
    receiver: fallback.receiver,
    destination,
    template,
    conversation: null,
    group: null,
    standsInFor: { delivery: id, receiver, reason: reason ?? state },
    start: { kind: 'pending' },
  }))
}

type Sibling = Pick<Delivery, 'route' | 'state' | 'standsInFor'> & { readonly destination: Place }

const NOT_SENT: ReadonlySet<State> = new Set(['skipped', 'cancelled'])

/**
 * The state in which a fallback starts: a destination gets only one delivery of a plan. Null if the fallback was added before,
 * when the same delivery failed for the first time.
 */
export function startOfFallback(
  { destination, standsInFor }: Pick<NewDelivery, 'destination' | 'standsInFor'>,
  siblings: readonly Sibling[],
): Start | null {
  const there = siblings.filter((sibling) => isSame(sibling.destination, destination))
  if (there.some((sibling) => sibling.standsInFor?.delivery === standsInFor?.delivery)) return null
  const sent = there.find(({ state }) => !NOT_SENT.has(state))
  if (sent === undefined) return { kind: 'pending' }
  return { kind: 'skipped', reason: `already sent by route ${sent.route}` }
}
