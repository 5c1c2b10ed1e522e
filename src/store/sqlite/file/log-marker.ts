/**
 * A SQLite store that is in use consists of two files: the last commits are in the write-ahead log beside the file. The database
 * records this in its application id, so that a copy of one without the other is detected:
 *
 * - While the log is in use, the id in the file itself is `inLog`, and the id in the log replaces it. Only a reader of the
 *   file without its log sees `inLog`.
 * - Each round of the log has a number, which is in the file and in the log. A log that belongs to another file, or to an
 *   older state of the file, has a different number.
 */
import { randomInt } from 'node:crypto'
import { statSync } from 'node:fs'
import { StoreRefused } from '../../store.ts'
import { applicationIdOf, type Database } from '../database.ts'

interface Marker {
  readonly round: number
  /** The last commits are in the log. */
  readonly inLog: boolean
}

// 'H' in the highest byte, then the number of the round, then a bit.
const TAG = 0x48
const ROUNDS = 2 ** 23

export function newRound(): number {
  return randomInt(ROUNDS)
}

/** To be called inside a transaction. */
export function mark(database: Database, { round, inLog }: Marker): void {
  database.execute(`PRAGMA application_id = ${TAG * 2 ** 24 + round * 2 + (inLog ? 1 : 0)}`)
}

/** Null if there is none: the store of an earlier version, or a database of another program. */
export function markerOf(applicationId: number): Marker | null {
  if (applicationId >>> 24 !== TAG) return null
  return { round: (applicationId >>> 1) % ROUNDS, inLog: (applicationId & 1) === 1 }
}

/** What the file itself records, without its log; undefined if it cannot be read now. */
export function markerOfFile(path: string): Marker | null | undefined {
  const id = applicationIdOf(path, 'file')
  return id === undefined ? undefined : markerOf(id)
}

/**
 * Called once the store is open: a process that ended between two steps of `Checkpoints` left the mark of a file
 * without its log on a file that has one.
 */
export function markWhole(database: Database): void {
  const marker = markerOf(Number(database.pragma('application_id')))
  if (marker?.inLog === true) database.write(() => mark(database, { ...marker, inLog: false }))
}

const TRIES = 5

/**
 * Throws StoreRefused if the file lacks its log, or if the log beside it belongs to another file. A file that cannot be read
 * is not refused, because opening it reports why.
 */
export function refuseParts(path: string): void {
  const log = `${path}-wal`
  for (let tried = 0; tried < TRIES; tried += 1) {
    const wasEmpty = isEmpty(log)
    const before = wasEmpty ? undefined : applicationIdOf(path, 'with log')
    const file = markerOfFile(path)
    // A service may start, stop or begin another round at any time.
    if (isEmpty(log) !== wasEmpty) continue
    if (wasEmpty) {
      if (file?.inLog === true) throw new StoreRefused('incomplete', incomplete(path))
      return
    }
    if (applicationIdOf(path, 'with log') !== before) continue
    const whole = before === undefined ? null : markerOf(before)
    if (!file || whole === null || whole.inLog || whole.round === file.round) return
    throw new StoreRefused('incomplete', mismatched(path))
  }
}

function isEmpty(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0
}

function incomplete(path: string): string {
  return (
    `${path} is incomplete: its write-ahead log, ${path}-wal, which contains the last changes, is missing. ` +
    'It is a copy made while the service ran, another name (a hard link, a mount) of a store that is in use, or its log was ' +
    'deleted. Put the log beside it, restore a copy made by "hookbridge backup", or accept the loss of these changes: ' +
    `"hookbridge restore --incomplete ${path}"`
  )
}

function mismatched(path: string): string {
  return (
    `${path}-wal is the write-ahead log of another file, or of an older state of this one: was ${path} replaced without it? ` +
    'Put back the file that it belongs to; or, to continue with the file as it is, move the log away ' +
    `(mv ${path}-wal ${path}-wal.old) and start again`
  )
}
