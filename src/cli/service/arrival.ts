/** Follows an event's messages, for `send --wait`. */
import { type Delivery, finalStates, type State } from '../../core/delivery/delivery.ts'
import type { DeliveryRecord, EventRecord, Store } from '../../store/store.ts'
import { count, nameOf, reasonOf, stateStyles, when } from '../history/words.ts'
import { CommandError, colour, print, type Terminal } from '../terminal/terminal.ts'

export interface Arrival {
  readonly event: EventRecord
  readonly deliveries: readonly DeliveryRecord[]
  /** Every message was delivered or need not be, and a route, or else `unrouted`, took the event. */
  readonly arrived: boolean
  /** For a person. */
  readonly verdict: string
}

const POLL_MS = 100
const isFinal = ({ state }: Delivery) => (finalStates as readonly State[]).includes(state)
// A cancelled delivery was replaced by another one, which is checked itself.
const arrivedStates: readonly State[] = ['delivered', 'merged', 'skipped', 'cancelled']

/**
 * Follows the event until it is planned and all its deliveries are final, for at most `limitMs`. `report` is called with each delivery
 * that has changed.
 */
export async function followArrival(
  terminal: Terminal,
  store: Store,
  eventId: string,
  limitMs: number,
  report: (delivery: DeliveryRecord) => void,
): Promise<Arrival> {
  const reported = new Map<string, string>()
  const deadline = Date.now() + limitMs
  for (;;) {
    const event = await store.event(eventId)
    if (event === null)
      throw new CommandError(
        `the service stored the event as ${eventId}, but the store of this configuration does not have it: run this on the service's machine, with its configuration`,
      )
    const deliveries = event.plans.flatMap((plan) => plan.deliveries)
    for (const delivery of deliveries) {
      const now = `${delivery.state} ${delivery.reason}`
      if (reported.get(delivery.id) !== now) report(delivery)
      reported.set(delivery.id, now)
    }
    if (!event.enriching && deliveries.every(isFinal)) return ended(terminal, event, deliveries, null)
    // What is held beyond the limit need not be waited for.
    const isWaiting = deliveries.some((one) => !isFinal(one) && !isHeldUntil(one, deadline))
    if (Date.now() >= deadline || (!event.enriching && !isWaiting))
      return ended(terminal, event, deliveries, limitMs)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

function isHeldUntil({ state, dueAt }: Delivery, time: number): boolean {
  return state === 'held' && dueAt !== null && dueAt > time
}

/** `limitMs`: the time limit that was reached; null if everything has ended. */
function ended(
  { command }: Terminal,
  event: EventRecord,
  deliveries: readonly DeliveryRecord[],
  limitMs: number | null,
): Arrival {
  const found = { event, deliveries }
  const show = `"${command} events show ${event.id}"`
  if (event.enriching && limitMs !== null) {
    const verdict = `the event was not enriched within ${limitMs / 1_000} s, so no message is planned yet: ${show} shows why`
    return { ...found, arrived: false, verdict }
  }
  const missing = deliveries.filter(({ state }) => !arrivedStates.includes(state)).length
  const last = event.plans.at(-1)
  if (last?.unrouted === true && last.deliveries.length === 0) {
    const verdict = `no route takes it: "${command} explain ${event.id}" shows why`
    return { ...found, arrived: false, verdict }
  }
  const all = count(deliveries.length, 'message')
  if (deliveries.length > 0 && deliveries.every(({ state }) => state === 'skipped'))
    return { ...found, arrived: true, verdict: `nothing was sent: ${all} skipped` }
  if (missing === 0) {
    const note = last?.unrouted === true ? '; no route takes it, so unrouted.receivers got it' : ''
    return { ...found, arrived: true, verdict: `arrived: ${all}${note}` }
  }
  const held = deliveries.filter((one) => isHeldUntil(one, Date.now()))
  if (held.length === missing) {
    const latest = Math.max(...held.map(({ dueAt }) => dueAt ?? 0))
    const verdict = `${missing} of ${all} held, until ${when(latest)} at the latest`
    return { ...found, arrived: false, verdict }
  }
  const after = limitMs === null ? 'did not arrive' : `not arrived within ${limitMs / 1_000} s`
  const verdict = `${missing} of ${all} ${after}: ${show} shows every attempt`
  return { ...found, arrived: false, verdict }
}

export function printDelivery(
  terminal: Terminal,
  delivery: Pick<Delivery, 'destination' | 'state' | 'reason' | 'dueAt'>,
): void {
  const { destination, state } = delivery
  const reason = reasonOf(delivery)
  const words = reason === '' ? '' : `: ${reason}`
  print(terminal, `${nameOf(destination)}  ${colour(terminal, stateStyles[state], state)}${words}`)
}
