/** Makes the request of each step once for one event, for `explain --fetch` and `doctor`. */
import type { Answer, Verdict } from '../core/enrichment/answer.ts'
import { afterTry, nextStep, notAsked, notBegun, type Progress } from '../core/enrichment/progress.ts'
import type { Step } from '../core/enrichment/step.ts'
import type { Event } from '../core/event.ts'
import { isObject, type Json, type JsonObject } from '../core/json/json.ts'
import { type EnrichClientDeps, type Later, openEnrichClient } from './client.ts'

export interface AskedStep {
  readonly step: Step
  readonly verdict: Verdict
  /** Null if no request was made. */
  readonly answer: Answer | null
  readonly durationMs: number
}

export interface AskedAll {
  readonly steps: readonly AskedStep[]
  readonly enriched: JsonObject
}

/** The request of a step that is not ready is not repeated. */
export async function askAll(
  steps: readonly Step[],
  event: Event,
  deps: EnrichClientDeps,
): Promise<AskedAll> {
  const client = openEnrichClient(steps, deps)
  const asked: AskedStep[] = []
  let progress: Progress = notBegun
  try {
    for (
      let next = nextStep(steps, event, progress);
      next.kind === 'ask';
      next = nextStep(steps, event, progress)
    ) {
      const { step, request } = next
      if (!request.ok) {
        const verdict = { kind: 'failed', reason: request.reason, status: null } as const
        asked.push({ step, verdict, answer: null, durationMs: 0 })
        progress = notAsked(step, progress, request.reason, 0)
        continue
      }
      const tried = await client.ask(step, request, step.timeout)
      const { verdict, answer, durationMs } = tried.kind === 'asked' ? tried : notNow(tried)
      asked.push({ step, verdict, answer, durationMs })
      // No time is left, so there is no second try.
      progress = afterTry({ ...step, within: 0 }, progress, verdict, ONCE).progress
    }
  } finally {
    await client.close()
  }
  return { steps: asked, enriched: progress.enriched }
}

/** An earlier step caused a pause of the host, by Retry-After. */
function notNow({ reason }: Later): Omit<AskedStep, 'step'> {
  return { verdict: { kind: 'failed', reason, status: null }, answer: null, durationMs: 0 }
}

const ONCE = { receivedAt: 0, startedAt: 0, now: 0, random: 0 }

/** Each value of an answer with its JSON pointer (RFC 6901), ready for `pick`. */
export function pointersOf(value: Json, pointer = ''): readonly (readonly [pointer: string, value: Json])[] {
  const entries: readonly (readonly [string, Json])[] = isObject(value)
    ? Object.entries(value)
    : Array.isArray(value)
      ? value.map((item: Json, index) => [String(index), item] as const)
      : []
  if (entries.length === 0) return [[pointer, value]]
  return entries.flatMap(([key, item]) =>
    pointersOf(item, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`),
  )
}
