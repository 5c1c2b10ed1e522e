/** There are few destinations, receivers and states: queries by any of them iterate over those that exist. */
import type { State } from '../../../core/delivery/delivery.ts'
import { destinationRecord, hasBacklog, noBacklog, type RateRow } from '../../sql/backlog.ts'
import type { ChannelBacklog, DestinationRecord } from '../../store.ts'
import { type BacklogState, backlogStates } from '../../upkeep.ts'
import type { Database } from '../database.ts'

/** A destination with a receiver that sends there. */
export interface Place {
  readonly destination: number
  readonly receiver: string
}

export interface PlaceFilter {
  readonly receiver?: string | undefined
  readonly channel?: string | undefined
  readonly target?: string | undefined
}

type DestinationRow = {
  readonly id: number
  readonly channel: string
  readonly target: string
  readonly rate: number
}

/** Skips from one pair to the next in the index, so that thousands of deliveries cost as much as one. */
export function placesOf(database: Database, filter: PlaceFilter): Place[] {
  const { receiver } = filter
  const found: Place[] = []
  const next = database.prepare<{ receiver: string }>(
    'SELECT receiver FROM deliveries WHERE destination = ? AND receiver > ? ORDER BY receiver LIMIT 1',
  )
  for (const destination of destinationIds(database, filter)) {
    if (receiver !== undefined) {
      found.push({ destination, receiver })
      continue
    }
    for (let row = next.get(destination, ''); row !== undefined; ) {
      found.push({ destination, receiver: row.receiver })
      row = next.get(destination, row.receiver)
    }
  }
  return found
}

export function destinationIds(
  database: Database,
  { channel, target }: Omit<PlaceFilter, 'receiver'>,
): number[] {
  return destinationRows(database)
    .filter((row) => (channel ?? row.channel) === row.channel && (target ?? row.target) === row.target)
    .map(({ id }) => id)
}

function destinationRows(database: Database): DestinationRow[] {
  return database
    .prepare<DestinationRow>(
      'SELECT id, channel, target, rate FROM destinations ORDER BY channel, target, id',
    )
    .all()
}

// Reads only the index.
export const COUNT_OF_PLACE =
  'SELECT count(*) AS count FROM deliveries WHERE destination = ? AND receiver = ? AND state = ?'

function countsOf(database: Database, places: readonly Place[]): Record<BacklogState, number> {
  const count = database.prepare<{ count: number }>(COUNT_OF_PLACE)
  const counts = noBacklog()
  for (const { destination, receiver } of places) {
    for (const state of backlogStates) counts[state] += count.get(destination, receiver, state)?.count ?? 0
  }
  return counts
}

export const FIRST_DUE = `SELECT due_at FROM deliveries WHERE due_at IS NOT NULL AND rate = ?
  ORDER BY due_at, seq LIMIT 1`

function firstDueAt(database: Database, rates: readonly number[]): number | null {
  const first = database.prepare<{ due_at: number }>(FIRST_DUE)
  const due = rates.flatMap((rate) => first.get(rate)?.due_at ?? [])
  return due.length === 0 ? null : Math.min(...due)
}

/** `Upkeep.backlog`, inside a transaction. */
export function backlog(database: Database): readonly ChannelBacklog[] {
  const places = placesOf(database, {})
  const ofDestination = Map.groupBy(places, ({ destination }) => destination)
  const ofChannel = Map.groupBy(destinationRows(database), ({ channel }) => channel)
  return [...ofChannel]
    .map(([channel, destinations]) => ({
      channel,
      counts: countsOf(
        database,
        destinations.flatMap(({ id }) => ofDestination.get(id) ?? []),
      ),
      firstDueAt: firstDueAt(database, [...new Set(destinations.map(({ rate }) => rate))]),
    }))
    .filter(hasBacklog)
}

/** `History.destinations`, inside a transaction. */
export function destinations(database: Database): readonly DestinationRecord[] {
  const ofDestination = Map.groupBy(placesOf(database, {}), ({ destination }) => destination)
  const rates = new Map(
    database
      .prepare<RateRow>('SELECT id, channel, key, state FROM rates')
      .all()
      .map((row) => [row.id, row] as const),
  )
  return destinationRows(database).map(({ id, channel, target, rate }) => {
    const counts = countsOf(database, ofDestination.get(id) ?? [])
    return destinationRecord({ channel, target }, rates.get(rate), counts, firstDueAt(database, [rate]))
  })
}

/** The deliveries of some events, counted by state. */
export function countsOfEvents(
  database: Database,
  events: readonly number[],
): ReadonlyMap<number, Partial<Record<State, number>>> {
  const rows = database
    .prepare<{ event: number; state: State; count: number }>(
      `SELECT event, state, count(*) AS count FROM deliveries
       WHERE event IN (SELECT value FROM json_each(?)) GROUP BY event, state`,
    )
    .all(JSON.stringify(events))
  const counts = new Map<number, Partial<Record<State, number>>>()
  for (const { event, state, count } of rows) {
    counts.set(event, { ...counts.get(event), [state]: count })
  }
  return counts
}
