import { lstatSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { makeFolders } from '../../../files/folders.ts'

/**
 * Resolves symbolic links in the path of a file, which need not exist; its folders are created. SQLite names its log after this
 * path, and the lock of a service is beside it, so all paths of a store lead to the same log and lock.
 */
export function realPath(path: string, links = 0): string {
  try {
    return realpathSync(path)
  } catch (error) {
    if (!isMissing(error) || links > 40) throw error
  }
  const target = linkAt(path)
  if (target !== null) return realPath(resolve(dirname(path), target), links + 1)
  makeFolders(dirname(path), 0o700)
  return join(realpathSync(dirname(path)), basename(path))
}

function linkAt(path: string): string | null {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true ? readlinkSync(path) : null
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
