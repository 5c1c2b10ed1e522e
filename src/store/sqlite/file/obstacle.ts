/** Finds out why a store cannot be written, and what to do: SQLite reports most causes as "unable to open" or "I/O error". */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  statfsSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

const PAGE = Buffer.alloc(4_096)

/** Tries to write beside the store. Null where that works, and the file may be written too. */
export function obstacleTo(path: string): string | null {
  try {
    tryToWrite(dirname(path))
    if (existsSync(path)) accessSync(path, constants.R_OK | constants.W_OK)
    return null
  } catch (error) {
    return wordsFor(error, path)
  }
}

/** Null for an error that is not of the file system. */
export function wordsFor(error: unknown, path: string): string | null {
  if (!(error instanceof Error && 'code' in error && 'syscall' in error)) return null
  const folder = dirname(path)
  const failed = 'path' in error ? String(error.path) : folder
  switch (error.code) {
    case 'ENOSPC':
      return hasInodes(folder)
        ? `the disk that holds ${folder} is full; make room`
        : `the disk that holds ${folder} has room, but no inodes left; delete files that are not needed`
    case 'EDQUOT':
      return `the disk quota for ${folder} is used up; make room, or raise the quota`
    case 'EROFS':
      return `${folder} is mounted read-only; mount it writable (after a disk error: look into the system log first)`
    case 'EACCES':
    case 'EPERM':
      return `this user (uid ${process.getuid?.()}) may not use ${failed}; give it to the user that the service runs as (chown)`
    case 'ENOENT':
      return `there is no folder ${folder}; make it, or correct store.url`
    case 'ENOTDIR':
    case 'EEXIST':
      return `a part of ${folder} is a file, not a folder; correct store.url`
    case 'EISDIR':
      return `${path} is a folder; correct store.url`
    case 'ELOOP':
      return `${path} is a symbolic link that leads back to itself; correct it, or store.url`
    case 'ENAMETOOLONG':
      return `the name ${path} is too long; correct store.url`
    case 'EMFILE':
    case 'ENFILE':
      return 'too many files are open; raise the limit (ulimit -n, LimitNOFILE= under systemd)'
    case 'EIO':
      return `the disk that holds ${folder} failed; look into the system log`
    default:
      return null
  }
}

function tryToWrite(folder: string): void {
  const path = join(folder, `.hookbridge-${process.pid}-${Date.now()}`)
  const file = openSync(path, 'wx', 0o600)
  try {
    writeSync(file, PAGE)
  } finally {
    closeSync(file)
    unlinkSync(path)
  }
}

function hasInodes(folder: string): boolean {
  try {
    const { files, ffree } = statfsSync(folder)
    // Some file systems do not count them, and report none in all.
    return files === 0 || ffree > 0
  } catch {
    return true
  }
}
