/** Pages of lists, newest first: positions, cursors, and the search for what a filter wants. */

/** A row's position in a list: its time, and its row number among those of the same time. */
export interface Position {
  readonly time: number
  readonly seq: number
}

/** After every row. */
export const START: Position = { time: Number.MAX_SAFE_INTEGER, seq: Number.MAX_SAFE_INTEGER }

/** Numbers as a cursor, and back. Throws for a text that is not a cursor. */
export function cursorOf(...numbers: readonly number[]): string {
  return numbers.join('-')
}

export function numbersOf(cursor: string, count: number): number[] {
  const numbers = cursor.split('-')
  if (numbers.length !== count || !numbers.every((number) => /^\d{1,16}$/.test(number))) {
    throw new RangeError(`${cursor} is not the cursor of a page of this list`)
  }
  return numbers.map(Number)
}

function positionOf(cursor: string | undefined): Position {
  if (cursor === undefined) return START
  const [time = 0, seq = 0] = numbersOf(cursor, 2)
  return { time, seq }
}

/** Where a page begins: behind its cursor, and before `until`. */
export function startOf(cursor: string | undefined, until: number | undefined): Position {
  const start = positionOf(cursor)
  return until !== undefined && until <= start.time ? { time: until, seq: 0 } : start
}

/** One page reads at most so many rows: if its filter skips most of them, it ends early, with a next page. */
const SCAN_LIMIT = 1_500

interface Search<Row> {
  readonly way: number
  readonly taken: Row[]
  last: Row | null
}

/** The rows of a page that are wanted, and the row after which the next page begins: null where there is none. */
export interface Taken<Row> {
  readonly rows: readonly Row[]
  readonly last: Row | null
}

/**
 * Takes a page from several searches, each of which finds all wanted rows in the same order. Which of them skips the fewest
 * others is not known in advance: they take turns, and the first that completes the page gives it. Yields the number of the
 * search that is to go on, takes its next row, or undefined at its end, and returns the page.
 */
export function* searchPage<Row>(
  ways: number,
  limit: number,
  isWanted: (row: Row) => boolean,
): Generator<number, Taken<Row>, Row | undefined> {
  const searches = Array.from({ length: ways }, (_, way): Search<Row> => ({ way, taken: [], last: null }))
  for (let turn = 0; turn < SCAN_LIMIT + limit; turn++) {
    for (const search of searches) {
      const row = yield search.way
      const { taken, last } = search
      if (row === undefined) return { rows: taken, last: null }
      if (taken.length === limit) return { rows: taken, last }
      search.last = row
      if (isWanted(row)) taken.push(row)
    }
  }
  // The search that found the most rows got furthest.
  const [furthest] = searches.sort((one, other) => other.taken.length - one.taken.length)
  return { rows: furthest?.taken ?? [], last: furthest?.last ?? null }
}
