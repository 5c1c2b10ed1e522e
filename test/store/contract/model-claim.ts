import type { State } from '../../../src/core/delivery.ts'
import type { Claimed, ClaimRequest } from '../../../src/store/store.ts'

export interface ModelDelivery {
  readonly id: string
  readonly channel: string
  readonly rateKey: string
  readonly createdAt: number
  state: State
  dueAt: number | null
  leasedAt: number | null
  attempts: number
  owedSince: number
}

// A rateKey belongs to one channel.
export const lanes = [
  { channel: 'slack', rateKey: 'one' },
  { channel: 'slack', rateKey: 'two' },
  { channel: 'slack', rateKey: 'three' },
  { channel: 'email', rateKey: 'mail' },
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
  const laneRoom = (rateKey: string) =>
    (request.limits.get(rateKey) ?? request.limit) - taken.filter((each) => each.rateKey === rateKey).length
  const channelRoom = (channel: string) =>
    (request.budgets.get(channel) ?? Infinity) - taken.filter((each) => each.channel === channel).length
  for (const { rateKey, channel } of lanes) {
    if (laneRoom(rateKey) < 0 || channelRoom(channel) < 0) return `too many of ${rateKey}`
  }
  let next: number | null = null
  for (const left of before) {
    if (left.dueAt === null || taken.includes(left)) continue
    const open =
      (request.limits.get(left.rateKey) ?? request.limit) > 0 && (request.budgets.get(left.channel) ?? 1) > 0
    if (open) next = Math.min(next ?? Infinity, left.dueAt)
    if (left.dueAt > request.now || !open) continue
    if (laneRoom(left.rateKey) > 0 && channelRoom(left.channel) > 0) return `${left.id} was left behind`
    const rivals = taken.filter((each) =>
      laneRoom(left.rateKey) > 0 ? each.channel === left.channel : each.rateKey === left.rateKey,
    )
    if (rivals.some(({ dueAt }) => (dueAt ?? 0) > (left.dueAt ?? 0))) return `${left.id} was due longer`
  }
  return claimed.nextDueAt === next ? null : `nextDueAt is not ${next}`
}
