/** Copies a store while a service uses it, and restores such a copy. */
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  lchownSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { isThere } from '../files/presence.ts'
import { withoutPassword } from '../postgres-url/password.ts'
import { isPostgres } from '../postgres-url/url.ts'
import { pathOf } from './open.ts'
import { asUnavailable, Database } from './sqlite/database.ts'
import { takeInstanceLock } from './sqlite/file/instance-lock.ts'
import { mark, newRound, refuseParts } from './sqlite/file/log-marker.ts'
import {
  backupToRead,
  backupToWrite,
  type FileRole,
  storeOfOperator,
  storeOfService,
} from './sqlite/file/obstacle.ts'
import { partOf, removeAbandonedParts, removePart } from './sqlite/file/part.ts'
import { realPath } from './sqlite/file/paths.ts'
import { copyPrivately, createPrivately } from './sqlite/file/private-file.ts'
import { inUse, refuseForeign, refuseNewer } from './sqlite/file/refusals.ts'
import { StoreRefused } from './store.ts'

/** What a copy holds. */
export interface Contents {
  readonly bytes: number
  readonly events: number
  /** When the newest event was received; null if there is none. */
  readonly newest: number | null
  /** Deliveries that are still to be attempted. */
  readonly waiting: number
}

const BUSY_TIMEOUT_MS = 10_000

/**
 * Copies the store to a new file that only its owner can read, checks the copy, and moves it to `target` in one step. `progress` is called
 * with the share that is done, from 0 to 1. Throws StoreRefused or StoreUnavailable, and then leaves nothing behind.
 */
export async function backUp(
  url: string,
  target: string,
  { replace, progress }: { readonly replace: boolean; readonly progress: (done: number) => void },
): Promise<Contents> {
  refusePostgres(url, 'pg_dump --format=custom --schema=hookbridge --file=FILE URL')
  const path = pathOf(url)
  const source = openSource(path)
  try {
    refuseTarget(path, target, replace)
    return await copy(source, target, progress)
  } finally {
    source.close()
  }
}

function openSource(path: string): Database {
  return using(path, storeOfOperator, () => {
    refuseUnreadable(path, 'store.url')
    refuseParts(path)
    const source = new Database(path, BUSY_TIMEOUT_MS)
    try {
      refuseForeign(source)
      return source
    } catch (error) {
      source.close()
      throw error
    }
  })
}

function refuseTarget(path: string, target: string, replace: boolean): void {
  const found = using(target, backupToWrite, () => statSync(target, { throwIfNoEntry: false }))
  if (found === undefined) return
  const refused = (why: string) => new StoreRefused('exists', `${target} ${why}`)
  if (found.isDirectory()) throw refused('is a folder; name a file in it')
  // A backup would also replace a device.
  if (!found.isFile()) throw refused('is not a regular file; name another file')
  if (isSameFile(path, target)) throw refused('is the store itself; name another file')
  if (!replace) throw refused('exists; name another file, or add --force to replace it')
}

async function copy(source: Database, target: string, progress: (done: number) => void): Promise<Contents> {
  const made = partOf(target)
  using(target, backupToWrite, () => {
    removeAbandonedParts(target)
    removePart(made)
    createPrivately(made)
  })
  try {
    await source.copyTo(made, progress)
    const contents = finish(made)
    renameSync(made, target)
    sync(dirname(target))
    return contents
  } catch (error) {
    removePart(made)
    throw asUnavailable(error, target, backupToWrite)
  }
}

/**
 * Replaces the store by a copy; no service may be using the store. A store that exists is moved aside. `incomplete`: also accept
 * a copy that lacks its write-ahead log.
 */
