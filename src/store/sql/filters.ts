/** What the filters of lists want, beside what an index finds. */
import type { State } from '../../core/delivery/delivery.ts'
import type { DeliveryFilter, EventFilter } from '../store.ts'

/** What filters of events compare. */
export type EventCandidate = {
  readonly seq: number
  readonly time: number
  readonly source: string
  readonly type: string | null
  readonly subject: string | null
  readonly unrouted: number | null
}

export function isWantedEvent(
  row: EventCandidate,
  { type, source, subject, kind }: Omit<EventFilter, 'since' | 'until'>,
): boolean {
  if (type !== undefined && row.type !== type) return false
  if (source !== undefined && row.source !== source) return false
  if (subject !== undefined && row.subject !== subject) return false
  return kind === undefined || kind === kindName(row)
}

export function kindName({ type, unrouted }: Pick<EventCandidate, 'type' | 'unrouted'>): EventFilter['kind'] {
  if (type === null) return 'quarantined'
  return unrouted === 1 ? 'unrouted' : 'routed'
}

/** What filters of deliveries compare. */
export type DeliveryCandidate = {
  readonly seq: number
  readonly time: number
  readonly event: number
  readonly kind: number
  readonly destination: number
  readonly receiver: string
  readonly state: State
  readonly conversation: string | null
}

/** `kinds` and `destinations` are the ids of those that the filter wants. */
export function isWantedDelivery(
  row: DeliveryCandidate,
  { states, receiver, conversation, since = 0, until = Number.MAX_SAFE_INTEGER }: DeliveryFilter,
  kinds: ReadonlySet<number>,
  destinations: ReadonlySet<number>,
): boolean {
  return (
    (states === undefined || states.includes(row.state)) &&
    (receiver ?? row.receiver) === row.receiver &&
    (conversation ?? row.conversation) === row.conversation &&
    kinds.has(row.kind) &&
    destinations.has(row.destination) &&
    row.time >= since &&
    row.time < until
  )
}
