/** The only file that imports node:sqlite, which is a release candidate. */
import { backup, DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { wordsFor } from '../../files/failure.ts'
import { StoreUnavailable } from '../store.ts'
import { type FileRole, obstacleTo, storeOfService } from './file/obstacle.ts'
import { KnownRows } from './known-rows.ts'
import { ClaimSchedule } from './queue/schedule.ts'

/** What may be bound: `undefined` throws on Node 24 and is NULL on 26, so it is left out. */
export type Value = null | number | string | Uint8Array
/** A row as a query returns it; declare the rows of a query as a type alias of this shape. */
export type Row = Readonly<Record<string, null | number | bigint | string | Uint8Array>>

export interface Statement<R extends Row> {
  get(...values: readonly Value[]): R | undefined
  all(...values: readonly Value[]): R[]
  /** `lastInsertRowid` is much cheaper than a RETURNING clause. */
  run(...values: readonly Value[]): { readonly lastInsertRowid: number | bigint }
}

/** One connection with its prepared statements. Everything it does is synchronous. */
export class Database {
  readonly path: string
  readonly #connection: DatabaseSync
  readonly #busyTimeoutMs: number
  #waitsForMs: number
  readonly #statements = new Map<string, Statement<Row>>()
  /** How many rows this connection had changed in total after its last write. */
  #changed = 0
  readonly known = new KnownRows()
  /** What claims have read through this connection. */
  readonly schedule = new ClaimSchedule()

  /**
   * `busyTimeoutMs`: how long to wait (blocking) for another process that is writing. After such a timeout, each further change
   * waits only briefly until one succeeds: otherwise several in a row would block this process for the sum of their timeouts.
   */
  constructor(path: string, busyTimeoutMs: number) {
    this.path = path
    this.#busyTimeoutMs = busyTimeoutMs
    this.#waitsForMs = busyTimeoutMs
    this.#connection = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true })
  }

  /** Runs SQL that returns nothing. */
  execute(sql: string): void {
    this.#connection.exec(sql)
  }

  /** Prepares a statement, once for each text. */
  prepare<R extends Row = Row>(sql: string): Statement<R> {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#connection.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement as Statement<R>
  }

  /** The value of a pragma. */
  pragma(name: string): number | string | null {
    const row = this.#connection.prepare(`PRAGMA ${name}`).get()
    const value = row === undefined ? null : Object.values(row)[0]
    return typeof value === 'number' || typeof value === 'string' ? value : null
  }

  /** Copies a snapshot of the database; `progress` is called with the share that is done, from 0 to 1. */
  async copyTo(path: string, progress: (done: number) => void): Promise<void> {
    // Kept open, because otherwise each commit of another process would make SQLite restart the copy.
    this.execute('BEGIN')
    try {
      this.prepare('SELECT count(*) FROM sqlite_schema').get()
      await backup(this.#connection, path, {
        rate: PAGES_AT_ONCE,
        progress: ({ totalPages, remainingPages }) => progress(1 - remainingPages / Math.max(1, totalPages)),
      })
    } finally {
      this.execute('ROLLBACK')
    }
  }

  /** How many pages the write-ahead log has. Before SQLite 3.51, which introduced NOOP, this also copies them. */
  pagesOfLog(): number {
    return this.#checkpointed('NOOP').log
  }

  /** Copies the write-ahead log into the file; false if another process still needs a part of it. */
  checkpoint(mode: 'PASSIVE' | 'TRUNCATE'): boolean {
    if (!this.#connection.isOpen) return false
    const { busy, log, checkpointed } = this.#checkpointed(mode)
    return busy === 0 && checkpointed >= log
  }

  /**
   * Runs `work` in a write transaction: all of it is on disk when this returns, or none of it and this throws.
   * `committed` is called with the milliseconds that the commit took, if there was something to commit.
   */
  write<T>(work: () => T, committed: (durationMs: number) => void = () => {}): T {
    let began = 0
    const result = this.#waitingLess(() =>
      this.#transaction('BEGIN IMMEDIATE', () => {
        const made = work()
        began = performance.now()
        return made
      }),
    )
    const took = performance.now() - began
    const before = this.#changed
    this.#changed = this.#changes()
    if (this.#changed !== before) committed(took)
    return result
  }

  /** Runs `work` on one snapshot of the data. */
  read<T>(work: () => T): T {
    return this.#transaction('BEGIN', work)
  }

  /** Idempotent. */
  close(): void {
    this.#statements.clear()
    if (this.#connection.isOpen) this.#connection.close()
  }

  #checkpointed(mode: string) {
    type Result = { busy: number; log: number; checkpointed: number }
    const result = this.prepare<Result>(`PRAGMA wal_checkpoint(${mode})`).get()
    return result ?? { busy: 1, log: 0, checkpointed: 0 }
  }

  #transaction<T>(begin: string, work: () => T): T {
    if (!this.#connection.isOpen) throw new StoreUnavailable(`the store ${this.path} is closed`)
    this.#run(begin)
    try {
      const result = work()
      this.#run('COMMIT')
      return result
    } catch (error) {
      this.known.forget()
      this.schedule.forget()
      // SQLite has already rolled back after some errors, a full disk among them.
      if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK')
      throw error
    }
  }

  #waitingLess<T>(change: () => T): T {
    try {
      const result = change()
      this.#waitFor(this.#busyTimeoutMs)
      return result
    } catch (error) {
      if (isBusy(error)) this.#waitFor(Math.min(this.#busyTimeoutMs, BUSY_AGAIN_TIMEOUT_MS))
      throw error
    }
  }

  #waitFor(ms: number): void {
    if (this.#waitsForMs === ms || !this.#connection.isOpen) return
    this.#connection.exec(`PRAGMA busy_timeout = ${ms}`)
    this.#waitsForMs = ms
  }

  #changes(): number {
    if (!this.#connection.isOpen) return 0
    return this.prepare<{ count: number }>('SELECT total_changes() AS count').get()?.count ?? 0
  }

  #run(sql: string): void {
    this.prepare(sql).run()
  }
}

