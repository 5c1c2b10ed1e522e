/** Compares a table of two stores row by row. */
import { createHash } from 'node:crypto'
import type { Side } from './side.ts'
import { compareKeys, keyOf, lastOf, type Row, type Table } from './tables.ts'

export interface Compared {
  readonly table: string
  readonly rows: number
  readonly targetRows: number
  /** A hash of all rows of the source in the order of their keys, as hexadecimal digits. */
  readonly sha256: string
  readonly targetSha256: string
  /** The keys of the first rows that differ or are in only one of the stores. */
  readonly differing: readonly string[]
}

const MOST_KEYS_SHOWN = 10

export function isEqual({ rows, targetRows, sha256, targetSha256, differing }: Compared): boolean {
  return rows === targetRows && sha256 === targetSha256 && differing.length === 0
}

/** `seen` is called with the number of rows compared so far; null if it returns that the copy should stop. */
export async function compareTable(
  from: Side,
  to: Side,
  table: Table,
  seen: (rows: number) => boolean,
): Promise<Compared | null> {
  const [source, target] = [new Reader(from, table), new Reader(to, table)]
  const differing: string[] = []
  const report = (row: Row) =>
    void (differing.length < MOST_KEYS_SHOWN && differing.push(keyOf(table, row).join('/')))
  let [one, other] = [await source.next(), await target.next()]
  while (one !== null || other !== null) {
    if (source.isAtBatch && seen(source.rows)) return null
    const order = orderOf(table, one, other)
    if (one !== null && (order < 0 || (order === 0 && source.text !== target.text))) report(one)
    if (other !== null && order > 0) report(other)
    if (order <= 0) one = await source.next()
    if (order >= 0) other = await target.next()
  }
  return {
    table: table.name,
    rows: source.rows,
    targetRows: target.rows,
    sha256: source.digest(),
    targetSha256: target.digest(),
    differing,
  }
}

/** Less than 0 if the first row comes first, or if there is no second one. */
function orderOf(table: Table, one: Row | null, other: Row | null): number {
  if (one === null) return 1
  return other === null ? -1 : compareKeys(keyOf(table, one), keyOf(table, other))
}

/** Reads the rows of a table one by one. */
class Reader {
  readonly #side: Side
  readonly #table: Table
  readonly #hash = createHash('sha256')
  #batch: readonly Row[] = []
  #at = 0
  #after: Row | null = null
  #isEnd = false
  rows = 0
  /** The current row. */
  text = ''

  constructor(side: Side, table: Table) {
    this.#side = side
    this.#table = table
  }

  /** Whether the current row is the first of a batch. */
  get isAtBatch(): boolean {
    return this.#at === 1
  }

  /** Null after the last one. */
  async next(): Promise<Row | null> {
    if (this.#at === this.#batch.length && !this.#isEnd) {
      this.#batch = await this.#side.rows(this.#table, this.#after)
      this.#at = 0
      this.#after = lastOf(this.#table, this.#batch)
      this.#isEnd = this.#batch.length === 0
    }
    const row = this.#batch[this.#at]
    if (row === undefined) return null
    this.#at += 1
    this.rows += 1
    this.text = canonical(row)
    this.#hash.update(this.text)
    return row
  }

  digest(): string {
    return this.#hash.digest('hex')
  }
}

/** The same text for the same values, whichever store they come from. */
function canonical(row: Row): string {
  const cells = row.map((cell) =>
    cell instanceof Uint8Array ? { bytes: Buffer.from(cell).toString('base64') } : cell,
  )
  return `${JSON.stringify(cells)}\n`
}
