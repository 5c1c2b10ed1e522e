/** The columns that `History.find` searches. */
import type { Found } from '../store.ts'

interface Lookup extends Pick<Found, 'kind' | 'by'> {
  readonly table: string
  /** Each has an index. */
  readonly column: string
  readonly order: string
}

export const lookups: readonly Lookup[] = [
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
]

// Sorts after every continuation of a prefix.
const LAST = '\u{10ffff}'

/** The first and the last text that begin with a prefix. */
export function rangeOf(prefix: string): readonly [first: string, last: string] {
  return [prefix, `${prefix}${LAST}`]
}
