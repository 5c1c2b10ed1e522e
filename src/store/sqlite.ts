/** A store in one SQLite file, for one machine: one process delivers from it, others may read and change it meanwhile. */
import { accessSync, constants } from 'node:fs'
import { isThere } from '../files/presence.ts'
import { asUnavailable, Database } from './sqlite/database.ts'
import { releaseEnrichments } from './sqlite/enrichments.ts'
import { Checkpoints } from './sqlite/file/checkpoints.ts'
import { takeInstanceLock } from './sqlite/file/instance-lock.ts'
import { markWhole, refuseParts } from './sqlite/file/log-marker.ts'
import { storeOfOperator, storeOfService } from './sqlite/file/obstacle.ts'
import { realPath } from './sqlite/file/paths.ts'
import { createPrivately } from './sqlite/file/private-file.ts'
import { inUse, refuseForeign, refuseNewer, refuseOlder } from './sqlite/file/refusals.ts'
import { StoreFiles } from './sqlite/file/store-files.ts'
import { migrate } from './sqlite/migrations/migrations.ts'
import { createSqliteStore } from './sqlite/store.ts'
import { type Store, StoreRefused, StoreUnavailable } from './store.ts'

export interface SqliteOptions {
  /** A file, created with its folders if it is missing; or `:memory:`. */
  readonly path: string
  /**
   * `service`: the one process that claims; makes the file and brings its schema up to date.
   * `operator`: reads, resends and replays while a service may be running.
   */
  readonly role: 'service' | 'operator'
}

// How long the event loop may be blocked while another process writes; each such write takes one fsync.
// Less than the shortest server.request_timeout, so that no request that arrived meanwhile counts as slow.
const SERVICE_BUSY_TIMEOUT_MS = 500
const OPERATOR_BUSY_TIMEOUT_MS = 10_000

/** Opens a store. Throws StoreRefused, or StoreUnavailable if the file cannot be used. */
export async function openSqlite({ path, role }: SqliteOptions): Promise<Store> {
  try {
    return role === 'service' ? openAsService(path) : openAsOperator(path)
  } catch (error) {
    throw asUnavailable(error, path, role === 'service' ? storeOfService : storeOfOperator)
  }
}

function openAsService(configured: string): Store {
  if (configured === ':memory:') return inMemory(configured)
  const path = realPath(configured)
  const release = takeInstanceLock(path)
  if (release === undefined) throw new StoreRefused('in_use', inUse(path))
  try {
    createPrivately(path)
    refuseParts(path)
    const database = new Database(path, SERVICE_BUSY_TIMEOUT_MS)
    return closedOnError(database, () => {
      prepare(database)
      const files = new StoreFiles(configured, path)
      const checkpoints = new Checkpoints(database, () => files.written())
      files.watch(checkpoints)
      return createSqliteStore(database, release, { files, checkpoints })
    })
  } catch (error) {
    release()
    throw error
  }
}

function inMemory(path: string): Store {
  const database = new Database(path, SERVICE_BUSY_TIMEOUT_MS)
  return closedOnError(database, () => {
    prepare(database)
    return createSqliteStore(database, () => {})
  })
}

function prepare(database: Database): void {
  refuseForeign(database)
  refuseNewer(database)
  configure(database)
  database.write(() => {
    migrate(database)
    takeOver(database)
  })
}

function openAsOperator(path: string): Store {
  if (!isThere(path)) {
    const hint = 'start the service once, which makes it, or check store.url'
    throw new StoreRefused('missing', `there is no store at ${path}; ${hint}`)
  }
  accessSync(path, constants.R_OK)
  refuseParts(path)
  const database = new Database(path, OPERATOR_BUSY_TIMEOUT_MS)
  return closedOnError(database, () => {
    refuseForeign(database)
    refuseNewer(database)
    refuseOlder(database)
    configure(database)
    markWhole(database)
    return createSqliteStore(database, () => {})
  })
}

function closedOnError(database: Database, open: () => Store): Store {
  try {
    return open()
  } catch (error) {
    database.close()
    throw error
  }
}

function configure(database: Database): void {
  // A write-ahead log allows reads while the service writes; with FULL, a commit survives a power cut.
  const mode = database.pragma('journal_mode = WAL')
  if (mode !== 'wal' && mode !== 'memory') {
    throw new StoreUnavailable(`${database.path} cannot have a write-ahead log; put it on a local disk`)
  }
  database.execute('PRAGMA synchronous = FULL')
  // Truncates a log that became long because of a slow reader.
  database.execute('PRAGMA journal_size_limit = 67108864')
  // The service copies the log into the file itself, and marks both.
  database.execute('PRAGMA wal_autocheckpoint = 0')
  // A commit that splits pages walks through the whole cache: 4 MB are enough for what is written to; the system caches the rest.
  database.execute('PRAGMA cache_size = -4000')
}

/** Ends the leases of earlier processes, which cannot be running because this one has the lock, and records the holder. */
function takeOver(database: Database): void {
  const now = Date.now()
  // Uses the index of due deliveries, because there may be many finished ones. The clock may have been set back since.
  database
    .prepare(
      `UPDATE deliveries INDEXED BY deliveries_due SET due_at = min(due_at, leased_at, ?)
       WHERE due_at IS NOT NULL AND state = 'sending'`,
    )
    .run(now)
  releaseEnrichments(database, now)
  database
    .prepare(
      `INSERT INTO holder (one, pid, started_at) VALUES (1, ?, ?)
       ON CONFLICT DO UPDATE SET pid = excluded.pid, started_at = excluded.started_at`,
    )
    .run(process.pid, now)
}
