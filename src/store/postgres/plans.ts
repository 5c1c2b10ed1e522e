/** The rows of plans, for many events at once. */
import type { EventType, NewPlan } from '../store.ts'
import { Records } from './connection/records.ts'
import type { Change, Session } from './connection/session.ts'
import type { KnownRows } from './known-rows.ts'
import { conversationLock, stageLock } from './locks.ts'
import {
  conversationsOf,
  deliveryChanges,
  type Lease,
  type OpenConversations,
  openConversations,
} from './queue/insert-deliveries.ts'
import { readStages, type StagesBefore, stageChanges } from './queue/stages.ts'

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

/** What plans are stored after. */
export interface BeforePlans {
  readonly openConversations: OpenConversations
  readonly stages: StagesBefore
}

/** The transaction has the locks of the plans. `stored`: events of theirs that may have been planned before. */
export async function readBeforePlans(
  session: Session,
  plans: readonly NewPlan[],
  stored: readonly number[] = [],
): Promise<BeforePlans> {
  const conversations = conversationsOf(plans.flatMap(({ deliveries }) => deliveries))
  const stagesOfPlans = plans.flatMap(({ stage }) => stage ?? [])
  const [open, stages] = await Promise.all([
    openConversations(session, conversations, Math.max(...plans.map(({ at }) => at))),
    readStages(session, stagesOfPlans.length === 0 ? [] : stored, stagesOfPlans),
  ])
  return { openConversations: open, stages }
}

/** Of events that are stored. */
export async function insertPlans(
  session: Session,
  known: KnownRows,
  plans: readonly EventPlan[],
): Promise<void> {
  const before = await readBeforePlans(
    session,
    plans.map(({ plan }) => plan),
    plans.map(({ event }) => event),
  )
  session.sendTogether(planChanges(known, plans, before))
}

/** `lease`: may lease some of their deliveries. */
export function planChanges(
  known: KnownRows,
  plans: readonly EventPlan[],
  before: BeforePlans,
  lease?: Lease,
): readonly Change[] {
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
  const stages = plans.flatMap(({ event, plan: { stage } }) => (stage === undefined ? [] : { event, stage }))
  const deliveries = plans.flatMap(({ event, number, kind, plan }) =>
    plan.deliveries.map((delivery) => ({ event, number, kind, at: plan.at, delivery })),
  )
  return [
    { sql, values: [new Records(rows)] },
    ...stageChanges(stages, before.stages),
    ...deliveryChanges(known, deliveries, before.openConversations, lease),
  ]
}
