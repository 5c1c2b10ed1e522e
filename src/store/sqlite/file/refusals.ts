/** Messages for the operator: why a store must not be opened. */
import { StoreRefused } from '../../store.ts'
import { Database } from '../database.ts'
import { schemaVersion, versionOf } from '../migrations/migrations.ts'

/** The tables of the first version, which every later one has. */
const TABLES = ['events', 'deliveries', 'attempts', 'holder']

export function refuseForeign(database: Database): void {
  const names = database
    .prepare<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'")
    .all()
  if (isUnfinished(database)) {
    const message = `${database.path} is an unfinished copy made by "hookbridge migrate-store"; run that again to its end, or use another store`
    throw new StoreRefused('incomplete', message)
  }
  if (names.length === 0 || TABLES.every((table) => names.some(({ name }) => name === table))) return
  throw new StoreRefused('foreign', `${database.path} is the database of another program; correct store.url`)
}

/** Whether `migrate-store` has begun to fill it, but not finished. */
export function isUnfinished(database: Database): boolean {
  const sql = "SELECT 1 AS found FROM sqlite_schema WHERE type = 'table' AND name = 'unfinished_copy'"
  return database.prepare(sql).get() !== undefined
}

export function refuseNewer(database: Database): void {
  const found = versionOf(database)
  if (found <= schemaVersion) return
  const message = `${database.path} has schema ${found}, but this version of Hookbridge supports schemas up to ${schemaVersion}; upgrade hookbridge, or restore a backup that this version made`
  throw new StoreRefused('newer_schema', message)
}

export function refuseOlder(database: Database): void {
  const found = versionOf(database)
  if (found >= schemaVersion) return
  const message = `${database.path} has schema ${found}, but this hookbridge needs ${schemaVersion}; restart the service, which brings it up to date`
  throw new StoreRefused('older_schema', message)
}

export function inUse(path: string): string {
  return `another hookbridge service${described(path)} is using ${path}; stop it, or give this one another store.url`
}

/** For `migrate-store`, which also holds the lock of a service. */
export function inUseOfCopy(path: string): string {
  return `a hookbridge service${described(path)}, or another migrate-store, is using ${path}; stop it, and run this again`
}

/** The service that opened it last. */
function described(path: string): string {
  const holder = holderOf(path)
  if (holder === undefined) return ''
  return ` (process ${holder.pid}, since ${new Date(holder.started_at).toISOString()})`
}

function holderOf(path: string): { readonly pid: number; readonly started_at: number } | undefined {
  try {
    const database = new Database(path, 0)
    try {
      return database.prepare<{ pid: number; started_at: number }>('SELECT pid, started_at FROM holder').get()
    } finally {
      database.close()
    }
  } catch {
    // The message works without it.
    return undefined
  }
}
