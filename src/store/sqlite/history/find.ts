import { lookups, rangeOf } from '../../sql/find.ts'
import type { Found } from '../../store.ts'
import type { Database } from '../database.ts'

type FoundRow = { readonly id: string; readonly text: string }

/** `History.find`, inside a transaction. */
export function find(database: Database, text: string, limit: number): readonly Found[] {
  if (text === '') return []
  const exact = lookups.flatMap((lookup) => look(database, lookup, '= ?', [text], limit))
  if (exact.length > 0) return exact.slice(0, limit)
  return lookups
    .flatMap((lookup) => look(database, lookup, 'BETWEEN ? AND ?', rangeOf(text), limit))
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
