/** The rows of plans, and what their events had fetched. */
import type { Event } from '../../core/event.ts'
import type { NewPlan } from '../store.ts'
import type { Database } from './database.ts'
import { insertStage } from './queue/conversation.ts'
import { insertDelivery } from './queue/insert-delivery.ts'

export function storedEnriched(enriched: Event['enriched']): string | null {
  return Object.keys(enriched).length === 0 ? null : JSON.stringify(enriched)
}

export function insertPlan(database: Database, event: number, number: number, plan: NewPlan): void {
  database
    .prepare(
      'INSERT INTO plans (event, number, at, cause, fingerprint, unrouted, routes) VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
    .run(
      event,
      number,
      plan.at,
      plan.cause,
      plan.fingerprint,
      plan.unrouted ? 1 : 0,
      JSON.stringify(plan.routes),
    )
  if (plan.stage !== undefined) insertStage(database, event, plan.stage)
  for (const delivery of plan.deliveries) insertDelivery(database, { event, number, at: plan.at }, delivery)
}
