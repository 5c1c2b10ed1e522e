import { accessSync, constants, statSync } from 'node:fs'
import { isThere } from '../../files/presence.ts'
import { giveToOwner } from '../backup.ts'
import { asUnavailable, Database } from '../sqlite/database.ts'
import { takeInstanceLock } from '../sqlite/file/instance-lock.ts'
import { refuseParts } from '../sqlite/file/log-marker.ts'
import { type FileRole, storeOfOperator, storeOfService } from '../sqlite/file/obstacle.ts'
import { realPath } from '../sqlite/file/paths.ts'
import {
  inUseOfCopy,
  isUnfinished,
  refuseForeign,
  refuseNewer,
  refuseOlder,
} from '../sqlite/file/refusals.ts'
import { schemaVersion, versionOf } from '../sqlite/migrations/migrations.ts'
import { openSqlite } from '../sqlite.ts'
import { StoreRefused } from '../store.ts'
import type { Side, Target } from './side.ts'
import { type Cell, keyOf, type Row, selectRows, type Table } from './tables.ts'

const BUSY_TIMEOUT_MS = 10_000

export async function openSqliteSource(path: string): Promise<Side> {
  refuseMissing(path)
  return opened(path, storeOfOperator, (database) => {
    refuseForeign(database)
    refuseNewer(database)
    refuseOlder(database)
    // Commands, which may change a store without the lock of a service, wait.
    database.execute('BEGIN IMMEDIATE')
  })
}

function refuseMissing(path: string): void {
  try {
    if (!isThere(path)) throw new StoreRefused('missing', `there is no store at ${path}; correct <from>`)
    accessSync(path, constants.R_OK)
  } catch (error) {
    throw asUnavailable(error, path, storeOfOperator)
  }
}

/** Identifies the store, whichever path leads to it. If it does not exist yet, its folders are created. */
export function identityOf(path: string): string {
  try {
    return `sqlite:${realPath(path)}`
  } catch (error) {
    throw asUnavailable(error, path)
  }
}

/** Creates the file if there is none. */
export async function openSqliteTarget(path: string): Promise<Target> {
  if (isEmpty(path)) {
    const store = await openSqlite({ path, role: 'service' })
    await store.close()
    giveToOwner(realPath(path))
  }
  return opened(path, storeOfService, (database) => {
    if (!isUnfinished(database)) refuseForeign(database)
    refuseNewer(database)
    refuseOtherVersion(database)
    // Each batch is a transaction: after a power cut, the copy continues after the last one that is on disk.
    database.execute('PRAGMA synchronous = NORMAL')
    // Message ids are in no particular order, so each is written to another page of their index.
    database.execute('PRAGMA cache_size = -64000')
  })
}

function isEmpty(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0
}

/** A store with an older schema is not migrated only to find out that it is not empty. */
function refuseOtherVersion(database: Database): void {
  const found = versionOf(database)
  if (found === schemaVersion) return
  const message = `${database.path} has schema ${found}, but this hookbridge fills schema ${schemaVersion}; name a file that does not exist yet`
  throw new StoreRefused('older_schema', message)
}

function opened(configured: string, role: FileRole, check: (database: Database) => void): Target {
  let release: (() => void) | undefined
  let database: Database | undefined
  try {
    const path = realPath(configured)
    release = takeInstanceLock(path)
    if (release === undefined) throw new StoreRefused('in_use', inUseOfCopy(path))
    refuseParts(path)
    database = new Database(path, BUSY_TIMEOUT_MS)
    check(database)
    return side(database, release)
  } catch (error) {
    database?.close()
    release?.()
    throw asUnavailable(error, configured, role)
  }
}

type Raw = Readonly<Record<string, null | number | bigint | string | Uint8Array>>

function side(database: Database, release: () => void): Target {
  const identity = `sqlite:${database.path}`
  const get = (sql: string) => database.prepare<Raw>(sql).get()
  async function safely<T>(work: () => T): Promise<T> {
    try {
      return work()
    } catch (error) {
      throw asUnavailable(error, database.path)
    }
  }
  return {
    name: identity,
    identity,
    rows: (table, after) =>
      safely(() => {
        const statement = database.prepare<Raw>(selectRows(table, after !== null, (n) => `?${n}`))
        return statement.all(...(after ?? [])).map((row) => cells(table, row))
      }),
    count: ({ name }) => safely(() => Number(get(`SELECT count(*) AS count FROM ${name}`)?.count)),
    state: () =>
      safely(() => {
        const row = get(
          `SELECT pid, started_at, (SELECT max(seq) FROM events) AS events,
             (SELECT max(seq) FROM deliveries) AS deliveries FROM holder`,
        )
        return JSON.stringify({ store: identity, ...row })
      }),
    seenAt: () => safely(() => Number(get('SELECT seen_at FROM holder')?.seen_at ?? 0)),
    unfinished: () =>
      safely(() => {
        if (!isUnfinished(database)) return null
        return String(get('SELECT source FROM unfinished_copy')?.source ?? '')
      }),
    begin: (from) =>
      safely(() =>
        database.write(() => {
          database.execute('CREATE TABLE unfinished_copy (source TEXT NOT NULL) STRICT')
          database.prepare('INSERT INTO unfinished_copy VALUES (?)').run(from)
        }),
      ),
    lastKey: (table) => safely(() => lastKey(database, table)),
    insert: (table, rows) => safely(() => insert(database, table, rows)),
    finish: (seenAt) => safely(() => finish(database, seenAt)),
    async close() {
      database.close()
      release()
    },
  }
}

function insert(database: Database, table: Table, rows: readonly Row[]): void {
  const names = table.columns.map(([name]) => name)
  const holes = names.map(() => '?')
  const statement = database.prepare(
    `INSERT INTO ${table.name} (${names.join(', ')}) VALUES (${holes.join(', ')})`,
  )
  database.write(() => {
    for (const row of rows) statement.run(...row)
  })
}

function finish(database: Database, seenAt: number): void {
  database.execute('PRAGMA synchronous = FULL')
  database.write(() => {
    database.prepare('UPDATE holder SET seen_at = ?').run(seenAt)
    database.execute('DROP TABLE unfinished_copy')
  })
  database.checkpoint('TRUNCATE')
}

function lastKey(database: Database, table: Table): Row | null {
  const keys = table.columns.slice(0, table.key).map(([name]) => name)
  const order = keys.map((key) => `${key} DESC`).join(', ')
  const row = database
    .prepare<Raw>(`SELECT ${keys.join(', ')} FROM ${table.name} ORDER BY ${order} LIMIT 1`)
    .get()
  return row === undefined ? null : keyOf(table, cells(table, row))
}

function cells({ columns }: Table, row: Raw): readonly Cell[] {
  return columns.map(([name]) => {
    const value = row[name] ?? null
    return typeof value === 'bigint' ? Number(value) : value
  })
}
