/** The steps of enrich that a person must look after: refused with 401 or 403, and reported once. */
import type { Verdict } from '../../core/enrichment/answer.ts'
import type { StepResult } from '../../core/enrichment/progress.ts'
import type { Step } from '../../core/enrichment/step.ts'
import type { History } from '../../store/store.ts'
import type { Fact, Observe } from '../fact.ts'

export interface Refusals {
  /** `eventId`: of the event that the step was asked for, just now. */
  note(step: Step, verdict: Verdict, eventId: string): void
  /** For a new configuration: a key that was refused may be another one now. */
  forget(): void
  /** What the last events say, which an earlier process enriched with the same configuration. */
  recall(store: Pick<History, 'events' | 'event'>, steps: readonly Step[], fingerprint: string): Promise<void>
}

type Refused = Extract<Fact, { kind: 'enrichment_refused' }>

const EVENTS_LOOKED_AT = 50

export function createRefusals(observe: Observe, now: () => number): Refusals {
  const refused = new Set<string>()
  const acceptedAt = new Map<string, number>()

  function report(refusal: Omit<Refused, 'kind' | 'acceptedAt'>): void {
    if (refused.has(refusal.step)) return
    refused.add(refusal.step)
    observe({ kind: 'enrichment_refused', ...refusal, acceptedAt: acceptedAt.get(refusal.step) ?? 0 })
  }

  return {
    note({ name: step, host }, verdict, id) {
      if (verdict.kind === 'failed' && verdict.status !== null) {
        const { status, reason } = verdict
        report({ step, host, status, reason, id })
      } else if (verdict.kind === 'picked') {
        acceptedAt.set(step, now())
        if (refused.delete(step)) observe({ kind: 'enrichment_accepted', step, host })
      }
    },
    forget: () => refused.clear(),
    async recall(store, steps, fingerprint) {
      if (steps.length === 0) return
      const results = await lastResults(store, fingerprint)
      for (const { name: step, host } of steps) {
        const ofStep = results.filter((result) => result.step === step)
        const [last] = ofStep
        const accepted = ofStep.find(({ result }) => result === 'fetched')
        if (accepted !== undefined) acceptedAt.set(step, accepted.endedAt)
        if (last === undefined || last.status === null) continue
        const { status, reason, id } = last
        report({ step, host, status, reason: reason ?? '', id })
      }
    },
  }
}

/** How steps ended, the newest first. */
async function lastResults(
  store: Pick<History, 'events' | 'event'>,
  fingerprint: string,
): Promise<readonly (StepResult & { readonly id: string })[]> {
  const { items } = await store.events({}, { limit: EVENTS_LOOKED_AT })
  const records = await Promise.all(items.map(({ id }) => store.event(id)))
  return records
    .flatMap((record) => {
      const planned = record?.plans.at(-1)?.fingerprint ?? fingerprint
      const steps = planned === fingerprint ? (record?.enrichment?.steps ?? []) : []
      return steps.map((result) => ({ ...result, id: record?.id ?? '' }))
    })
    .toSorted((one, other) => other.endedAt - one.endedAt)
}
