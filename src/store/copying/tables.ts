/** The tables of a store, ordered so that rows refer only to tables before their own. Both kinds of store have these columns. */

export type ColumnType = 'bigint' | 'integer' | 'text' | 'bytea'
export type Cell = null | number | string | Uint8Array
/** The values of a row, in the order of its table's columns. */
export type Row = readonly Cell[]

export interface Table {
  readonly name: string
  readonly columns: readonly (readonly [name: string, type: ColumnType])[]
  /** How many of the first columns form the primary key. */
  readonly key: number
  /** Whether the first column is numbered by the store. */
  readonly numbered: boolean
}

const types: readonly ColumnType[] = ['bigint', 'integer', 'text', 'bytea']

export const tables: readonly Table[] = [
  table('kinds', 1, true, 'id:integer source:text type:text'),
  table('rates', 1, true, 'id:integer channel:text key:text state:text'),
  table('destinations', 1, true, 'id:integer channel:text target:text rate:integer'),
  table(
    'events',
    1,
    true,
    `seq:bigint id:text message_id:text source:text type:text subject:text received_at:bigint sent_at:bigint
     secret_index:integer unrouted:integer problem:text takes_up:text taken_up_by:text body:bytea enriched:text enrichment:text`,
  ),
  table(
    'plans',
    2,
    false,
    'event:bigint number:integer at:bigint cause:text fingerprint:text unrouted:integer routes:text',
  ),
  table(
    'deliveries',
    1,
    true,
    `seq:bigint id:text event:bigint kind:integer plan:integer route:text receiver:text destination:integer rate:integer
     template:text conversation:text grouping:text stands_in_for:text state:text reason:text due_at:bigint held_until:bigint
     leased_at:bigint holder:text replaced_by:integer attempts:integer ambiguous_attempts:integer created_at:bigint
     retrying_since:bigint dismissed_at:bigint`,
  ),
  table(
    'attempts',
    2,
    false,
    'delivery:bigint number:integer started_at:bigint duration_ms:bigint outcome:text notes:text step:text',
  ),
  table('enrichments', 1, false, 'event:bigint cause:text due_at:bigint holder:text current:text'),
  table('stages', 1, false, 'event:bigint lifecycle:text key:text stage:text round:integer'),
  table('refused_clocks', 1, false, 'source:text received_at:bigint sent_at:bigint'),
]

function table(name: string, key: number, numbered: boolean, columns: string): Table {
  const parsed = columns.split(/\s+/).map((each) => {
    const [column = '', type] = each.split(':')
    return [column, types.find((known) => known === type) ?? 'text'] as const
  })
  return { name, key, numbered, columns: parsed }
}

const MOST_ROWS = 1_000
// Each body may have megabytes, and is in memory several times.
const MOST_BYTES = 4_000_000

/** `SELECT` of rows in the order of the key; `after`: only those after a key. `parameter` names the n-th value, counted from 1. */
export function selectRows(
  { name, columns, key }: Table,
  after: boolean,
  parameter: (n: number) => string,
): string {
  const names = columns.map(([column]) => column)
  const keys = names.slice(0, key)
  const values = keys.map((_, index) => parameter(index + 1))
  const follows = after ? `(${keys.join(', ')}) > (${values.join(', ')})` : 'true'
  const fits = name === 'events' ? ` AND seq <= (${lastThatFits(follows)})` : ''
  return `SELECT ${names.join(', ')} FROM ${name} WHERE ${follows}${fits} ORDER BY ${keys.join(', ')} LIMIT ${MOST_ROWS}`
}

/** Sizes are read without reading the values. */
function lastThatFits(follows: string): string {
  return `SELECT max(seq) FROM (
    SELECT seq, size, sum(size) OVER (ORDER BY seq) AS bytes FROM (
      SELECT seq, octet_length(body) + coalesce(octet_length(enriched), 0) AS size
      FROM events WHERE ${follows} ORDER BY seq LIMIT ${MOST_ROWS}) AS sizes) AS sums
    WHERE bytes - size < ${MOST_BYTES}`
}

export function keyOf(table: Table, row: Row): Row {
  return row.slice(0, table.key)
}

/** Less than 0 where the first key comes before the second. Texts sort by their bytes. */
export function compareKeys(one: Row, other: Row): number {
  for (const [index, left] of one.entries()) {
    const right = other[index] ?? null
    const order =
      typeof left === 'number' && typeof right === 'number'
        ? left - right
        : Buffer.compare(Buffer.from(String(left)), Buffer.from(String(right)))
    if (order !== 0) return order
  }
  return 0
}

/** The key of the last row; null if there is none. */
export function lastOf(table: Table, rows: readonly Row[]): Row | null {
  const last = rows.at(-1)
  return last === undefined ? null : keyOf(table, last)
}
