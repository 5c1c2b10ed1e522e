import type { State } from '../../../src/core/delivery/delivery.ts'
import type { Claimed, ClaimRequest } from '../../../src/store/store.ts'

export interface ModelDelivery {
  readonly id: string
  readonly eventId: string
  readonly plan: number
  readonly channel: string
  readonly target: string
  readonly createdAt: number
  state: State
  dueAt: number | null
  leasedAt: number | null
  attempts: number
  retryingSince: number
  /** By a replay, while it was being sent. */
  replaced: boolean
}

export const destinations = [
  { channel: 'slack', target: 'one' },
  { channel: 'slack', target: 'two' },
  { channel: 'slack', target: 'three' },
  { channel: 'email', target: 'mail' },
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
    if (event.id !== leased.eventId || delivery.eventId !== event.id)
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
  const free = (channel: string) => request.channels.get(channel)?.free ?? 0
  const most = (channel: string) =>
    Math.min(request.channels.get(channel)?.perDestination ?? 0, Math.ceil(free(channel) / 2))
  const room = ({ channel, target }: { channel: string; target: string }) =>
    most(channel) - taken.filter((each) => each.channel === channel && each.target === target).length
  const channelRoom = (channel: string) =>
    free(channel) - taken.filter((each) => each.channel === channel).length
  for (const place of destinations) {
    if (room(place) < 0 || channelRoom(place.channel) < 0) return `too many of ${place.target}`
  }
  let next: number | null = null
  for (const left of before) {
    if (left.dueAt === null || taken.includes(left)) continue
    const open = most(left.channel) > 0
    if (open) next = Math.min(next ?? Infinity, left.dueAt)
    if (left.dueAt > request.now || !open) continue
    if (room(left) > 0 && channelRoom(left.channel) > 0) {
      // It became due after a claim that left something: the next one takes it.
      if (taken.length > 0 && claimed.nextDueAt !== null && claimed.nextDueAt <= left.dueAt) continue
      return `${left.id} was left behind`
    }
    const rivals = taken.filter((each) =>
      room(left) > 0 ? each.channel === left.channel : each.target === left.target,
    )
    if (rivals.some(({ dueAt }) => (dueAt ?? 0) > (left.dueAt ?? 0))) return `${left.id} was due longer`
  }
  return claimed.nextDueAt === next ? null : `nextDueAt is not ${next}`
}
