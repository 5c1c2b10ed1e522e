/** Reads several indexed streams of rows as one, and takes pages from them. */
import { Merge, type Order } from '../../sql/merge.ts'
import { type Position, searchPage, type Taken } from '../../sql/pages.ts'

/** At most this many rows after a position, in the order of the merge. */
export type Stream<Row extends Position> = (after: Position, limit: number) => readonly Row[]

const FIRST_BATCH = 4

/**
 * Merges the rows of all streams into one order, reading a few at a time from each: a page costs one read of each stream and
 * its own rows.
 */
export function* merge<Row extends Position>(
  streams: readonly Stream<Row>[],
  after: Position,
  order: Order = 'newest first',
): Generator<Row> {
  const merged = new Merge(
    streams.map((stream, index) => [index, stream(after, 1)] as const),
    FIRST_BATCH,
    order,
  )
  for (let step = merged.next(); step.kind !== 'end'; step = merged.next()) {
    if (step.kind === 'row') yield step.row
    else merged.read(streams[step.stream]?.(step.after, step.limit) ?? [])
  }
}

/** Takes a page from several searches, each of which finds all wanted rows in the same order. */
export function takePage<Row>(
  ways: readonly Iterable<Row>[],
  limit: number,
  isWanted: (row: Row) => boolean,
): Taken<Row> {
  const readers = ways.map((rows) => rows[Symbol.iterator]())
  const search = searchPage(readers.length, limit, isWanted)
  let step = search.next()
  while (step.done !== true) {
    const read = readers[step.value]?.next()
    step = search.next(read?.done === true ? undefined : read?.value)
  }
  return step.value
}
