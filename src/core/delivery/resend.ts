/** Decides where a resent delivery goes: to the destination that its receiver has now. */

import { isSame } from '../routing/plan.ts'
import { type Delivery, type State, unresolvedStates } from './delivery.ts'
import type { Destination } from './destination.ts'

export type Resend =
  /** Its receiver still has its destination. */
  | { readonly kind: 'requeue' }
  /** Its receiver has another destination instead. */
  | { readonly kind: 'redirect'; readonly destination: Destination }
  /** Its receiver has no destination left for it. */
  | { readonly kind: 'gone'; readonly reason: string; readonly hint: string }
  /** It is skipped, merged or cancelled: another delivery is sent in its place. */
  | { readonly kind: 'replaced' }

/** Where each receiver's messages go now. */
export type Destinations = ReadonlyMap<string, readonly Destination[]>

const replacedStates: readonly State[] = ['skipped', 'merged', 'cancelled']
const unresolved: readonly State[] = unresolvedStates

/** Whether it goes to the destination that it was planned for; if so, the rest of its plan is not needed. */
export function isCurrent({ state, receiver, destination }: Delivery, destinations: Destinations): boolean {
  return !replacedStates.includes(state) && isAmong(destination, destinations.get(receiver) ?? [])
}

/**
 * Decides for those deliveries of one plan that are `wanted`. An orphan is a delivery to a destination that its
 * receiver no longer has. The k-th orphan of a receiver and channel gets the k-th destination, in the order of the
 * configuration, that no delivery of the plan goes to. If there are fewer of those than orphans, what is parked or
 * dead comes first, then what is wanted. No two deliveries of the plan get the same destination.
 */
export function resend(
  plan: readonly Delivery[],
  wanted: ReadonlySet<string>,
  destinations: Destinations,
): ReadonlyMap<string, Resend> {
  const decisions = new Map<string, Resend>()
  const taken = plan.filter(({ state }) => state !== 'cancelled').map(({ destination }) => destination)
  const groups = Map.groupBy(plan, ({ receiver, destination }) =>
    JSON.stringify([receiver, destination.channel]),
  )
  for (const group of groups.values()) {
    const found = newDestinations(group, wanted, taken, destinations)
    for (const delivery of group) {
      if (!wanted.has(delivery.id)) continue
      const decision = decide(delivery, found.get(delivery.id), destinations)
      if (decision.kind === 'redirect') taken.push(decision.destination)
      decisions.set(delivery.id, decision)
    }
  }
  return decisions
}

function decide(
  delivery: Delivery,
  replacement: Destination | undefined,
  destinations: Destinations,
): Resend {
  const { state, receiver, destination } = delivery
  if (replacedStates.includes(state)) return { kind: 'replaced' }
  if (isCurrent(delivery, destinations)) return { kind: 'requeue' }
  if (replacement !== undefined) return { kind: 'redirect', destination: replacement }
  const present = destinations.get(receiver)
  const elsewhere = 'dismiss it, or replay the event'
  if (present === undefined)
    return { kind: 'gone', reason: `there is no receiver ${receiver} any more`, hint: elsewhere }
  const { channel, target } = destination
  if (!present.some((other) => other.channel === channel))
    return { kind: 'gone', reason: `receiver ${receiver} does not use ${channel} any more`, hint: elsewhere }
  const reason = `receiver ${receiver} does not send to ${target} any more, and no other destination is left for it`
  return { kind: 'gone', reason, hint: 'dismiss it' }
}

/** Which destination each orphan of a receiver and channel gets. Those that are not wanted stay where they are. */
function newDestinations(
  group: readonly Delivery[],
  wanted: ReadonlySet<string>,
  taken: readonly Destination[],
  destinations: Destinations,
): ReadonlyMap<string, Destination> {
  const orphans = group.filter(
    (delivery) => !replacedStates.includes(delivery.state) && !isCurrent(delivery, destinations),
  )
  const [first] = orphans
  if (first === undefined) return new Map()
  const free = (destinations.get(first.receiver) ?? []).filter(
    (candidate) => candidate.channel === first.destination.channel && !isAmong(candidate, taken),
  )
  const rank = ({ id, state }: Delivery) => (unresolved.includes(state) ? 0 : wanted.has(id) ? 1 : 2)
  const inOrder =
    orphans.length <= free.length ? orphans : orphans.toSorted((one, other) => rank(one) - rank(other))
  return new Map(
    free.flatMap((destination, index) => (inOrder[index] ? [[inOrder[index].id, destination]] : [])),
  )
}

function isAmong(destination: Destination, others: readonly Destination[]): boolean {
  return others.some((other) => isSame(destination, other))
}
