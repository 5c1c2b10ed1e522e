/** How far the enrichment of an event has come, which step is next, and when it is tried again: the whole policy. */
import { type Event, viewOf } from '../event.ts'
import type { JsonObject } from '../json/json.ts'
import { matches } from '../match/evaluate.ts'
import type { Verdict } from './answer.ts'
import type { Step, StepRequest } from './step.ts'

export interface Progress {
  /** What was fetched so far, by step. */
  readonly enriched: JsonObject
  /** The steps that have ended. */
  readonly steps: readonly StepResult[]
  /** The step whose request was made and will be repeated. */
  readonly current: Tried | null
}

export interface StepResult extends Tried {
  readonly result: 'fetched' | 'failed'
  /** Milliseconds since the epoch. */
  readonly endedAt: number
  /** The fields that were fetched, without their values. */
  readonly fields: readonly string[]
  /** 401 or 403 if the request was refused with it, so that a person must act. */
  readonly status: 401 | 403 | null
}

export interface Tried {
  readonly step: string
  /** 0 while it waits for the first one. */
  readonly tries: number
  /** When its turn came first; milliseconds since the epoch. */
  readonly since: number
  /** The sum of all pauses between its tries, in milliseconds: a clock may be changed in between. */
  readonly paused: number
  /** Why the last try that fetched nothing failed; null if each try fetched something. */
  readonly reason: string | null
}

export type Next =
  | { readonly kind: 'ask'; readonly step: Step; readonly request: StepRequest }
  /** Nothing is left to be fetched: the event can be planned. */
  | { readonly kind: 'done' }

export const notBegun: Progress = { enriched: {}, steps: [], current: null }

/** The first step that matches the event and has not ended. A step that is no longer in the configuration is left out. */
export function nextStep(steps: readonly Step[], event: Event, progress: Progress): Next {
  const view = viewOf({ ...event, enriched: progress.enriched })
  const step = steps.find(
    ({ name, match }) =>
      !progress.steps.some((ended) => ended.step === name) && (match === undefined || matches(match, view)),
  )
  return step === undefined ? { kind: 'done' } : { kind: 'ask', step, request: step.requestFor(view) }
}

export function needsEnrichment(steps: readonly Step[], event: Event): boolean {
  return steps.length > 0 && nextStep(steps, event, notBegun).kind === 'ask'
}

export interface Times {
  /** When the event was received; the request is repeated for a step's `within` since then. */
  readonly receivedAt: number
  /** When this try began, and when it ended. */
  readonly startedAt: number
  readonly now: number
  /** In [0, 1). */
  readonly random: number
}

export interface AfterTry {
  readonly progress: Progress
  /** When the step is tried again; null if it has ended. */
  readonly againAt: number | null
}

const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000

/**
 * A step is tried again until its time is over, the last time at its very end. It is tried at least once, even after a downtime in
 * which that time passed. It fails at once if another try is useless, or would be too late.
 */
export function afterTry(step: Step, progress: Progress, verdict: Verdict, times: Times): AfterTry {
  const before = progress.current?.step === step.name ? progress.current : null
  const tried: Tried = {
    step: step.name,
    tries: (before?.tries ?? 0) + 1,
    since: before?.since ?? times.startedAt,
    paused: before?.paused ?? 0,
    reason: verdict.kind === 'picked' ? (before?.reason ?? null) : verdict.reason,
  }
  if (verdict.kind === 'again') {
    const left = Math.min(times.receivedAt + step.within - times.now, step.within - tried.paused)
    const pause = pauseOf(tried.tries, verdict.after, left, times.random)
    if (pause !== null) {
      const current = { ...tried, paused: tried.paused + pause }
      return { progress: { ...progress, current }, againAt: times.now + pause }
    }
  }
  return { progress: ended(progress, tried, verdict, times.now), againAt: null }
}

/** When an event that waits for its turn was received, and since when this process works on it. */
export interface Waiting {
  readonly receivedAt: number
  readonly workingSince: number
  readonly now: number
}

/**
 * How long a step's request may wait for its turn, in milliseconds: until the step's time is over (for one that was never tried, that
 * time starts again with the process), and at least as long as one request, so that the one before it can end.
 */
export function patience(step: Step, progress: Progress, times: Waiting): number {
  return Math.max(step.timeout, leftFor(step, progress, times))
}

/** After it did not get a turn: the step is tried again in `afterMs`, or has ended if that is too late or null. */
export function afterWait(
  step: Step,
  progress: Progress,
  { afterMs, reason }: { readonly afterMs: number | null; readonly reason: string },
  times: Waiting,
): AfterTry {
  const { now } = times
  const before = progress.current?.step === step.name ? progress.current : null
  const waited = before ?? { step: step.name, tries: 0, since: now, paused: 0, reason: null }
  const left = leftFor(step, progress, times)
  if (afterMs === null || afterMs > left) {
    const last = { ...waited, reason }
    return { progress: ended(progress, last, { kind: 'failed', reason, status: null }, now), againAt: null }
  }
  const current = { ...waited, paused: waited.paused + afterMs, reason }
  return { progress: { ...progress, current }, againAt: now + afterMs }
}

/** The milliseconds of a step's time that have passed. The pauses count as well, because a clock may be changed. */
function leftFor({ name, within }: Step, { current }: Progress, times: Waiting): number {
  const before = current?.step === name ? current : null
  const isNew = before === null || before.tries === 0
  const since = isNew ? Math.max(times.receivedAt, times.workingSince) : times.receivedAt
  return Math.max(0, Math.min(since + within - times.now, within - (before?.paused ?? 0)))
}

/** A step whose request cannot be made, for a reason in the event. */
export function notAsked({ name }: Step, progress: Progress, reason: string, now: number): Progress {
  const tried = { step: name, tries: 0, since: now, paused: 0, reason }
  return ended(progress, tried, { kind: 'failed', reason, status: null }, now)
}

function ended({ enriched, steps }: Progress, tried: Tried, verdict: Verdict, now: number): Progress {
  const isPicked = verdict.kind === 'picked'
  const result: StepResult = {
    ...tried,
    result: isPicked ? 'fetched' : 'failed',
    endedAt: now,
    fields: isPicked ? verdict.fields : [],
    status: verdict.kind === 'failed' ? verdict.status : null,
  }
  return {
    enriched: isPicked ? { ...enriched, [tried.step]: verdict.value } : enriched,
    steps: [...steps, result],
    current: null,
  }
}

/**
 * Milliseconds until the next try; null if it would be too late. `after`: what the answer asked for; `left`: what is left of the
 * step's time.
 */
function pauseOf(tries: number, after: number | null, left: number, random: number): number | null {
  if (left <= 0 || (after ?? 0) > left) return null
  const limit = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries - 1, 20))
  return Math.min(Math.max(after ?? 0, Math.round(limit * (0.5 + random / 2))), left)
}
