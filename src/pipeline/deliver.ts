import type { OpenChannel } from '../channels/channel.ts'
import {
  ambiguousAfter,
  type Delivery,
  type NextState,
  nextState,
  type Policy,
} from '../core/delivery/delivery.ts'
import { type Fallback, fallbackDeliveries } from '../core/delivery/fallback.ts'
import type { Outcome } from '../core/delivery/outcome.ts'
import type { Step } from '../core/lifecycle/lifecycle.ts'
import { type RenderDeps, render } from '../core/template/render.ts'
import { describeThrown } from '../core/thrown.ts'
import { type Leased, type Queue, StoreUnavailable } from '../store/store.ts'
import { type ConversingSettings, conversing, stepOf } from './conversing.ts'
import type { AttemptTimes, Observe } from './fact.ts'
import type { StopSignal } from './stop-signal.ts'

export interface DeliverDeps {
  readonly store: Pick<Queue, 'complete' | 'skip'>
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
export interface DeliverSettings extends RenderDeps, ConversingSettings {
  readonly channels: ReadonlyMap<string, OpenChannel<unknown>>
  readonly policy: Policy
  /** By receiver. */
  readonly fallbacks: ReadonlyMap<string, Fallback>
}

interface Attempted {
  readonly outcome: Outcome
  readonly notes: readonly string[]
  readonly template: string | null
  /** Whether the attempt reached out to the destination, so that its outcome counts for the health. */
  readonly reached: boolean
  readonly times: Omit<AttemptTimes, 'recorded'> | null
  /** What the message did in its conversation, if it was sent in one. */
  readonly step?: Step
  /** This process did not get to it: it is due again at once, even if `delivery.retry_for` is over. */
  readonly postponed?: true
}

/** Its conversation went on without it. */
interface Skipped {
  readonly skipped: string
}

/**
 * Makes one attempt at a leased delivery and records it. Resolves with how the attempt ended; null where none was made.
 * `recording` is called with true once the store is asked to record it, so that a claim can share that commit, and with false if the
 * store did not.
 */
export type Deliver = (
  leased: Leased,
  stopped: StopSignal,
  recording?: (isAsked: boolean) => void,
) => Promise<Outcome | null>

const COMPLETE_AGAIN_AFTER_MS = 500

const endUnknown: Outcome = {
  kind: 'ambiguous',
  reason: 'the service ended during this attempt; the message may or may not have gone out',
}
const cutShort: Outcome = {
  kind: 'ambiguous',
  reason: 'the service stopped before the destination answered; the message may or may not have gone out',
}

// What a suspended process records if another one may have taken over.
const SUSPENDED = 'the service was suspended until its lease of this delivery ended; nothing was sent'
const STOPPING = 'the service was stopping when it claimed this delivery; nothing was sent'

/** A bug, before anything was sent: recorded as one, since the lease would run out again and again. */
function notAttempted(error: unknown): Attempted {
  return notSent(`unexpected error before sending: ${describeThrown(error)}`, [], null)
}

function notSent(reason: string, notes: readonly string[], times: Attempted['times']): Attempted {
  return { outcome: { kind: 'park', reason }, notes, template: null, reached: false, times }
}

export function createDeliver(deps: DeliverDeps): Deliver {
  return async (leased, stopped, recording = () => {}) => {
    const settings = deps.settings()
    const interrupted = leased.interruptedAt !== null
    const startedAt = leased.interruptedAt ?? deps.now()
    const attempted: Attempted | Skipped = interrupted
      ? { outcome: endUnknown, notes: [], template: null, reached: false, times: null }
      : await attempt(settings, leased, stopped).catch(notAttempted)
    if ('skipped' in attempted) {
      await skip(leased.delivery, attempted.skipped, stopped, recording)
      return null
    }
    const { outcome, notes, template, reached, times, step, postponed } = attempted
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
      postponed && outcome.kind === 'retry'
        ? { state: 'retrying', dueAt: endedAt, reason: outcome.reason }
        : nextState(counted, outcome, { ...settings.policy, canLookUp }, endedAt, deps.random())
    const made = { deliveryId: delivery.id, number, startedAt, durationMs, outcome, notes }
    const done = { ...made, ...(step && { step }) }
    const fallback = settings.fallbacks.get(delivery.receiver) ?? null
    const fallbacks = fallbackDeliveries(fallback, delivery, next, deps.newId)
    const stored = await recorded(delivery, stopped, recording, () =>
      deps.store.complete(done, next, reached, fallbacks),
    )
    if (stored === null) return outcome
    const ended = times && { ...times, recorded: deps.clock() }
    const fact = { delivery, outcome, next: stored, durationMs, notes, template, startedAt, times: ended }
    deps.observe({ kind: 'attempted', ...fact, ...(step && { step }) })
    return outcome
  }

  async function attempt(
    settings: DeliverSettings,
    leased: Leased,
    stopped: StopSignal,
  ): Promise<Attempted | Skipped> {
    const { delivery, event } = leased
    const began = deps.clock()
    const times = (rendered: number | null) => ({ began, rendered, ended: deps.clock() })
    const { channel: name, target } = delivery.destination
    const channel = settings.channels.get(name)
    if (channel === undefined) {
      const reason = `channels.${name} is not configured any more; add it and resend, or dismiss the delivery`
      return notSent(reason, [], times(null))
    }
    const part = conversing(settings, leased)
    if (part?.decision.kind === 'skip') return { skipped: part.decision.reason }
    const lifecycle = part?.view ?? null
    const rendered = render(settings, event, { ...delivery, channel: name, lifecycle })
    const renderedAt = deps.clock()
    const { notes } = rendered
    if (!rendered.ok) return notSent(rendered.reason, notes, times(renderedAt))
    const { template } = rendered
    const wasSuspended = delivery.dueAt !== null && deps.now() >= delivery.dueAt
    if (wasSuspended || stopped.isAnnounced) {
      const reason = wasSuspended ? SUSPENDED : STOPPING
      const outcome: Outcome = { kind: 'retry', reason }
      return { outcome, notes, template, reached: false, times: times(renderedAt), postponed: true }
    }
    try {
      const { id, receiver } = delivery
      const mayResend = delivery.ambiguousAttempts <= settings.policy.ambiguousResends
      const unanswered = leased.unanswered && { ...leased.unanswered, mayResend }
      const follows = part?.decision.follows ?? null
      const sending = channel.send(rendered.message, { id, receiver, target, follows, unanswered })
      const ended = await stopped.unless(sending, cutShort)
      const { notes: remarks = [], ...outcome } = ended
      const reached = ended !== cutShort && (ended.kind !== 'retry' || ended.counts !== false)
      const step = stepOf(part, outcome)
      return {
        outcome,
        notes: [...notes, ...remarks],
        template,
        reached,
        times: times(renderedAt),
        ...(step !== null && { step }),
      }
    } catch (error) {
      // A channel returns an outcome. If it throws, that is a bug, and whether the message was sent is unknown.
      const reason = `unexpected error in channel ${name}: ${error instanceof Error ? error.name : 'unknown'}`
      return {
        outcome: { kind: 'ambiguous', reason },
        notes,
        template,
        reached: false,
        times: times(renderedAt),
      }
    }
  }

  async function skip(
    delivery: Delivery,
    reason: string,
    stopped: StopSignal,
    recording: (isAsked: boolean) => void,
  ): Promise<void> {
    const done = await recorded(delivery, stopped, recording, () =>
      deps.store.skip(delivery, reason, deps.now()),
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
