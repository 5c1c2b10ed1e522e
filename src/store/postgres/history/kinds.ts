/** There are few sources and types: lists iterate over those that exist. */
import type { EventType } from '../../store.ts'
import type { Session } from '../connection/session.ts'

type KindRow = { readonly id: number; readonly source: string; readonly type: string }

/** The pairs of source and type that there were ever events of. */
export async function kindsOf(session: Session): Promise<readonly KindRow[]> {
  return session.query<KindRow>('SELECT id, source, type FROM kinds ORDER BY source, type')
}

/** The sources of quarantined requests: read by skipping through their index, whatever its length. */
export async function quarantinedSources(session: Session): Promise<readonly string[]> {
  const rows = await session.query<{ source: string }>(
    `WITH RECURSIVE found AS (
       (SELECT source FROM events WHERE type IS NULL ORDER BY source LIMIT 1)
       UNION ALL
       SELECT next.source FROM found CROSS JOIN LATERAL (
         SELECT source FROM events WHERE type IS NULL AND source > found.source ORDER BY source LIMIT 1) AS next)
     SELECT source FROM found`,
  )
  return rows.map(({ source }) => source)
}

/** `History.types`. */
export async function typesOf(session: Session): Promise<readonly EventType[]> {
  return session.query<Omit<KindRow, 'id'>>(
    `SELECT source, type FROM kinds WHERE EXISTS (
       SELECT FROM events WHERE events.source = kinds.source AND events.type = kinds.type)`,
  )
}
