/** Pages of lists, newest first: positions, cursors, and the merging of several indexed streams into one order. */

/** A row's position in a list: its time, and its row number among those of the same time. */
export interface Position {
  readonly time: number
  readonly seq: number
}

/** After every row. */
export const START: Position = { time: Number.MAX_SAFE_INTEGER, seq: Number.MAX_SAFE_INTEGER }

/** Rows older than a position, newest first, at most so many. */
export type Stream<Row extends Position> = (after: Position, limit: number) => readonly Row[]

const FIRST_BATCH = 4
const LARGEST_BATCH = 512

/**
 * Merges the rows of all streams into one order, reading a few at a time from each: a page costs one read of each stream and
 * its own rows.
 */
export function* merge<Row extends Position>(
  streams: readonly Stream<Row>[],
  after: Position,
): Generator<Row> {
  const heap: Buffer<Row>[] = []
  for (const stream of streams) {
    const buffer = { stream, rows: stream(after, 1), next: 0, batch: FIRST_BATCH }
    if (buffer.rows.length > 0) push(heap, buffer)
  }
  for (let top = heap[0]; top !== undefined; top = heap[0]) {
    const row = top.rows[top.next]
    if (row === undefined) throw new Error('an empty stream is in the heap')
    yield row
    top.next += 1
    if (top.next === top.rows.length) refill(top, row)
    if (top.rows.length === 0) removeTop(heap)
    else sink(heap)
  }
}

interface Buffer<Row extends Position> {
  readonly stream: Stream<Row>
  rows: readonly Row[]
  next: number
  batch: number
}

function refill<Row extends Position>(buffer: Buffer<Row>, last: Row): void {
  buffer.rows = buffer.stream(last, buffer.batch)
  buffer.next = 0
  buffer.batch = Math.min(buffer.batch * 2, LARGEST_BATCH)
}

function head<Row extends Position>(buffer: Buffer<Row> | undefined): Position {
  return buffer?.rows[buffer.next] ?? { time: -1, seq: -1 }
}

function isNewer(one: Position, other: Position): boolean {
  return one.time > other.time || (one.time === other.time && one.seq > other.seq)
}

function push<Row extends Position>(heap: Buffer<Row>[], buffer: Buffer<Row>): void {
  let index = heap.push(buffer) - 1
  while (index > 0) {
    const parent = (index - 1) >> 1
    if (!isNewer(head(heap[index]), head(heap[parent]))) return
    swap(heap, index, parent)
    index = parent
  }
}

function removeTop<Row extends Position>(heap: Buffer<Row>[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  heap[0] = last
  sink(heap)
}

function sink<Row extends Position>(heap: Buffer<Row>[]): void {
  for (let index = 0; ; ) {
    let newest = index
    for (const child of [2 * index + 1, 2 * index + 2]) {
      if (child < heap.length && isNewer(head(heap[child]), head(heap[newest]))) newest = child
    }
    if (newest === index) return
    swap(heap, index, newest)
    index = newest
  }
}

function swap<Item>(items: Item[], one: number, other: number): void {
  const [a, b] = [items[one], items[other]]
  if (a === undefined || b === undefined) return
  items[one] = b
  items[other] = a
}

/** One page reads at most so many rows: if its filter skips most of them, it ends early, with a next page. */
const SCAN_LIMIT = 1_500

interface Search<Row> {
  readonly rows: Iterator<Row>
  readonly taken: Row[]
  last: Row | null
}

/** The rows of a page that are wanted, and the row after which the next page begins: null where there is none. */
interface Taken<Row> {
  readonly rows: readonly Row[]
  readonly last: Row | null
}

/**
 * Takes a page from several searches, each of which finds all wanted rows in the same order. Which of them skips the fewest
 * others is not known in advance: they take turns, and the first that completes the page gives it.
 */
export function takePage<Row>(
  ways: readonly Iterable<Row>[],
  limit: number,
  isWanted: (row: Row) => boolean,
): Taken<Row> {
  const searches = ways.map((rows): Search<Row> => ({ rows: rows[Symbol.iterator](), taken: [], last: null }))
  for (let turn = 0; turn < SCAN_LIMIT + limit; turn++) {
    for (const search of searches) {
      const end = step(search, limit, isWanted)
      if (end !== null) return end
    }
  }
  // The search that found the most rows got furthest.
  const [furthest] = searches.sort((one, other) => other.taken.length - one.taken.length)
  return { rows: furthest?.taken ?? [], last: furthest?.last ?? null }
}

/** Reads one more row; returns the page if it is complete now. */
function step<Row>(search: Search<Row>, limit: number, isWanted: (row: Row) => boolean): Taken<Row> | null {
  const { rows, taken, last } = search
  const next = rows.next()
  if (next.done === true) return { rows: taken, last: null }
  if (taken.length === limit) return { rows: taken, last }
  search.last = next.value
  if (isWanted(next.value)) taken.push(next.value)
  return null
}

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
