/** There are few sources and types: lists of events, and their removal, iterate over those that exist. */
import type { EventType } from '../../store.ts'
import type { Database } from '../database.ts'

/** A prefix of the index that events share. Type and unrouted are null in quarantine. */
export interface Kind {
  readonly source: string
  readonly type: string | null
  readonly unrouted: 0 | 1 | null
}

/** The condition of the index, for the three values of a kind in this order. */
export const IS_OF_KIND = 'source = ? AND type IS ? AND unrouted IS ?'

/**
 * All existing kinds, in the order of the index, found by skipping from one to the next, so that the length of the index does not
 * matter.
 */
export function kindsOf(database: Database): readonly Kind[] {
  const nextSource = database.prepare<{ source: string }>(
    'SELECT source FROM events WHERE source > ? ORDER BY source LIMIT 1',
  )
  const untyped = database.prepare('SELECT 1 AS found FROM events WHERE source = ? AND type IS NULL LIMIT 1')
  const nextType = database.prepare<{ type: string }>(
    'SELECT type FROM events WHERE source = ? AND type > ? ORDER BY type LIMIT 1',
  )
  const kinds: Kind[] = []
  for (let row = nextSource.get(''); row !== undefined; row = nextSource.get(row.source)) {
    const { source } = row
    if (untyped.get(source) !== undefined) kinds.push({ source, type: null, unrouted: null })
    for (let of = nextType.get(source, ''); of !== undefined; of = nextType.get(source, of.type)) {
      kinds.push({ source, type: of.type, unrouted: 0 }, { source, type: of.type, unrouted: 1 })
    }
  }
  return kinds
}

/** Found in the same way. */
export function typesOf(database: Database): readonly EventType[] {
  return kindsOf(database).flatMap(({ source, type, unrouted }) =>
    type === null || unrouted === 1 ? [] : [{ source, type }],
  )
}
