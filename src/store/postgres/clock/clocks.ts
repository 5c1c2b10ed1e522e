/** The clocks of senders, as far as a request was refused for its timestamp. */
import type { Timing } from '../../store.ts'
import type { Session } from '../connection/session.ts'

/** `Inbox.noteClock`, inside a transaction. */
export async function noteClock(session: Session, source: string, timing: Timing): Promise<void> {
  await session.query(
    `INSERT INTO refused_clocks (source, received_at, sent_at) VALUES ($1, $2, $3)
     ON CONFLICT (source) DO UPDATE SET received_at = excluded.received_at, sent_at = excluded.sent_at`,
    [source, timing.receivedAt, timing.sentAt],
  )
}

/** `History.refusedClock`, inside a transaction. */
export async function refusedClock(session: Session, source: string): Promise<Timing | null> {
  const [row] = await session.query<{ received_at: number; sent_at: number }>(
    'SELECT received_at, sent_at FROM refused_clocks WHERE source = $1',
    [source],
  )
  return row === undefined ? null : { receivedAt: row.received_at, sentAt: row.sent_at }
}
