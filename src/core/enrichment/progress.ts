/** How far the enrichment of an event has come, which step is asked next, and when it is asked again: the whole policy. */
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
  /** The step that was asked and is to be asked again. */
  readonly current: Tried | null
}

export interface StepResult extends Tried {
  readonly result: 'fetched' | 'failed'
  /** Milliseconds since the epoch. */
  readonly endedAt: number
  /** The fields that were fetched, without their values. */
  readonly fields: readonly string[]
  /** 401 or 403 where it was refused with that, and a person must act. */
  readonly status: 401 | 403 | null
}

export interface Tried {
  readonly step: string
  /** 0 where it waits for its first. */
  readonly tries: number
  /** When it was its turn first; milliseconds since the epoch. */
  readonly since: number
  /** The milliseconds of all pauses between its tries: clocks may be set. */
  readonly paused: number
  /** Why the last try that fetched nothing did not; null where each did. */
  readonly reason: string | null
}

export type Next =
  | { readonly kind: 'ask'; readonly step: Step; readonly request: StepRequest }
  /** Nothing is left to be fetched: the event can be planned. */
  | { readonly kind: 'done' }

export const notBegun: Progress = { enriched: {}, steps: [], current: null }

/** The first step that matches the event and has not ended. A step of which the configuration has no more is left out. */
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
  /** When the event was received; within a step's `within` since then it is asked again. */
  readonly receivedAt: number
  /** When this try began, and when it ended. */
  readonly startedAt: number
  readonly now: number
  /** In [0, 1). */
  readonly random: number
}

export interface AfterTry {
  readonly progress: Progress
  /** When the step is to be asked again; null where it has ended. */
  readonly againAt: number | null
}

const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000

/**
 * A step is asked again until its time is over, the last time at its very end, and at least once: also after a downtime in
 * which that time passed. It has failed at once where another try is of no use, or is asked for too late.
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
 * How long a step's request may wait for its turn, in milliseconds: until the step's time is over, which begins anew with the
 * process for one that was never asked; and at least as long as one request, for the one in front.
 */
export function patience(step: Step, progress: Progress, times: Waiting): number {
  return Math.max(step.timeout, leftFor(step, progress, times))
}

/** After a wait in vain: the step is tried again in `afterMs`, or has ended where that is too late, or null. */
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

/** Milliseconds of a step's time. Clocks may be set: the pauses count as well. */
function leftFor({ name, within }: Step, { current }: Progress, times: Waiting): number {
  const before = current?.step === name ? current : null
  const isNew = before === null || before.tries === 0
  const since = isNew ? Math.max(times.receivedAt, times.workingSince) : times.receivedAt
  return Math.max(0, Math.min(since + within - times.now, within - (before?.paused ?? 0)))
}

/** A step that cannot be asked, for a reason in the event. */
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

/** Milliseconds until the next try; null where none is in time. `after`: what the answer asked for; `left`: of the step's time. */
function pauseOf(tries: number, after: number | null, left: number, random: number): number | null {
  if (left <= 0 || (after ?? 0) > left) return null
  const limit = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries - 1, 20))
  return Math.min(Math.max(after ?? 0, Math.round(limit * (0.5 + random / 2))), left)
}
