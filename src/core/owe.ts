import type { Delivery } from './delivery.ts'
import type { Routing } from './route.ts'

/** One place that a receiver's messages go to. */
export type ReceiverTarget = Pick<Delivery, 'channel' | 'target' | 'lane'>

/** A delivery before it is stored. With `skipped`, the reason, it is recorded but never attempted. */
export type OwedDelivery = Pick<
  Delivery,
  'route' | 'receiver' | 'channel' | 'target' | 'lane' | 'template'
> & {
  readonly skipped?: string
}

/**
 * The deliveries that an event owes, in the order of its routes. A target that two routes or receivers share gets
 * one message. Throws for a receiver without an entry in `targets`: the configuration was checked for that.
 */
export function owe(
  routing: Routing,
  targets: ReadonlyMap<string, readonly ReceiverTarget[]>,
): OwedDelivery[] {
  const owed: OwedDelivery[] = []
  for (const { route, receivers, template } of routing.matches) {
    for (const receiver of receivers) {
      const places = targets.get(receiver)
      if (places === undefined)
        throw new Error(`route ${route} names a receiver without targets: ${receiver}`)
      for (const { channel, target, lane } of places) {
        const delivery = { route, receiver, channel, target, lane, template }
        const earlier = owed.find((other) => other.channel === channel && other.target === target)
        owed.push(
          earlier === undefined
            ? delivery
            : { ...delivery, skipped: `already owed by route ${earlier.route}` },
        )
      }
    }
  }
  return owed
}
