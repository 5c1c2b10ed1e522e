import type { ChannelBacklog } from '../store.ts'
import type { Database } from './database.ts'

type OpenRow = {
  readonly channel: string
  readonly pending: number
  readonly sending: number
  readonly retrying: number
  readonly ambiguous: number
  readonly first_due_at: number
}
type GivenUpRow = { readonly channel: string; readonly parked: number; readonly dead: number }

// Each reads one index, which holds nothing of what was delivered, in its order. Grouping by state would sort instead.
export const OPEN = `SELECT channel, sum(state = 'pending') AS pending, sum(state = 'sending') AS sending,
    sum(state = 'retrying') AS retrying, sum(state = 'ambiguous') AS ambiguous, min(due_at) AS first_due_at
  FROM deliveries WHERE due_at IS NOT NULL GROUP BY channel`
export const GIVEN_UP = `SELECT channel, sum(state = 'parked') AS parked, sum(state = 'dead') AS dead
  FROM deliveries WHERE state IN ('parked', 'dead') GROUP BY channel`

const nothing = { pending: 0, sending: 0, retrying: 0, ambiguous: 0, parked: 0, dead: 0 }

/** `Store.backlog`, inside a transaction. */
export function backlog(database: Database): readonly ChannelBacklog[] {
  const found = new Map<string, ChannelBacklog>()
  for (const { channel, first_due_at, ...counts } of database.prepare<OpenRow>(OPEN).all()) {
    found.set(channel, { channel, counts: { ...nothing, ...counts }, firstDueAt: first_due_at })
  }
  for (const { channel, ...counts } of database.prepare<GivenUpRow>(GIVEN_UP).all()) {
    const open = found.get(channel) ?? { channel, counts: nothing, firstDueAt: null }
    found.set(channel, { ...open, counts: { ...open.counts, ...counts } })
  }
  return [...found.values()]
}
