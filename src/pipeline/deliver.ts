import { ambiguousAfter, type Delivery, type NextState, nextState } from '../core/delivery/delivery.ts'
import { type Fallback, fallbackDeliveries } from '../core/delivery/fallback.ts'
import type { Outcome } from '../core/delivery/outcome.ts'
import { type Leased, type Queue, StoreUnavailable } from '../store/store.ts'
import { type Attempted, type AttemptSettings, attempt, type Skipped } from './attempt.ts'
import type { Observe } from './fact.ts'
import type { StopSignal } from './stop-signal.ts'

export interface DeliverDeps {
  readonly store: Pick<Queue, 'complete' | 'skip' | 'isLeftToOthers'>
  /** Read once for each attempt, which ends under the configuration that it began with. */
  readonly settings: () => DeliverSettings
  readonly now: () => number
  /** Milliseconds with fractions since any moment, for measuring. */
  readonly clock: () => number
  readonly random: () => number
  /** Gives a new delivery its id. */
  readonly newId: () => string
  readonly observe: Observe
  /** Resolves after so many milliseconds. */
  readonly pause: (ms: number) => Promise<void>
}

/** The part of a configuration that delivering needs. */
export interface DeliverSettings extends AttemptSettings {
  /** By receiver. */
  readonly fallbacks: ReadonlyMap<string, Fallback>
}

/**
 * Makes one attempt at a leased delivery and records it. Resolves with how the attempt ended; null where none was made.
 * `recording` is called with true once the store is asked to record it, so that a claim need not wait for that, and with false if the
 * store did not; with its outcome too.
 */
export type Deliver = (
  leased: Leased,
  stopped: StopSignal,
  recording?: (isAsked: boolean, outcome: Outcome | null) => void,
) => Promise<Outcome | null>

const COMPLETE_AGAIN_AFTER_MS = 500

const endUnknown: Outcome = {
  kind: 'ambiguous',
  reason: 'the service ended during this attempt; the message may or may not have gone out',
}

export function createDeliver(deps: DeliverDeps): Deliver {
  return async (leased, stopped, recording = () => {}) => {
    const settings = deps.settings()
    const interrupted = leased.interruptedAt !== null
    const startedAt = leased.interruptedAt ?? deps.now()
    const attempted: Attempted | Skipped = interrupted
      ? { outcome: endUnknown, notes: [], template: null, reached: false, times: null }
      : await attempt(deps, settings, leased, stopped)
    if ('skipped' in attempted) {
      await skip(leased.delivery, attempted.skipped, stopped, recording)
      return null
    }
    const { outcome, notes, template, reached, times, step, postponedMs } = attempted
    const endedAt = deps.now()
    // The clock may have been set back in between.
    const durationMs = interrupted ? 0 : Math.max(0, endedAt - startedAt)
    const { delivery } = leased
    const number = delivery.attempts + 1
    const ambiguousAttempts = ambiguousAfter(delivery.ambiguousAttempts, outcome)
    const counted = { ...delivery, attempts: number, ambiguousAttempts }
    const { channel, target } = delivery.destination
    const canLookUp = settings.channels.get(channel)?.canLookUp?.(target) ?? false
    const next: NextState =
      postponedMs !== undefined && outcome.kind === 'retry'
        ? { state: 'retrying', dueAt: endedAt + postponedMs, reason: outcome.reason }
        : nextState(counted, outcome, { ...settings.policy, canLookUp }, endedAt, deps.random())
    const made = { deliveryId: delivery.id, number, startedAt, durationMs, outcome, notes }
    const done = { ...made, ...(step && { step }) }
    const fallback = settings.fallbacks.get(delivery.receiver) ?? null
    const fallbacks = fallbackDeliveries(fallback, delivery, next, deps.newId)
    const stored = await recorded(
      delivery,
      stopped,
      (isAsked) => recording(isAsked, outcome),
      () => deps.store.complete(done, next, reached, fallbacks),
    )
    if (stored === null) return outcome
    const ended = times && { ...times, recorded: deps.clock() }
    const fact = { delivery, outcome, next: stored, durationMs, notes, template, startedAt, times: ended }
    deps.observe({ kind: 'attempted', ...fact, ...(step && { step }) })
    return outcome
  }

  async function skip(
    delivery: Delivery,
    reason: string,
    stopped: StopSignal,
    recording: (isAsked: boolean, outcome: Outcome | null) => void,
  ): Promise<void> {
    const done = await recorded(
      delivery,
      stopped,
      (isAsked) => recording(isAsked, null),
      () => deps.store.skip(delivery, reason, deps.now()),
    )
    if (done === true) deps.observe({ kind: 'skipped', delivery, reason })
  }

  /**
   * An attempt that was made must be recorded, or it would be made again: this waits until the store accepts it. Null if the lease
   * was lost, or if the service stops before: the next start then finds the lease of an attempt that did not end.
   */
  async function recorded<T>(
    delivery: Delivery,
    stopped: StopSignal,
    recording: (isAsked: boolean) => void,
    record: () => Promise<T>,
  ): Promise<T | null> {
    for (let last = false; ; ) {
      try {
        const done = record()
        recording(true)
        return await done
      } catch (error) {
        recording(false)
        if (!(error instanceof StoreUnavailable)) throw error
        deps.observe({ kind: 'store_failed', during: 'complete', message: error.message, delivery })
        if (last) return null
        last = await stopped.unless(
          deps.pause(COMPLETE_AGAIN_AFTER_MS).then(() => false),
          true,
        )
      }
    }
  }
}
