/**
 * Locks that transactions take until they end, in one order: rows of events, then names, all that are needed at once, then rows of
 * deliveries, then those of rates. A claim, and an append that claims, lock rates before deliveries, and pass over what others have locked.
 */
import type { Stage } from '../../core/lifecycle/lifecycle.ts'
import { anyOf, type Session } from './connection/session.ts'

/** Locks the rows of the events of deliveries. A purge passes over them. */
export const LOCK_EVENTS = `SELECT seq FROM events
  WHERE seq IN (SELECT event FROM deliveries WHERE id = ANY($1::text[])) ORDER BY seq FOR NO KEY UPDATE`

/** Only one transaction at a time finds out whether a message is new. */
export function messageLock({
  source,
  messageId,
}: {
  readonly source: string
  readonly messageId: string
}): string {
  return `message ${source} ${messageId}`
}

/** Only one at a time adds to a conversation, or releases its next delivery. */
export function conversationLock(conversation: string): string {
  return `conversation ${conversation}`
}

/** Only one at a time begins a round. */
export function stageLock({ lifecycle, key }: Pick<Stage, 'lifecycle' | 'key'>): string {
  return `stage ${lifecycle} ${key}`
}

/**
 * Held before the statements behind it look at anything. Names with the same hash share a lock, which costs a wait at the most.
 */
export function lock(session: Session, names: Iterable<string>): void {
  const all = [...new Set(names)]
  if (all.length === 0) return
  session.send(
    `SELECT pg_advisory_xact_lock(key)
     FROM (SELECT DISTINCT hashtextextended(name, 0) AS key FROM unnest($1::text[]) AS name ORDER BY key) AS keys`,
    [all],
  )
}

/** The same for the conversations of deliveries, and more of them. */
export function lockConversationsOf(
  session: Session,
  deliveries: readonly string[],
  more: readonly string[],
): void {
  session.send(
    `SELECT pg_advisory_xact_lock(key)
     FROM (SELECT DISTINCT hashtextextended($3 || conversation, 0) AS key
       FROM (SELECT conversation FROM deliveries WHERE id = ${anyOf('$1', 'text')} AND conversation IS NOT NULL
         UNION SELECT unnest($2::text[])) AS conversations ORDER BY key) AS keys`,
    [deliveries, more, conversationLock('')],
  )
}