export function restore(
  url: string,
  from: string,
  { replace, incomplete }: { readonly replace: boolean; readonly incomplete: boolean },
): Contents & { readonly movedTo: string | null } {
  refusePostgres(url, 'replace its schema with pg_restore and psql, while no instance runs')
  using(from, backupToRead, () => refuseUnreadable(from, 'the name of the copy'))
  const configured = pathOf(url)
  const path = using(configured, storeOfService, () => realPath(configured))
  const release = using(path, storeOfService, () => takeInstanceLock(path))
  if (release === undefined) throw new StoreRefused('in_use', inUse(path))
  const made = partOf(path)
  try {
    removeAbandonedParts(path)
    if (isThere(path) && !replace && !isSameFile(path, from)) {
      throw new StoreRefused('exists', `there is a store at ${path}; add --force to move it aside`)
    }
    if (!incomplete) refuseParts(from)
    removePart(made)
    copyPrivately(from, made)
    if (!incomplete && isThere(`${from}-wal`)) copyPrivately(`${from}-wal`, `${made}-wal`)
    const contents = finish(made)
    const movedTo = moveAside(path)
    renameSync(made, path)
    giveToOwner(path)
    sync(dirname(path))
    return { ...contents, movedTo }
  } catch (error) {
    removePart(made)
    throw asUnavailable(error, path)
  } finally {
    release()
  }
}

function refusePostgres(url: string, instead: string): void {
  if (!isPostgres(url)) return
  const message = `${withoutPassword(url)} is a PostgreSQL database; use its own tools: ${instead} (docs/postgresql.md, "Backups")`
  throw new StoreRefused('unusable', message)
}

/** Returns what `work` returns; errors name this file. */
function using<T>(path: string, role: FileRole, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw asUnavailable(error, path, role)
  }
}

function refuseUnreadable(path: string, where: string): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) throw new StoreRefused('missing', `there is no file ${path}; correct ${where}`)
  if (!found.isFile()) throw new StoreRefused('foreign', `${path} is not a file; correct ${where}`)
  accessSync(path, constants.R_OK)
}

/** Checks a copy, and makes it one complete file, with a marker of its own. */
function finish(path: string): Contents {
  const database = new Database(path, BUSY_TIMEOUT_MS)
  try {
    refuseForeign(database)
    refuseNewer(database)
    const found = database.prepare<{ quick_check: string }>('PRAGMA quick_check(1)').get()?.quick_check
    if (found !== 'ok') throw new StoreRefused('damaged', `the copy is damaged (${found}); use another one`)
    const count = database.prepare<{ events: number; newest: number | null }>(
      'SELECT count(*) AS events, max(received_at) AS newest FROM events',
    )
    const waiting = database.prepare<{ count: number }>(
      'SELECT count(*) AS count FROM deliveries WHERE due_at IS NOT NULL',
    )
    const { events, newest } = count.get() ?? { events: 0, newest: null }
    const contents = { events, newest, waiting: waiting.get()?.count ?? 0 }
    database.pragma('journal_mode = DELETE')
    database.write(() => mark(database, { round: newRound(), inLog: false }))
    database.close()
    sync(path)
    return { ...contents, bytes: statSync(path).size }
  } finally {
    database.close()
  }
}

/**
 * The store also stays at its path until another file replaces it. If the process ends in between, the path still has a store;
 * otherwise the next start would create an empty one. A store without its log is refused.
 */
function moveAside(path: string): string | null {
  if (!isThere(path)) return null
  const aside = `${path}.before-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`
  try {
    linkSync(path, aside)
  } catch {
    // Some file systems do not support links.
    renameSync(path, aside)
  }
  // SQLite finds a log by the name of its file.
  if (isThere(`${path}-wal`)) renameSync(`${path}-wal`, `${aside}-wal`)
  rmSync(`${path}-shm`, { force: true })
  return aside
}

/** If root made the files, they are given to the owner of the folder, which is the service's user. */
export function giveToOwner(path: string): void {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = statSync(dirname(path))
  for (const each of [path, `${path}.lock`]) lchownSync(each, uid, gid)
}

function isSameFile(one: string, other: string): boolean {
  const [a, b] = [statSync(one), statSync(other)]
  return a.dev === b.dev && a.ino === b.ino
}

/** Waits until a file, or the entries of a folder, are on disk. */
function sync(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
