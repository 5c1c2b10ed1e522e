/** There are few destinations, receivers and states: queries by any of them iterate over those that exist. */
import { destinationRecord, hasBacklog, noBacklog, type RateRow } from '../../sql/backlog.ts'
import type { ChannelBacklog, DestinationRecord } from '../../store.ts'
import { type BacklogState, backlogStates } from '../../upkeep.ts'
import type { Session } from '../connection/session.ts'

/** A destination with a receiver that sends there. */
type DestinationReceiver = {
  readonly destination: number
  readonly receiver: string
}

interface PlaceFilter {
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

// Skips through the index from one pair to the next; thousands of deliveries cost as much as one.
const PLACES = `WITH RECURSIVE places AS (
    (SELECT destination, receiver FROM deliveries ORDER BY destination, receiver LIMIT 1)
    UNION ALL
    SELECT next.destination, next.receiver FROM places CROSS JOIN LATERAL (
      SELECT destination, receiver FROM deliveries
      WHERE (destination, receiver) > (places.destination, places.receiver)
      ORDER BY destination, receiver LIMIT 1) AS next)`

export async function placesOf(
  session: Session,
  filter: PlaceFilter,
): Promise<readonly DestinationReceiver[]> {
  const wanted = new Set(await destinationIds(session, filter))
  const places = await session.query<DestinationReceiver>(
    `${PLACES} SELECT destination, receiver FROM places`,
  )
  return places.filter(
    ({ destination, receiver }) => wanted.has(destination) && (filter.receiver ?? receiver) === receiver,
  )
}

export async function destinationIds(
  session: Session,
  { channel, target }: Omit<PlaceFilter, 'receiver'>,
): Promise<readonly number[]> {
  return (await destinationRows(session))
    .filter((row) => (channel ?? row.channel) === row.channel && (target ?? row.target) === row.target)
    .map(({ id }) => id)
}

async function destinationRows(session: Session): Promise<readonly DestinationRow[]> {
  return session.query<DestinationRow>(
    'SELECT id, channel, target, rate FROM destinations ORDER BY channel, target, id',
  )
}

type Counts = Record<BacklogState, number>

/** What waits, by destination. The cost does not depend on what is finished. */
async function countsOf(session: Session): Promise<ReadonlyMap<number, Counts>> {
  const rows = await session.query<{ destination: number; state: BacklogState; count: number }>(
    `${PLACES} SELECT destination, state, count(*) AS count
     FROM places CROSS JOIN unnest($1::text[]) AS states (state) JOIN deliveries USING (destination, receiver, state)
     GROUP BY destination, state`,
    [backlogStates],
  )
  const counts = new Map<number, Counts>()
  for (const { destination, state, count } of rows) {
    const of = counts.get(destination) ?? noBacklog()
    of[state] = count
    counts.set(destination, of)
  }
  return counts
}

async function firstDueTimes(session: Session): Promise<ReadonlyMap<number, number>> {
  const rows = await session.query<{ id: number; due_at: number }>(
    `SELECT rates.id, first.due_at FROM rates CROSS JOIN LATERAL (
       SELECT due_at FROM deliveries WHERE due_at IS NOT NULL AND rate = rates.id ORDER BY due_at, seq LIMIT 1) AS first`,
  )
  return new Map(rows.map(({ id, due_at }) => [id, due_at]))
}

/** `Upkeep.backlog`. */
export async function backlog(session: Session): Promise<readonly ChannelBacklog[]> {
  const counts = await countsOf(session)
  const due = await firstDueTimes(session)
  const ofChannel = Map.groupBy(await destinationRows(session), ({ channel }) => channel)
  return [...ofChannel]
    .map(([channel, destinations]) => {
      const sum = noBacklog()
      for (const { id } of destinations) {
        for (const state of backlogStates) sum[state] += counts.get(id)?.[state] ?? 0
      }
      const times = destinations.flatMap(({ rate }) => due.get(rate) ?? [])
      return { channel, counts: sum, firstDueAt: times.length === 0 ? null : Math.min(...times) }
    })
    .filter(hasBacklog)
}

/** `History.destinations`. */
export async function destinations(session: Session): Promise<readonly DestinationRecord[]> {
  const counts = await countsOf(session)
  const due = await firstDueTimes(session)
  const rows = await session.query<RateRow>('SELECT id, channel, key, state FROM rates')
  const rates = new Map(rows.map((row) => [row.id, row]))
  return (await destinationRows(session)).map(({ id, channel, target, rate }) =>
    destinationRecord(
      { channel, target },
      rates.get(rate),
      counts.get(id) ?? noBacklog(),
      due.get(rate) ?? null,
    ),
  )
}
