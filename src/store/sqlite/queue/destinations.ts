/** The rows of destinations. */
import type { Destination } from '../../../core/delivery/destination.ts'
import type { Database } from '../database.ts'
import type { Place } from '../known-rows.ts'

/** The row of a destination; created if it is new. */
export function placeOf(database: Database, { channel, target, rateKey }: Destination): Place {
  const { places } = database.known
  const key = JSON.stringify([channel, rateKey, target])
  const known = places.get(key)
  if (known !== undefined) return known
  const place = findPlace(database, channel, target, rateKey) ?? makePlace(database, channel, target, rateKey)
  places.set(key, place)
  return place
}

function findPlace(database: Database, channel: string, target: string, rateKey: string): Place | undefined {
  return database
    .prepare<{ id: number; rate: number }>(
      `SELECT destinations.id, rate FROM rates CROSS JOIN destinations
         ON destinations.channel = rates.channel AND target = ? AND rate = rates.id
       WHERE rates.channel = ? AND key = ?`,
    )
    .get(target, channel, rateKey)
}

function makePlace(database: Database, channel: string, target: string, rateKey: string): Place {
  database.prepare('INSERT OR IGNORE INTO rates (channel, key) VALUES (?, ?)').run(channel, rateKey)
  database
    .prepare(
      `INSERT INTO destinations (channel, target, rate)
       SELECT channel, ?, id FROM rates WHERE channel = ? AND key = ?`,
    )
    .run(target, channel, rateKey)
  const made = findPlace(database, channel, target, rateKey)
  if (made === undefined) throw new Error('a destination is not there after it was made')
  return made
}

/** The destination of a place. */
export function destinationOf(database: Database, place: number): Destination {
  const { destinations } = database.known
  const known = destinations.get(place)
  if (known !== undefined) return known
  const row = database
    .prepare<{ channel: string; target: string; key: string }>(
      `SELECT destinations.channel, target, key FROM destinations CROSS JOIN rates ON rates.id = rate
       WHERE destinations.id = ?`,
    )
    .get(place)
  if (row === undefined) throw new Error(`no destination ${place}`)
  const destination = { channel: row.channel, target: row.target, rateKey: row.key }
  destinations.set(place, destination)
  return destination
}
