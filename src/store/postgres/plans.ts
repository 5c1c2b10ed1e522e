/** The rows of plans, for many events at once. */
import type { NewPlan } from '../store.ts'
import { Records } from './connection/records.ts'
import type { Session } from './connection/session.ts'
import type { KnownRows } from './known-rows.ts'
import { conversationLock, stageLock } from './locks.ts'
import { conversationsOf, insertDeliveries } from './queue/insert-deliveries.ts'
import { insertStages } from './queue/stages.ts'

export interface EventPlan {
  readonly event: number
  readonly number: number
  readonly plan: NewPlan
}

/** The names of the locks that a transaction needs before `insertPlans`. */
export function locksOfPlan({ deliveries, stage }: NewPlan): string[] {
  const conversations = conversationsOf(deliveries).map(conversationLock)
  return stage === undefined ? conversations : [...conversations, stageLock(stage)]
}

export async function insertPlans(
  session: Session,
  known: KnownRows,
  plans: readonly EventPlan[],
): Promise<void> {
  if (plans.length === 0) return
  const rows = plans.map(({ event, number, plan }) => ({
    event,
    number,
    at: plan.at,
    cause: plan.cause,
    fingerprint: plan.fingerprint,
    unrouted: plan.unrouted ? 1 : 0,
    routes: JSON.stringify(plan.routes),
  }))
  session.send(
    `INSERT INTO plans (event, number, at, cause, fingerprint, unrouted, routes)
     SELECT * FROM json_to_recordset($1::json) AS new(event bigint, number integer, at bigint, cause text,
       fingerprint text, unrouted integer, routes text)`,
    [new Records(rows)],
  )
  await insertStages(
    session,
    plans.flatMap(({ event, plan: { stage } }) => (stage === undefined ? [] : { event, stage })),
  )
  const deliveries = plans.flatMap(({ event, number, plan }) =>
    plan.deliveries.map((delivery) => ({ event, number, at: plan.at, delivery })),
  )
  await insertDeliveries(session, known, deliveries)
}
