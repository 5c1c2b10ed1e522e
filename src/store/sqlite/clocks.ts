/** The clocks of senders whose requests were refused for their timestamp. */
import type { Timing } from '../store.ts'
import type { Database } from './database.ts'

/** `Inbox.noteClock`, inside a transaction. */
export function noteClock(database: Database, source: string, { receivedAt, sentAt }: Timing): void {
  database
    .prepare('INSERT OR REPLACE INTO refused_clocks (source, received_at, sent_at) VALUES (?, ?, ?)')
    .run(source, receivedAt, sentAt)
}

/** `History.refusedClock`, inside a transaction. */
export function refusedClock(database: Database, source: string): Timing | null {
  const row = database
    .prepare<{ received_at: number; sent_at: number }>(
      'SELECT received_at, sent_at FROM refused_clocks WHERE source = ?',
    )
    .get(source)
  return row === undefined ? null : { receivedAt: row.received_at, sentAt: row.sent_at }
}
