/** The rows of the rate keys: destinations that share a rate limit and their health. */
import { type DestinationState, reconfigured } from '../../../core/delivery/destination.ts'
import { destinationStateOf, type RateRow } from '../../sql/backlog.ts'
import type { Database } from '../database.ts'

export function rateRow(database: Database, id: number): RateRow {
  const row = database.prepare<RateRow>('SELECT id, channel, key, state FROM rates WHERE id = ?').get(id)
  if (row === undefined) throw new Error(`no rate ${id}`)
  return row
}

export function saveState(database: Database, id: number, state: DestinationState): void {
  database.prepare('UPDATE rates SET state = ? WHERE id = ?').run(JSON.stringify(state), id)
}

/** `Queue.reconfigure`, inside a transaction. */
export function reconfigure(database: Database): void {
  for (const row of database.prepare<RateRow>('SELECT id, channel, key, state FROM rates').all()) {
    const state = destinationStateOf(row)
    const next = state === null ? null : reconfigured(state)
    if (next === null || next === state) continue
    saveState(database, row.id, next)
    database.schedule.changed(row.id)
  }
}
