/** Reads several indexed streams of rows as one, and takes pages from them. */
import { Merge } from '../../sql/merge.ts'
import { type Position, searchPage, type Taken } from '../../sql/pages.ts'

/** Rows with the number of their stream. */
export type Streamed<Row extends Position> = Row & { readonly stream: number }

export interface Streams<Row extends Position> {
  /** They are numbered from 0. */
  readonly count: number
  /** Of each of these streams at most so many rows older than a position, newest first within the stream. */
  read(streams: readonly number[], after: Position, limit: number): Promise<readonly Streamed<Row>[]>
}

// A statement reads the beginning of all streams, and another one each stream that a page needs more of.
const FIRST_ROWS = 4
const FIRST_BATCH = 32

/** The rows of all streams in one order. */
export async function* merge<Row extends Position>(
  streams: Streams<Row>,
  after: Position,
): AsyncGenerator<Row> {
  const all = Array.from({ length: streams.count }, (_, stream) => stream)
  const first = await streams.read(all, after, FIRST_ROWS)
  const merged = new Merge<Row>(
    Map.groupBy(first, ({ stream }) => stream),
    FIRST_BATCH,
  )
  for (let step = merged.next(); step.kind !== 'end'; step = merged.next()) {
    if (step.kind === 'row') yield step.row
    else merged.read(await streams.read([step.stream], step.after, step.limit))
  }
}

/** Takes a page from several searches, each of which finds all wanted rows in the same order. */
export async function takePage<Row>(
  ways: readonly AsyncGenerator<Row>[],
  limit: number,
  isWanted: (row: Row) => boolean,
): Promise<Taken<Row>> {
  const search = searchPage(ways.length, limit, isWanted)
  let step = search.next()
  while (step.done !== true) {
    const read = await ways[step.value]?.next()
    step = search.next(read?.done === true ? undefined : read?.value)
  }
  return step.value
}
