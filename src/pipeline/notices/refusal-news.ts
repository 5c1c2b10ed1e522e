/** Finds the steps of enrich that are refused, for notices. */
import { enrichmentRefused } from '../../core/notice/notice.ts'
import type { Store } from '../../store/store.ts'
import type { Fact, Observe } from '../fact.ts'
import type { AppendNotice } from './append-notice.ts'
import { lastNotice } from './last-notice.ts'

export interface RefusalNewsDeps {
  readonly store: Pick<Store, 'events' | 'event'>
  readonly now: () => number
  /** Of the configuration in effect. */
  readonly fingerprint: () => string
}

interface RefusalNews {
  readonly observe: Observe
  readonly pass: () => Promise<void>
}

/** A step may have been accepted in between by a process that is gone, so that an older notice does not stand for this refusal. */
const SAME_FOR_MS = 24 * 3_600_000

export function createRefusalNews(
  { store, now, fingerprint }: RefusalNewsDeps,
  append: AppendNotice,
): RefusalNews {
  const refused = new Map<string, Extract<Fact, { kind: 'enrichment_refused' }>>()
  let reloadedAt = 0
  return {
    observe(fact) {
      if (fact.kind === 'enrichment_refused') refused.set(fact.step, fact)
      if (fact.kind === 'enrichment_accepted') refused.delete(fact.step)
      if (fact.kind === 'reloaded' && fact.ok) reloadedAt = now()
    },
    async pass() {
      for (const [step, fact] of refused) {
        const { host, reason, acceptedAt } = fact
        if (!(await isNoticed(step, Math.max(acceptedAt, reloadedAt))))
          await append(enrichmentRefused(step, host, reason, now()))
        // It may have been accepted and refused again meanwhile.
        if (refused.get(step) === fact) refused.delete(step)
      }
    },
  }

  /** By a process before this one, or by another instance. */
  async function isNoticed(step: string, since: number): Promise<boolean> {
    const last = await lastNotice(store, 'enrichment.refused', step)
    if (last === null || last.fingerprint !== fingerprint()) return false
    return last.at >= since && now() - last.at < SAME_FOR_MS
  }
}
