/** Several indexed streams of rows as one, in their order: each is read a few rows at a time, and only as far as it is needed. */
import { Heap } from './heap.ts'
import type { Position } from './pages.ts'

const LARGEST_BATCH = 512
const GROWTH = 2

export type MergeStep<Row> =
  | { readonly kind: 'row'; readonly row: Row }
  /** The next rows of a stream are needed: at most so many behind `after`. */
  | { readonly kind: 'read'; readonly stream: number; readonly after: Row; readonly limit: number }
  | { readonly kind: 'end' }

interface Buffer<Row extends Position> {
  readonly stream: number
  rows: readonly Row[]
  next: number
  batch: number
}

export type Order = 'newest first' | 'oldest first'

/** The merge of streams, each of which has its rows in the same order. */
export class Merge<Row extends Position> {
  readonly #heap: Heap<Buffer<Row>>
  /** Whose last row was given out, and which is to be read on. */
  #empty: Buffer<Row> | null = null

  /** The first rows of each stream, or none; and how many of one stream are read next. */
  constructor(
    first: Iterable<readonly [stream: number, rows: readonly Row[]]>,
    batch: number,
    order: Order = 'newest first',
  ) {
    const isBefore = order === 'newest first' ? isNewer : isOlder
    this.#heap = new Heap((one, other) => isBefore(head(one), head(other)))
    for (const [stream, rows] of first) {
      if (rows.length > 0) this.#heap.push({ stream, rows, next: 0, batch })
    }
  }

  /** The next row, or what has to be read before it. */
  next(): MergeStep<Row> {
    const top = this.#heap.first
    if (top === undefined) return { kind: 'end' }
    const last = top.rows.at(-1)
    if (this.#empty !== null && last !== undefined) {
      return { kind: 'read', stream: top.stream, after: last, limit: top.batch }
    }
    const row = top.rows[top.next]
    if (row === undefined) throw new Error('an empty stream is in the heap')
    top.next += 1
    if (top.next === top.rows.length) this.#empty = top
    else this.#heap.sink()
    return { kind: 'row', row }
  }

  /** The rows that `next` asked for; none at the end of the stream. */
  read(rows: readonly Row[]): void {
    const buffer = this.#empty
    if (buffer === null) throw new Error('no stream is to be read on')
    this.#empty = null
    buffer.rows = rows
    buffer.next = 0
    buffer.batch = Math.min(buffer.batch * GROWTH, LARGEST_BATCH)
    if (rows.length === 0) this.#heap.removeFirst()
    else this.#heap.sink()
  }
}

function head<Row extends Position>(buffer: Buffer<Row>): Position {
  return buffer.rows[buffer.next] ?? { time: -1, seq: -1 }
}

function isNewer(one: Position, other: Position): boolean {
  return one.time > other.time || (one.time === other.time && one.seq > other.seq)
}

function isOlder(one: Position, other: Position): boolean {
  return isNewer(other, one)
}
