/** What waits at destinations, and their state. */
import type { Destination, DestinationState } from '../../core/delivery/destination.ts'
import type { ChannelBacklog, DestinationRecord } from '../store.ts'
import { type BacklogState, backlogStates } from '../upkeep.ts'

export type RateRow = {
  readonly id: number
  readonly channel: string
  readonly key: string
  /** A DestinationState as JSON; null before the first claim. */
  readonly state: string | null
}

const MOST_KEPT = 1_000
// Most are read many times between changes: with every claim and every attempt.
const kept = new Map<string, DestinationState>()

export function destinationStateOf({ state }: Pick<RateRow, 'state'>): DestinationState | null {
  if (state === null) return null
  const before = kept.get(state)
  if (before !== undefined) return before
  // Versions before this one did not write these.
  const read: DestinationState = { catchingUp: false, nothingLeft: false, ...JSON.parse(state) }
  if (kept.size >= MOST_KEPT) kept.clear()
  kept.set(state, read)
  return read
}

export function noBacklog(): Record<BacklogState, number> {
  return { pending: 0, held: 0, sending: 0, retrying: 0, ambiguous: 0, parked: 0, dead: 0 }
}

export function hasBacklog({ counts }: Pick<ChannelBacklog, 'counts'>): boolean {
  return backlogStates.some((state) => counts[state] > 0)
}

export function destinationRecord(
  { channel, target }: Omit<Destination, 'rateKey'>,
  rate: RateRow | undefined,
  counts: ChannelBacklog['counts'],
  firstDueAt: number | null,
): DestinationRecord {
  return {
    destination: { channel, target, rateKey: rate?.key ?? '' },
    state: rate === undefined ? null : destinationStateOf(rate),
    waiting: counts.pending + counts.held + counts.retrying + counts.ambiguous,
    sending: counts.sending,
    parked: counts.parked,
    dead: counts.dead,
    firstDueAt,
  }
}