/**
 * The application id of a database. `file`: without its write-ahead log; `with log`: the log must exist.
 * 0 if the file is not a database, undefined if it cannot be read now.
 */
export function applicationIdOf(path: string, part: 'file' | 'with log'): number | undefined {
  try {
    const url = part === 'file' ? `${pathToFileURL(path).href}?immutable=1` : path
    const connection = new DatabaseSync(url, { readOnly: true, timeout: APPLICATION_ID_TIMEOUT_MS })
    try {
      const row = connection.prepare('PRAGMA application_id').get()
      return typeof row?.application_id === 'number' ? row.application_id : 0
    } finally {
      connection.close()
    }
  } catch (error) {
    return primaryCode(error) === SQLITE_NOT_A_DATABASE ? 0 : undefined
  }
}

// SQLite tries about ten times within it.
const BUSY_AGAIN_TIMEOUT_MS = 50
const PAGES_AT_ONCE = 2_000
const APPLICATION_ID_TIMEOUT_MS = 2_000
const SQLITE_BUSY = 5
const SQLITE_NOT_A_DATABASE = 26
// Errors that may be temporary. SQLite's codes: https://sqlite.org/rescode.html
const unavailable: ReadonlyMap<number, string> = new Map([
  [SQLITE_BUSY, 'another process holds it too long'],
  [6, 'another connection holds it'],
  [7, 'out of memory'],
  [8, 'it cannot be written; check its owner, its permissions, and that the disk is not mounted read-only'],
  [10, 'the disk failed; check the system log'],
  [11, 'the file is damaged; stop the service and restore a backup'],
  [13, 'the disk is full; make room'],
  [14, 'it cannot be opened; check that its folder exists and may be written'],
  [15, 'its locks do not work here; put it on a local disk'],
  [SQLITE_NOT_A_DATABASE, 'the file is not a SQLite database; check store.url'],
])

// For these, writing another file beside the store shows the cause.
const vague: ReadonlySet<number> = new Set([8, 10, 14])

/** Turns an error that the disk or another process caused into StoreUnavailable; returns others unchanged. */
export function asUnavailable(error: unknown, path: string, role: FileRole = storeOfService): unknown {
  if (!(error instanceof Error)) return error
  // Errors of the file system, from creating the file.
  if ('syscall' in error) {
    const words = wordsFor(error, path, role) ?? error.message
    return new StoreUnavailable(`${role.name} ${path} cannot be ${role.done}: ${words}`, { cause: error })
  }
  const code = primaryCode(error) ?? -1
  const why = (vague.has(code) && path !== ':memory:' && obstacleTo(path, role)) || unavailable.get(code)
  if (why === undefined) return error
  return new StoreUnavailable(`${role.name} ${path} is unavailable: ${why} (${error.message})`, {
    cause: error,
  })
}

export function isBusy(error: unknown): boolean {
  return primaryCode(error) === SQLITE_BUSY
}

function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
    return undefined
  // The lowest byte of an extended code is the primary code.
  return error.errcode & 0xff
}
