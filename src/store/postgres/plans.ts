/** The rows of plans, for many events at once. */
import type { EventType, NewPlan } from '../store.ts'
import { Records } from './connection/records.ts'
import type { Change, Session } from './connection/session.ts'
import type { KnownRows } from './known-rows.ts'
import { conversationLock, stageLock } from './locks.ts'
import { conversationsOf, deliveryChanges, type Lease } from './queue/insert-deliveries.ts'
import { stageChanges } from './queue/stages.ts'

export interface EventPlan {
  readonly event: number
  readonly number: number
  /** What kind of event it is; left out where the event is stored. */
  readonly kind?: EventType
  readonly plan: NewPlan
}

/** The names of the locks that a transaction needs before `insertPlans`. */
export function locksOfPlan({ deliveries, stage }: NewPlan): string[] {
  const conversations = conversationsOf(deliveries).map(conversationLock)
  return stage === undefined ? conversations : [...conversations, stageLock(stage)]
}

/** Of events that are stored. */
export async function insertPlans(
  session: Session,
  known: KnownRows,
  plans: readonly EventPlan[],
): Promise<void> {
  session.sendTogether(await planChanges(session, known, plans))
}

/** `lease`: may lease some of their deliveries. */
export async function planChanges(
  session: Session,
  known: KnownRows,
  plans: readonly EventPlan[],
  lease?: Lease,
): Promise<readonly Change[]> {
  if (plans.length === 0) return []
  const rows = plans.map(({ event, number, plan }) => ({
    event,
    number,
    at: plan.at,
    cause: plan.cause,
    fingerprint: plan.fingerprint,
    unrouted: plan.unrouted ? 1 : 0,
    routes: JSON.stringify(plan.routes),
  }))
  const sql = `INSERT INTO plans (event, number, at, cause, fingerprint, unrouted, routes)
     SELECT * FROM json_to_recordset($1::json) AS new(event bigint, number integer, at bigint, cause text,
       fingerprint text, unrouted integer, routes text)`
  const stages = plans.flatMap(({ event, kind, plan: { stage } }) =>
    stage === undefined ? [] : { event, isStored: kind === undefined, stage },
  )
  const deliveries = plans.flatMap(({ event, number, kind, plan }) =>
    plan.deliveries.map((delivery) => ({ event, number, kind, at: plan.at, delivery })),
  )
  const changes = await Promise.all([
    stageChanges(session, stages),
    deliveryChanges(session, known, deliveries, lease),
  ])
  return [{ sql, values: [new Records(rows)] }, ...changes.flat()]
}
