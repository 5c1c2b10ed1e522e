import type { Found } from '../../store.ts'
import type { Database } from '../database.ts'

type FoundRow = { readonly id: string; readonly text: string }

// Each goes through an index.
const lookups = [
  { kind: 'event', by: 'id', column: 'id', table: 'events', order: 'id' },
  { kind: 'delivery', by: 'id', column: 'id', table: 'deliveries', order: 'id' },
  {
    kind: 'event',
    by: 'message_id',
    column: 'message_id',
    table: 'events',
    order: 'message_id, received_at DESC',
  },
  {
    kind: 'event',
    by: 'subject',
    column: 'subject',
    table: 'events',
    order: 'subject DESC, received_at DESC',
  },
] as const

// Sorts after every continuation of a prefix.
const LAST = '\u{10ffff}'

/** `History.find`, inside a transaction. */
export function find(database: Database, text: string, limit: number): readonly Found[] {
  if (text === '') return []
  const exact = lookups.flatMap((lookup) => look(database, lookup, '= ?', [text], limit))
  if (exact.length > 0) return exact.slice(0, limit)
  return lookups
    .flatMap((lookup) => look(database, lookup, 'BETWEEN ? AND ?', [text, `${text}${LAST}`], limit))
    .slice(0, limit)
}

function look(
  database: Database,
  { kind, by, column, table, order }: (typeof lookups)[number],
  condition: string,
  values: readonly string[],
  limit: number,
): Found[] {
  return database
    .prepare<FoundRow>(
      `SELECT id, ${column} AS text FROM ${table} WHERE ${column} ${condition} ORDER BY ${order} LIMIT ? + 0`,
    )
    .all(...values, limit)
    .map(({ id, text }) => ({ kind, by, id, text }))
}
