import type { NewPlan } from '../store.ts'
import type { Database } from './database.ts'
import { insertStage } from './queue/conversation.ts'
import { insertDelivery } from './queue/insert-delivery.ts'

/** The row of an event, and the id of its kind. */
export interface PlannedEvent {
  readonly seq: number
  readonly kind: number
}

export function insertPlan(
  database: Database,
  { seq: event, kind }: PlannedEvent,
  number: number,
  plan: NewPlan,
): void {
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
  for (const delivery of plan.deliveries)
    insertDelivery(database, { event, kind, number, at: plan.at }, delivery)
}

export function withKind(database: Database, event: number): PlannedEvent {
  const found = database
    .prepare<{ source: string; type: string | null }>('SELECT source, type FROM events WHERE seq = ?')
    .get(event)
  if (found?.type === undefined || found.type === null) throw new Error(`row ${event} is no event`)
  return { seq: event, kind: kindIdOf(database, found.source, found.type) }
}

/** The id of a kind of events; the row is created if there is none. */
export function kindIdOf(database: Database, source: string, type: string): number {
  const { kinds } = database.known
  const key = JSON.stringify([source, type])
  const known = kinds.get(key)
  if (known !== undefined) return known
  database.prepare('INSERT OR IGNORE INTO kinds (source, type) VALUES (?, ?)').run(source, type)
  const found = database
    .prepare<{ id: number }>('SELECT id FROM kinds WHERE source = ? AND type = ?')
    .get(source, type)
  if (found === undefined) throw new Error('a kind of events is not there after it was made')
  kinds.set(key, found.id)
  return found.id
}
