import { lookups, rangeOf } from '../../sql/find.ts'
import type { Found } from '../../store.ts'
import type { Session } from '../connection/session.ts'

/** `History.find`. */
export async function find(session: Session, text: string, limit: number): Promise<readonly Found[]> {
  if (text === '') return []
  const exact = await look(session, [text, text], limit)
  return exact.length > 0 ? exact : look(session, rangeOf(text), limit)
}

async function look(
  session: Session,
  range: readonly [first: string, last: string],
  limit: number,
): Promise<readonly Found[]> {
  const found: Found[] = []
  for (const { kind, by, column, table, order } of lookups) {
    const rows = await session.query<{ id: string; text: string }>(
      `SELECT id, ${column} AS text FROM ${table} WHERE ${column} BETWEEN $1 AND $2 ORDER BY ${order} LIMIT $3`,
      [...range, limit - found.length],
    )
    found.push(...rows.map(({ id, text }) => ({ kind, by, id, text })))
  }
  return found
}
