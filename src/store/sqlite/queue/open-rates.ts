/** The rate keys that a claim looks at: those of which something may be claimed now. */
import {
  claimableAt,
  isFailing,
  limitsOf,
  type OpenRate,
  openRate,
  roomForFailing,
} from '../../sql/claiming.ts'
import type { ClaimLimits, ClaimRequest } from '../../store.ts'
import type { Database } from '../database.ts'
import { FIRST_DUE } from '../history/places.ts'
import { rateRow, saveState } from './rates.ts'
import type { Group } from './schedule.ts'

export interface Looked {
  readonly rates: readonly OpenRate[]
  /** When the others have to be looked at. */
  readonly later: readonly number[]
}

/**
 * Those that have changed or have attempts in flight, and of the others those that are due the longest, as many as attempts may
 * begin. So the cost of a claim depends on changes and attempts, not on how many rate keys there are, broken or not.
 */
export function openRates(database: Database, request: ClaimRequest): Looked {
  const { schedule } = database
  const conditions = { version: versionOf(database), now: request.now, limits: rateLimitsOf(request) }
  schedule.follow(conditions, () => allRates(database))
  let rates = lookAtChanged(database, request)
  const inFlight = new Set(rates.map(({ key }) => key))
  // For attempts that the schedule does not know: those that were not claimed by an earlier claim of this process.
  if ([...request.inFlight.keys()].some((key) => !inFlight.has(key))) {
    schedule.forget()
    schedule.follow(conditions, () => allRates(database))
    rates = lookAtChanged(database, request)
  }
  const later: number[] = []
  for (const channel of schedule.channels) {
    const limits = limitsOf(request, channel)
    if (Math.min(limits.free, limits.perDestination) < 1) continue
    const known = rates.filter((rate) => rate.channel === channel)
    for (const group of [
      { channel, isFailing: false },
      { channel, isFailing: true },
    ]) {
      const most = group.isFailing ? Math.min(limits.free, roomForFailing(known, limits)) : limits.free
      rates.push(...firstOf(database, group, most, request))
      const nextAt = schedule.nextAt(group)
      // A rate key that waits for the end of an attempt does not have to be looked at again just because time passes.
      if (nextAt !== undefined && (nextAt > request.now || !group.isFailing)) later.push(nextAt)
    }
  }
  return { rates: rates.map((rate) => file(database, rate, request.now)), later }
}

function lookAtChanged(database: Database, request: ClaimRequest): OpenRate[] {
  return database.schedule.takeChanged().flatMap((id) => look(database, id, request) ?? [])
}

/** Those of the group that are due the longest, until this many can be claimed from. */
function firstOf(database: Database, group: Group, most: number, request: ClaimRequest): OpenRate[] {
  const { now } = request
  const found: OpenRate[] = []
  for (let left = most; left > 0; ) {
    const id = database.schedule.take(group, now)
    if (id === undefined) break
    const rate = look(database, id, request)
    if (rate === null) continue
    found.push(rate)
    if (rate.inFlight === 0 && claimableAt(rate, now) <= now) left -= 1
  }
  return found
}

/** Null if it has no unfinished deliveries. */
function look(database: Database, id: number, request: ClaimRequest): OpenRate | null {
  const dueAt = database.prepare<{ due_at: number }>(FIRST_DUE).get(id)?.due_at
  if (dueAt === undefined) return null
  const isMuchDue = (limits: ClaimLimits) => isMuch(database, id, limits, request.now)
  const rate = openRate(rateRow(database, id), { dueAt, elsewhere: 0, isMuchDue }, request)
  // Stored even if nothing is claimed, or every claim would detect again that the clock was set back.
  if (rate.stored !== null && rate.state !== rate.stored) saveState(database, id, rate.state)
  return rate
}

/** Returns it with the time of its turn. */
function file({ schedule }: Database, rate: OpenRate, now: number): OpenRate {
  const { id, channel } = rate
  if (rate.inFlight > 0) {
    schedule.changed(id)
    return rate
  }
  const at = claimableAt(rate, now)
  if (!isFailing(rate)) {
    schedule.file(id, { channel, isFailing: false }, at)
    return rate
  }
  // Those with the same time may be in any order.
  const turn = Math.max(at, schedule.keepPlace(id, now - rate.turn))
  schedule.file(id, { channel, isFailing: true }, turn)
  return { ...rate, turn }
}

/**
 * Skips from one rate key to the next in the index of what is due, so that thousands of deliveries of one rate key cost as much as
 * one.
 */
function allRates(database: Database): readonly number[] {
  const next = database.prepare<{ rate: number }>(
    'SELECT rate FROM deliveries WHERE due_at IS NOT NULL AND rate > ? ORDER BY rate LIMIT 1',
  )
  const found: number[] = []
  for (let row = next.get(-1); row !== undefined; row = next.get(row.rate)) found.push(row.rate)
  return found
}

function versionOf(database: Database): number {
  return database.prepare<{ data_version: number }>('PRAGMA data_version').get()?.data_version ?? 0
}

function rateLimitsOf({ channels }: ClaimRequest): string {
  return [...channels].map(([name, { rate, burst }]) => `${name} ${rate} ${burst}`).join('\n')
}

/** Whether more than `inOrderUpTo` are due; reads at most that many entries of the index. */
function isMuch(database: Database, rate: number, { inOrderUpTo }: ClaimLimits, now: number): boolean {
  if (inOrderUpTo === Number.POSITIVE_INFINITY) return false
  return database.prepare(MORE_DUE).get(rate, now, inOrderUpTo) !== undefined
}

export const MORE_DUE = `SELECT 1 AS found FROM deliveries WHERE due_at IS NOT NULL AND rate = ? AND due_at <= ?
  LIMIT 1 OFFSET ? + 0`
