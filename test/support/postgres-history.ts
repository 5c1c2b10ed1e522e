/** Copies a store from SQLite to PostgreSQL as it is, by SQL. */
import { DatabaseSync } from 'node:sqlite'
import { Readable } from 'node:stream'
import type { Postgres } from './postgres.ts'

const tables = [
  'events',
  'kinds',
  'plans',
  'rates',
  'destinations',
  'deliveries',
  'attempts',
  'enrichments',
  'stages',
] as const
const identities: readonly (readonly [table: string, column: string])[] = [
  ['events', 'seq'],
  ['kinds', 'id'],
  ['rates', 'id'],
  ['destinations', 'id'],
  ['deliveries', 'seq'],
]

/** `url` is that of a store with an empty schema. */
export async function copyHistory(path: string, postgres: Postgres, url: string): Promise<void> {
  const database = new DatabaseSync(path, { readOnly: true })
  for (const table of tables) {
    const columns = database
      .prepare(`PRAGMA table_info(${table})`)
      .all()
      .map(({ name }) => String(name))
    const copy = `COPY hookbridge.${table} (${columns.join(', ')}) FROM STDIN (FORMAT csv)`
    const rows = database.prepare(`SELECT ${columns.join(', ')} FROM ${table}`).iterate()
    await postgres.load(copy, url, Readable.from(csv(rows)))
  }
  for (const [table, column] of identities) {
    const last = `(SELECT coalesce(max(${column}), 0) + 1 FROM hookbridge.${table})`
    postgres.query(
      `SELECT setval(pg_get_serial_sequence('hookbridge.${table}', '${column}'), ${last}, false)`,
      url,
    )
  }
  postgres.query('VACUUM ANALYZE', url)
  database.close()
}

function* csv(rows: Iterable<Readonly<Record<string, unknown>>>): Generator<string> {
  let lines: string[] = []
  for (const row of rows) {
    lines.push(`${Object.values(row).map(field).join(',')}\n`)
    if (lines.length === 1_000) {
      yield lines.join('')
      lines = []
    }
  }
  yield lines.join('')
}

function field(value: unknown): string {
  if (value === null) return ''
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  return typeof value === 'string' ? `"${value.replaceAll('"', '""')}"` : String(value)
}
