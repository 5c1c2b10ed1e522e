import type { State } from '../../../src/core/delivery.ts'
import type { Claimed, ClaimRequest } from '../../../src/store/store.ts'

export interface ModelDelivery {
  readonly id: string
  readonly channel: string
  readonly lane: string
  readonly createdAt: number
  state: State
  dueAt: number | null
  leasedAt: number | null
  attempts: number
  owedSince: number
}

// A lane belongs to one channel.
export const lanes = [
  { channel: 'slack', lane: 'one' },
  { channel: 'slack', lane: 'two' },
  { channel: 'slack', lane: 'three' },
  { channel: 'email', lane: 'mail' },
] as const

/** Checks a claim against its contract; where several deliveries were due at the same time, any of them is right. */
export function wrongWith(
  claimed: Claimed,
  before: readonly ModelDelivery[],
  request: ClaimRequest,
): string | null {
  const taken: ModelDelivery[] = []
  for (const { delivery: leased, interruptedAt, event } of claimed.leased) {
    const delivery = before.find(({ id }) => id === leased.id)
    if (delivery === undefined || delivery.dueAt === null || delivery.dueAt > request.now)
      return `${leased.id} was not due`
    if (taken.includes(delivery)) return `${leased.id} was taken twice`
    if (interruptedAt !== delivery.leasedAt) return `${leased.id} says interrupted ${interruptedAt}`
    if (leased.attempts !== delivery.attempts || leased.state !== 'sending')
      return `${leased.id} is not as it was`
    if (event.id !== leased.eventId || !leased.id.startsWith(event.id))
      return `${leased.id} has another's event`
    taken.push(delivery)
  }
  const due = taken.map(({ dueAt }) => dueAt ?? 0)
  if (due.some((dueAt, index) => dueAt < (due[index - 1] ?? 0))) return 'not the longest due first'

  return wrongWithRest(claimed, taken, before, request)
}

/** Checks what a claim left, and when it says the next of it is due. */
function wrongWithRest(
  claimed: Claimed,
  taken: readonly ModelDelivery[],
  before: readonly ModelDelivery[],
  request: ClaimRequest,
): string | null {
  const laneRoom = (lane: string) =>
    (request.limits.get(lane) ?? request.limit) - taken.filter((each) => each.lane === lane).length
  const channelRoom = (channel: string) =>
    (request.budgets.get(channel) ?? Infinity) - taken.filter((each) => each.channel === channel).length
  for (const { lane, channel } of lanes) {
    if (laneRoom(lane) < 0 || channelRoom(channel) < 0) return `too many of ${lane}`
  }
  let next: number | null = null
  for (const left of before) {
    if (left.dueAt === null || taken.includes(left)) continue
    const open =
      (request.limits.get(left.lane) ?? request.limit) > 0 && (request.budgets.get(left.channel) ?? 1) > 0
    if (open) next = Math.min(next ?? Infinity, left.dueAt)
    if (left.dueAt > request.now || !open) continue
    if (laneRoom(left.lane) > 0 && channelRoom(left.channel) > 0) return `${left.id} was left behind`
    const rivals = taken.filter((each) =>
      laneRoom(left.lane) > 0 ? each.channel === left.channel : each.lane === left.lane,
    )
    if (rivals.some(({ dueAt }) => (dueAt ?? 0) > (left.dueAt ?? 0))) return `${left.id} was due longer`
  }
  return claimed.nextDueAt === next ? null : `nextDueAt is not ${next}`
}
