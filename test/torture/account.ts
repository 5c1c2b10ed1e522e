/**
 * The account of every acknowledged event: what its sender was told, what the store recorded, and what the destinations got must
 * explain each other. Pure, so that a test can show that it finds what it is there for.
 */

/** One event, as its sender and the configurations have it. */
export interface Expected {
  /** The id that the acknowledgement named. */
  readonly acknowledged: string
  /** Where it goes by each configuration that can have been in effect when it was planned. */
  readonly alternatives: readonly (readonly string[])[]
}

export interface StoredAttempt {
  /** Milliseconds since the epoch, by the clock of the service. */
  readonly startedAt: number
  readonly kind: string
  readonly reason?: string
  readonly lookUp?: string
}

export interface StoredDelivery {
  readonly id: string
  readonly target: string
  readonly state: string
  readonly reason: string | null
  readonly attempts: readonly StoredAttempt[]
}

export interface StoredEvent {
  readonly id: string
  readonly messageId: string
  readonly deliveries: readonly StoredDelivery[]
}

export interface Arrival {
  readonly target: string
  /** The id of its delivery. */
  readonly delivery: string
  /** Its number among all that arrived. */
  readonly place: number
  /** Milliseconds since the epoch, by the real clock; up to a fraction of a second late. */
  readonly at: number
}

/** `places`: when the first message of each of its events arrived, as its number among all that arrived. */
export interface Conversation {
  readonly subject: string
  readonly places: readonly (number | undefined)[]
}

export const findingKinds = [
  /** Acknowledged, and not in the store. */
  'lost',
  /** In the store by another id than the acknowledged one, or a second time. */
  'other_id',
  /** In the store, and never sent. */
  'invented',
  /** Its deliveries are those of no configuration that was in effect. */
  'misrouted',
  /** A delivery that has not come to an end. */
  'unfinished',
  /** Recorded as delivered, and it never arrived. */
  'not_arrived',
  /** Given up, for a reason that no fault explains. */
  'given_up',
  /** It arrived more often than the attempts explain that may have delivered it. */
  'unrecorded_duplicate',
  /** It arrived more often than `delivery.ambiguous_resends` allows. */
  'too_many',
  /** It arrived where none of its deliveries goes, or as a delivery that the store does not have. */
  'stray',
  'wrong_order',
] as const
export type FindingKind = (typeof findingKinds)[number]

export interface Finding {
  readonly kind: FindingKind
  /** Begins with the message id of its event. */
  readonly detail: string
}

/** How one stored event came out. `expected` is undefined where no such message was sent. */
export function checkEvent(
  event: StoredEvent,
  expected: Expected | undefined,
  arrivals: readonly Arrival[],
  ambiguousResends: number,
): readonly Finding[] {
  const named = (kind: FindingKind, what: string): Finding => ({
    kind,
    detail: `${event.messageId}: ${what}`,
  })
  if (expected === undefined) return [named('invented', `${event.id} was never sent`)]
  const findings: Finding[] = []
  if (expected.acknowledged !== event.id)
    findings.push(named('other_id', `stored as ${event.id}, acknowledged as ${expected.acknowledged}`))
  const targets = event.deliveries.map(({ target }) => target)
  if (!expected.alternatives.some((alternative) => isSameSet(alternative, targets))) {
    const wanted = expected.alternatives.map((alternative) => alternative.join(' and ')).join(', or ')
    findings.push(named('misrouted', `to ${targets.join(' and ') || 'nowhere'}, expected ${wanted}`))
  }
  for (const delivery of event.deliveries) {
    const arrived = arrivals.filter(
      ({ target, delivery: id }) => target === delivery.target && id === delivery.id,
    )
    const problem = checkDelivery(delivery, arrived.length, ambiguousResends)
    if (problem !== null) findings.push(named(problem.kind, `${delivery.id}: ${problem.detail}`))
  }
  const isPlanned = ({ target, delivery }: Arrival) =>
    event.deliveries.some((planned) => planned.id === delivery && planned.target === target)
  for (const stray of arrivals.filter((arrival) => !isPlanned(arrival)))
    findings.push(named('stray', `${stray.target} got ${stray.delivery}`))
  return findings
}

function checkDelivery(
  { state, reason, attempts }: StoredDelivery,
  arrived: number,
  ambiguousResends: number,
): Finding | null {
  const sent = attempts.filter(({ kind }) => kind === 'sent')
  const posted = sent.filter(({ lookUp }) => lookUp !== 'found').length
  const unanswered = attempts.filter(({ kind }) => kind === 'ambiguous').length
  const counts = `${arrived} arrived, ${posted} sent and answered, ${unanswered} without an answer`
  const isGivenUp = state === 'parked' && (reason ?? '').startsWith('ambiguous:')
  if (state === 'delivered') {
    if (sent.length === 0 || arrived === 0) return { kind: 'not_arrived', detail: counts }
  } else if (isGivenUp && unanswered > ambiguousResends) {
    if (sent.length > 0) return { kind: 'given_up', detail: `parked though it was sent: ${counts}` }
  } else if (state === 'parked' || state === 'dead') {
    return { kind: 'given_up', detail: `${state}: ${reason}; ${counts}` }
  } else return { kind: 'unfinished', detail: `${state}: ${reason}; ${counts}` }
  if (arrived > posted + unanswered) return { kind: 'unrecorded_duplicate', detail: counts }
  if (arrived > 1 + ambiguousResends) return { kind: 'too_many', detail: counts }
  return null
}

/** Events that were acknowledged and are not stored, or are stored more than once. */
export function checkStored(
  acknowledged: Iterable<string>,
  stored: Pick<ReadonlyMap<string, number>, 'get'>,
): readonly Finding[] {
  const findings: Finding[] = []
  for (const messageId of acknowledged) {
    const times = stored.get(messageId) ?? 0
    if (times === 0) findings.push({ kind: 'lost', detail: `${messageId} is not in the store` })
    if (times > 1) findings.push({ kind: 'other_id', detail: `${messageId} is ${times} events` })
  }
  return findings
}

/** Messages of a conversation that arrived before the one that they follow. What never arrived is found elsewhere. */
export function checkOrder(conversations: Iterable<Conversation>): readonly Finding[] {
  const findings: Finding[] = []
  for (const { subject, places } of conversations) {
    const arrived = places.filter((place) => place !== undefined)
    const isInOrder = arrived.every((place, index) => index === 0 || place > (arrived[index - 1] ?? 0))
    if (!isInOrder) findings.push({ kind: 'wrong_order', detail: `${subject}: ${arrived.join(', ')}` })
  }
  return findings
}

function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  return (
    one.length === other.length && new Set(one).size === one.length && one.every((x) => other.includes(x))
  )
}
