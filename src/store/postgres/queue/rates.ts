/** The rows of the rate keys: destinations that share a rate limit and their health. */
import { type DestinationState, reconfigured } from '../../../core/delivery/destination.ts'
import { destinationStateOf, type RateRow } from '../../sql/backlog.ts'
import { Records } from '../connection/records.ts'
import { anyOf, type Change, type Session } from '../connection/session.ts'

/** The rows of the deliveries' rates, which others may change meanwhile. */
export async function ratesOf(session: Session, ids: readonly string[]): Promise<readonly RateRow[]> {
  return session.query<RateRow>(
    `SELECT id, channel, key, state FROM rates
     WHERE id IN (SELECT rate FROM deliveries WHERE id = ${anyOf('$1', 'text')})`,
    [ids],
  )
}

/** Locks the rows until the transaction ends. */
export async function lockRates(session: Session, ids: readonly number[]): Promise<readonly RateRow[]> {
  return session.query<RateRow>(
    `SELECT id, channel, key, state FROM rates WHERE id = ${anyOf('$1', 'integer')} ORDER BY id FOR UPDATE`,
    [ids],
  )
}

/** Locks those that no other transaction has locked. What is stored is to be read behind this. */
export async function lockFreeRates(session: Session, ids: readonly number[]): Promise<ReadonlySet<number>> {
  const rows = await session.query<{ id: number }>(
    `SELECT id FROM rates WHERE id = ${anyOf('$1', 'integer')} ORDER BY id FOR UPDATE SKIP LOCKED`,
    [ids],
  )
  return new Set(rows.map(({ id }) => id))
}

export function saveStates(session: Session, states: ReadonlyMap<number, DestinationState>): void {
  session.sendTogether(stateChanges(states))
}

export function stateChanges(states: ReadonlyMap<number, DestinationState>): readonly Change[] {
  if (states.size === 0) return []
  const rows = [...states].map(([id, state]) => ({ id, state: JSON.stringify(state) }))
  const sql = `UPDATE rates SET state = new.state FROM json_to_recordset($1::json) AS new(id integer, state text)
     WHERE rates.id = new.id`
  return [{ sql, values: [new Records(rows)] }]
}

/** `Queue.reconfigure`, inside a transaction. */
export async function reconfigure(session: Session): Promise<void> {
  const rows = await session.query<RateRow>(
    'SELECT id, channel, key, state FROM rates WHERE state IS NOT NULL ORDER BY id FOR UPDATE',
  )
  const states = new Map<number, DestinationState>()
  for (const row of rows) {
    const state = destinationStateOf(row)
    const next = state && reconfigured(state)
    if (next !== null && next !== state) states.set(row.id, next)
  }
  saveStates(session, states)
}
