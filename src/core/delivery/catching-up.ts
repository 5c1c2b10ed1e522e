/** How many messages go to a destination at once: one, which keeps their order, unless too many wait. */
import { type DestinationState, isBroken, type RateLimit } from './destination.ts'

/**
 * Messages to a destination go out one by one, which keeps their order. When more than this many wait for it, several
 * are sent at once, and may overtake each other.
 */
export const IN_ORDER_UP_TO = 100
// Messages a second. A slower destination waits for its rate limit, not for answers, so its messages stay in order.
const ALWAYS_IN_ORDER_RATE = 2

const inOrder = { catchingUp: false, nothingLeft: false } as const

/** Attempts at a destination that are in flight: those of the instance that claims, and those of others. */
export interface InFlight {
  readonly own: number
  readonly elsewhere: number
}

/**
 * How many more attempts may begin. `perDestination`: the limit of each instance while the destination catches up. The limit is not
 * shared between instances: what a channel allows depends on what its own instance uses.
 */
export function roomFor(
  state: DestinationState,
  perDestination: number,
  { own, elsewhere }: InFlight,
): number {
  if (state.catchingUp && !isBroken(state)) return perDestination - own
  return Math.min(1, perDestination) - own - elsewhere
}

/**
 * The state before messages are claimed. `inFlight`: attempts; `isMuch`: whether more is due than is sent in order. A claim that left
 * nothing does not mean that a destination has caught up: while it answers, just as many new messages may arrive.
 */
export function beforeClaim(
  state: DestinationState,
  { rate }: RateLimit,
  inFlight: number,
  isMuch: () => boolean,
): DestinationState {
  const now = state.nothingLeft && inFlight === 0 ? { ...state, ...inOrder } : state
  const starts = !now.catchingUp && rate > ALWAYS_IN_ORDER_RATE && isMuch()
  return starts ? { ...now, catchingUp: true } : now
}

/** The state after messages were claimed. `inFlight` includes the attempts at those; `isLeft`: something that is due was not claimed. */
export function afterClaim(state: DestinationState, inFlight: number, isLeft: boolean): DestinationState {
  if (!state.catchingUp) return state
  if (!isLeft && inFlight <= 1) return { ...state, ...inOrder }
  return state.nothingLeft === !isLeft ? state : { ...state, nothingLeft: !isLeft }
}
