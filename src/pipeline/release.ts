/** Reads quarantined requests again after a start or a reload: the configuration, or a new version, may be able to. */
import { needsEnrichment } from '../core/enrichment/progress.ts'
import { readEvent } from '../core/event.ts'
import { makePlan, mutedIn } from '../core/routing/plan.ts'
import { type QuarantinedRequest, type Store, StoreUnavailable } from '../store/store.ts'
import type { Observe } from './fact.ts'
import type { Ids, ReceiveSettings } from './receive.ts'

export interface ReleaseDeps {
  readonly settings: () => ReceiveSettings
  readonly store: Pick<Store, 'append' | 'quarantined'>
  readonly now: () => number
  readonly ids: Ids
  readonly observe: Observe
}

const PAGE = 100

/** Makes events of the quarantined requests that can be read and routed now; the others stay in quarantine. */
export async function releaseQuarantined(deps: ReleaseDeps): Promise<void> {
  try {
    for (let after = ''; ; ) {
      const page = await deps.store.quarantined(after, PAGE)
      for (const request of page) await release(deps, request)
      const last = page.at(-1)
      if (last === undefined || page.length < PAGE) return
      after = last.id
    }
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error
    deps.observe({ kind: 'store_failed', during: 'quarantine', message: error.message })
  }
}

/** Leaves the request in quarantine if it still cannot be read or routed. */
async function release(deps: ReleaseDeps, request: QuarantinedRequest): Promise<void> {
  const settings = deps.settings()
  const source = settings.sources.get(request.source)
  const read = source && readEvent(request, source.pointers, deps.ids.event)
  if (!read?.ok) return
  const { event } = read
  const { fingerprint, dedupeFor } = settings
  const making = { at: deps.now(), cause: 'quarantine', fingerprint, newId: deps.ids.delivery } as const
  const made = needsEnrichment(settings.steps, event)
    ? ({ ok: true, plan: null } as const)
    : makePlan(settings, event, making)
  if (!made.ok) return
  const appended = await deps.store.append({
    kind: 'event',
    event,
    body: request.body,
    plan: made.plan,
    dedupeFor,
    releasedFrom: request.id,
  })
  if (appended.kind !== 'stored') return
  const { id } = appended
  deps.observe({
    kind: 'released',
    id,
    from: request.id,
    source: event.source,
    type: event.type,
    unrouted: made.plan?.unrouted === true,
    deliveries: made.plan?.deliveries.length ?? 0,
    ...mutedIn(made.plan),
  })
}
