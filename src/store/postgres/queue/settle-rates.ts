/** The health of destinations after attempts that ended. */
import { type DestinationState, settle } from '../../../core/delivery/destination.ts'
import { destinationStateOf, type RateRow } from '../../sql/backlog.ts'
import type { Attempt } from '../../store.ts'
import type { Session } from '../connection/session.ts'
import { lockRates, saveStates } from './rates.ts'

export interface Settled {
  readonly attempt: Attempt
  /** The number of the rate key. */
  readonly rate: number
  /** Whether it says something about the destination. */
  readonly reached: boolean
}

/**
 * `rows`: as they were read, unlocked. A success is no news where others were before it: a row is locked, and read again, only where its
 * state changes. Otherwise the attempts that end would wait for the claims, which lock it too. Returns whether one may have changed.
 */
export async function settleRates(
  session: Session,
  ended: readonly Settled[],
  rows: readonly RateRow[],
): Promise<boolean> {
  const changed = settled(ended, rows)
  if (changed.size === 0) return false
  saveStates(session, settled(ended, await lockRates(session, [...changed.keys()])))
  return true
}

export function endedAt({ startedAt, durationMs }: Attempt): number {
  return startedAt + durationMs
}

/** The states that change. */
function settled(ended: readonly Settled[], rows: readonly RateRow[]): ReadonlyMap<number, DestinationState> {
  const before = new Map(rows.map((row) => [row.id, { key: row.key, state: destinationStateOf(row) }]))
  const after = new Map<number, DestinationState>()
  for (const { rate: id, attempt, reached } of ended) {
    const rate = before.get(id)
    const state = after.get(id) ?? rate?.state
    // The claim made the state.
    if (reached && rate && state) after.set(id, settle(state, attempt.outcome, endedAt(attempt), rate.key))
  }
  return new Map([...after].filter(([id, state]) => state !== before.get(id)?.state))
}
