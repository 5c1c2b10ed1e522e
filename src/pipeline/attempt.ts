/** One attempt at a leased delivery: renders the message and sends it. What becomes of the delivery then is decided elsewhere. */
import type { OpenChannel } from '../channels/channel.ts'
import type { Policy } from '../core/delivery/delivery.ts'
import type { Outcome } from '../core/delivery/outcome.ts'
import type { Step } from '../core/lifecycle/lifecycle.ts'
import { type RenderDeps, render } from '../core/template/render.ts'
import { describeThrown } from '../core/text/thrown.ts'
import type { Leased, Queue } from '../store/store.ts'
import { type Conversing, type ConversingSettings, conversing, stepOf } from './conversing.ts'
import type { AttemptTimes } from './fact.ts'
import type { StopSignal } from './stop-signal.ts'

export interface AttemptDeps {
  readonly store: Pick<Queue, 'isLeftToOthers'>
  readonly now: () => number
  /** Milliseconds with fractions since any moment, for measuring. */
  readonly clock: () => number
}

/** The part of a configuration that an attempt needs. */
export interface AttemptSettings extends RenderDeps, ConversingSettings {
  readonly channels: ReadonlyMap<string, OpenChannel<unknown>>
  /** The names of all templates. */
  readonly templates: ReadonlySet<string>
  readonly policy: Policy
}

export interface Attempted {
  readonly outcome: Outcome
  readonly notes: readonly string[]
  readonly template: string | null
  /** Whether the attempt reached out to the destination, so that its outcome counts for the health. */
  readonly reached: boolean
  readonly times: Omit<AttemptTimes, 'recorded'> | null
  /** What the message did in its conversation, if it was sent in one. */
  readonly step?: Step
  /** This process did not send it: it is due again after so long, even if `delivery.retry_for` is over. */
  readonly postponedMs?: number
}

/** Its conversation went on without it. */
export interface Skipped {
  readonly skipped: string
}

const cutShort: Outcome = {
  kind: 'ambiguous',
  reason: 'the service stopped before the destination answered; the message may or may not have gone out',
}

// Each time is an attempt in the history.
const LEFT_FOR_MS = 2_000

// What a suspended process records if another one may have taken over.
const SUSPENDED = 'the service was suspended until its lease of this delivery ended; nothing was sent'
const STOPPING = 'the service was stopping when it claimed this delivery; nothing was sent'

/** Never rejects: what is thrown before anything was sent is a bug, and recorded as one, since the lease would run out again and again. */
export async function attempt(
  deps: AttemptDeps,
  settings: AttemptSettings,
  leased: Leased,
  stopped: StopSignal,
): Promise<Attempted | Skipped> {
  try {
    return leftToOthers(deps, leased, await renderAndSend(deps, settings, leased, stopped))
  } catch (error) {
    return notSent(`unexpected error before sending: ${describeThrown(error)}`, [], null)
  }
}

async function renderAndSend(
  { now, clock, store }: AttemptDeps,
  settings: AttemptSettings,
  leased: Leased,
  stopped: StopSignal,
): Promise<Attempted | Skipped> {
  const { delivery, event } = leased
  const began = clock()
  const times = (rendered: number | null) => ({ began, rendered, ended: clock() })
  const { channel: name } = delivery.destination
  const channel = settings.channels.get(name)
  if (channel === undefined) {
    const reason = `channels.${name} is not configured any more; add it and resend, or dismiss the delivery`
    return unconfigured(reason, times(null))
  }
  const { template: wanted } = delivery
  const isUnknown = wanted !== null && !settings.templates.has(wanted)
  const lacked = isUnknown ? [`there is no template ${wanted}`] : []
  if (isUnknown && store.isLeftToOthers(delivery.retryingSince)) return left(lacked.join(), times(null))
  const part = conversing(settings, leased)
  if (part?.decision.kind === 'skip') return { skipped: part.decision.reason }
  const lifecycle = part?.view ?? null
  const rendered = render(settings, event, { ...delivery, channel: name, lifecycle })
  const renderedAt = clock()
  const notes = [...lacked, ...rendered.notes]
  if (!rendered.ok) return notSent(rendered.reason, notes, times(renderedAt))
  const { template } = rendered
  const wasSuspended = delivery.dueAt !== null && now() >= delivery.dueAt
  if (wasSuspended || stopped.isAnnounced) {
    const reason = wasSuspended ? SUSPENDED : STOPPING
    const outcome: Outcome = { kind: 'retry', reason }
    return { outcome, notes, template, reached: false, times: times(renderedAt), postponedMs: 0 }
  }
  const sent = await send(channel, rendered.message, part, { leased, settings, stopped })
  return { ...sent, notes: [...notes, ...sent.notes], template, times: times(renderedAt) }
}

async function send(
  channel: OpenChannel<unknown>,
  message: unknown,
  part: Conversing | null,
  {
    leased,
    settings,
    stopped,
  }: { readonly leased: Leased; readonly settings: AttemptSettings; readonly stopped: StopSignal },
): Promise<Pick<Attempted, 'outcome' | 'notes' | 'reached' | 'step'>> {
  const { id, receiver, destination, ambiguousAttempts } = leased.delivery
  const { channel: name, target } = destination
  try {
    const mayResend = ambiguousAttempts <= settings.policy.ambiguousResends
    const unanswered = leased.unanswered && { ...leased.unanswered, mayResend }
    const follows = part?.decision.kind === 'send' ? part.decision.follows : null
    const sending = channel.send(message, { id, receiver, target, follows, unanswered })
    const ended = await stopped.unless(sending, cutShort)
    const { notes = [], ...outcome } = ended
    const reached = ended !== cutShort && (ended.kind !== 'retry' || ended.counts !== false)
    const step = stepOf(part, outcome)
    return { outcome, notes, reached, ...(step !== null && { step }) }
  } catch (error) {
    // A channel returns an outcome. If it throws, that is a bug, and whether the message was sent is unknown.
    const reason = `unexpected error in channel ${name}: ${error instanceof Error ? error.name : 'unknown'}`
    return { outcome: { kind: 'ambiguous', reason }, notes: [], reached: false }
  }
}

/** While a configuration is replaced, another instance may have what this one lacks. */
function leftToOthers(
  { store }: AttemptDeps,
  { delivery }: Leased,
  attempted: Attempted | Skipped,
): Attempted | Skipped {
  if ('skipped' in attempted || attempted.outcome.kind !== 'park' || !attempted.outcome.unconfigured)
    return attempted
  const { unconfigured: _, ...outcome } = attempted.outcome
  const isLeft = store.isLeftToOthers(delivery.retryingSince)
  return isLeft ? left(outcome.reason, attempted.times) : { ...attempted, outcome }
}

function left(lacked: string, times: Attempted['times']): Attempted {
  const reason = `left to another instance, which has another configuration: ${lacked}`
  return { ...notSent(reason, [], times), outcome: { kind: 'retry', reason }, postponedMs: LEFT_FOR_MS }
}

function unconfigured(reason: string, times: Attempted['times']): Attempted {
  return { ...notSent(reason, [], times), outcome: { kind: 'park', reason, unconfigured: true } }
}

function notSent(reason: string, notes: readonly string[], times: Attempted['times']): Attempted {
  return { outcome: { kind: 'park', reason }, notes, template: null, reached: false, times }
}
