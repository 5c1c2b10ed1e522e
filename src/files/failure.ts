/** What a failure of the file system means to the operator, and what to do about it. */
import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'

/** What the operator can do if a path is wrong or not accessible; each completes a sentence. */
export interface Remedy {
  /** Whether the file should already exist. */
  readonly use: 'read' | 'write'
  /** Names another path: `correct store.url`. */
  readonly rename: string
  /** Gives the user access: `give it to the user that the service runs as (chown)`. */
  readonly permit: string
}

/** One sentence about `path`, with what to do. Null for an error that is not of the file system, or that has no description here. */
export function wordsFor(error: unknown, path: string, { use, rename, permit }: Remedy): string | null {
  if (!isOfFileSystem(error)) return null
  const folder = dirname(path)
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
      if (error.syscall === 'mkdir' && error.path !== undefined)
        return `there is no folder ${error.path}, and this user (uid ${process.geteuid?.()}) may not make it; ${permit}`
      return `this user (uid ${process.geteuid?.()}) may not ${use === 'read' ? 'read' : 'use'} ${failedAt(error, path)}; ${permit}`
    case 'ENOENT':
      if (use === 'read') return `there is no file ${path}; ${rename}`
      // Only the folder was missing, but the system could not create it.
      if (error.syscall === 'mkdir' && error.path !== undefined)
        return `no folder can be made in ${dirname(error.path)}; ${rename}`
      return `there is no folder ${folder}; make it, or ${rename}`
    case 'EEXIST':
      if (error.syscall === 'open') return `${path} exists already; ${rename}`
      return `a part of ${folder} is a file, not a folder; ${rename}`
    case 'ENOTDIR':
      return `a part of ${folder} is a file, not a folder; ${rename}`
    case 'EISDIR':
      return `${path} is a folder; ${rename}`
    case 'ELOOP':
      return `${path} is a symbolic link that leads back to itself; correct it, or ${rename}`
    case 'ENAMETOOLONG':
      return `the name ${path} is too long; ${rename}`
    case 'EMFILE':
    case 'ENFILE':
      return 'too many files are open; raise the limit (ulimit -n, LimitNOFILE= under systemd)'
    case 'EIO':
      return `the disk that holds ${folder} failed; look into the system log`
    default:
      return null
  }
}

/** Whether this user lacks permission. */
export function isForbidden(error: unknown): boolean {
  return isOfFileSystem(error) && (error.code === 'EACCES' || error.code === 'EPERM')
}

type FileError = Error & { readonly code: unknown; readonly syscall: unknown; readonly path?: string }

function isOfFileSystem(error: unknown): error is FileError {
  return error instanceof Error && 'code' in error && 'syscall' in error
}

/** The file or a folder above it; for a temporary file beside it, the folder of both. */
function failedAt(error: FileError, path: string): string {
  return error.path !== undefined && path.startsWith(error.path) ? error.path : dirname(path)
}

function hasInodes(folder: string): boolean {
  try {
    const { files, ffree } = statfsSync(folder)
    // Some file systems do not count inodes, and report a total of 0.
    return files === 0 || ffree > 0
  } catch {
    return true
  }
}
