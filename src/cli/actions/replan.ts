/** Plans a stored event again, or a quarantined request for the first time, with the current configuration. */
import { createIds } from '../../app/ids.ts'
import type { CompiledConfig } from '../../config/compiled.ts'
import { quote } from '../../config/problem.ts'
import { needsEnrichment } from '../../core/enrichment/progress.ts'
import { type Event, eventOf, readEvent } from '../../core/event.ts'
import {
  isSame,
  type MadePlan,
  makePlan,
  type NewPlan,
  type PlanCause,
  skippedBecause,
} from '../../core/routing/plan.ts'
import type { EventRecord } from '../../store/store.ts'

/** What a replay of one event or request does. `again`: how many of its deliveries were delivered before. */
export type Replay =
  | { readonly kind: 'plan'; readonly id: string; readonly plan: NewPlan; readonly again: number }
  | {
      readonly kind: 'release'
      readonly id: string
      readonly event: Event
      readonly body: Uint8Array
      /** Null if the service plans it, after its enrichment. */
      readonly plan: NewPlan | null
      readonly again: 0
    }
  | { readonly kind: 'failed'; readonly id: string; readonly problem: string; readonly again: 0 }

export interface EventPlanner {
  plan(event: Event, cause: PlanCause): MadePlan
  needsEnrichment(event: Event): boolean
  /** The only receiver that it plans for; undefined if it plans for all. */
  readonly receiver: string | undefined
  /** The event that a quarantined request became, or why it still cannot be read. */
  read(record: EventRecord): Event | string
}

/** `now`: the time of the store's clock. */
export function createPlanner(
  compiled: CompiledConfig,
  receiver: string | undefined,
  now: () => number,
): EventPlanner {
  const ids = createIds(now)
  const { sources } = compiled.config
  return {
    plan(event, cause) {
      const making = { at: now(), cause, fingerprint: compiled.fingerprint, newId: ids.delivery }
      return makePlan(compiled, event, making, receiver)
    },
    receiver,
    needsEnrichment: (event) => needsEnrichment(compiled.config.enrich, event),
    read(record) {
      const source = sources[record.source]
      if (source === undefined) return `there is no source ${quote(record.source)} any more`
      const pointers = { eventType: source.event_type, subject: source.subject }
      const read = readEvent(record, pointers, ids.event)
      return read.ok ? read.event : `it still cannot be read: ${read.message}`
    },
  }
}

export function toReplay(planner: EventPlanner, record: EventRecord | null, id: string): Replay {
  if (record === null) return { kind: 'failed', id, problem: 'it no longer exists', again: 0 }
  const stored = eventOf(record)
  if (stored !== null) {
    const made = planner.plan(stored, 'replay')
    if (!made.ok) return { kind: 'failed', id, problem: made.message, again: 0 }
    return { kind: 'plan', id, plan: made.plan, again: deliveredBefore(record, made.plan) }
  }
  if (record.releasedAs !== null)
    return {
      kind: 'failed',
      id,
      problem: `it was released from quarantine, as ${record.releasedAs}; replay that`,
      again: 0,
    }
  const event = planner.read(record)
  if (typeof event === 'string') return { kind: 'failed', id, problem: event, again: 0 }
  if (planner.needsEnrichment(event)) {
    // The service decides who gets it, once it is enriched.
    if (planner.receiver === undefined)
      return { kind: 'release', id, event, body: record.body, plan: null, again: 0 }
    const problem = 'it is planned after its enrichment, for all receivers: replay it without --receiver'
    return { kind: 'failed', id, problem, again: 0 }
  }
  const made = planner.plan(event, 'quarantine')
  if (!made.ok) return { kind: 'failed', id, problem: made.message, again: 0 }
  return { kind: 'release', id, event, body: record.body, plan: made.plan, again: 0 }
}

/** How many of the new deliveries go to a destination to which the event was already delivered. */
function deliveredBefore({ plans }: EventRecord, made: NewPlan): number {
  const delivered = plans.flatMap((one) => one.deliveries).filter(({ state }) => state === 'delivered')
  return made.deliveries.filter(
    (planned) =>
      skippedBecause(planned) === null &&
      delivered.some(({ destination }) => isSame(destination, planned.destination)),
  ).length
}
