/** The states that deliveries are given, and the lists of states that queries ask for. */
import { finalStates, type NextState, type State } from '../../core/delivery/delivery.ts'
import type { Start } from '../../core/routing/plan.ts'

/** What a replay cancels; what is being sent, once its attempt has ended. */
export const replaceableStates = [
  'pending',
  'held',
  'retrying',
  'ambiguous',
  'parked',
  'dead',
] as const satisfies readonly State[]

/** What is not made due again: a delivery that is skipped, merged or cancelled is sent as another one. */
export const notRequeued = ['sending', 'skipped', 'merged', 'cancelled'] as const satisfies readonly State[]

const final: ReadonlySet<State> = new Set(finalStates)

export function isFinal({ state }: Pick<NextState, 'state'>): boolean {
  return final.has(state)
}

/** The reason of a delivery that is held for an earlier one of its conversation. */
export const BEHIND = 'waits for an earlier message of its conversation'

export const UNREADABLE =
  "the stored event, or an attempt, cannot be read; check the disk, and look at the event's body"

/**
 * Until when a conversation is quiet: the time until which the next of its unfinished deliveries is held; `BUSY` where one of them is
 * to be sent now.
 */
export type QuietUntil = number

export const BUSY: QuietUntil = 0

/** What is held for a time does not keep those waiting that may be sent before. */
export function waitsFor(quietUntil: QuietUntil | undefined, start: Start): boolean {
  return quietUntil !== undefined && start.kind !== 'skipped' && startsAt(start) >= quietUntil
}

/** Whether a delivery goes ahead of those of its conversation that are held for a time. */
export function overtakes(quietUntil: QuietUntil | undefined, start: Start): boolean {
  return quietUntil !== undefined && startsAt(start) < quietUntil
}

/** Until when its conversation is quiet with it. */
export function quietUntilWith(quietUntil: QuietUntil | undefined, start: Start): QuietUntil {
  return Math.min(quietUntil ?? Number.POSITIVE_INFINITY, startsAt(start))
}

function startsAt(start: Start): number {
  if (start.kind === 'skipped') return Number.POSITIVE_INFINITY
  return start.kind === 'held' ? start.until : BUSY
}

export interface Beginning extends NextState {
  readonly heldUntil: number | null
  readonly retryingSince: number
}

/** `waits`: for an earlier delivery of its conversation. */
export function beginning(start: Start, waits: boolean, at: number): Beginning {
  if (start.kind === 'skipped')
    return { state: 'skipped', reason: start.reason, dueAt: null, heldUntil: null, retryingSince: at }
  const heldUntil = start.kind === 'held' ? start.until : null
  const retryingSince = Math.max(at, heldUntil ?? at)
  if (waits) return { state: 'held', reason: BEHIND, dueAt: null, heldUntil, retryingSince }
  return start.kind === 'held'
    ? { state: 'held', reason: start.reason, dueAt: start.until, heldUntil, retryingSince }
    : { state: 'pending', reason: null, dueAt: at, heldUntil, retryingSince }
}

/** When its turn in its conversation has come. */
export function released(heldUntil: number | null, now: number): NextState {
  return heldUntil !== null && heldUntil > now
    ? { state: 'held', reason: 'its route is muted', dueAt: heldUntil }
    : { state: 'pending', reason: null, dueAt: now }
}

/** When a person asks for another attempt. */
export function requeued(waits: boolean, now: number): NextState {
  return waits
    ? { state: 'held', reason: BEHIND, dueAt: null }
    : { state: 'pending', reason: null, dueAt: now }
}

export function replacedBy(plan: number): string {
  return `replaced by plan ${plan}`
}

/** The event was replayed during the attempt: if it did not deliver, the delivery is cancelled in favour of the new plan. */
export function afterReplay(next: NextState, plan: number | null): NextState {
  if (plan === null || next.state === 'delivered') return next
  return { state: 'cancelled', dueAt: null, reason: replacedBy(plan) }
}
