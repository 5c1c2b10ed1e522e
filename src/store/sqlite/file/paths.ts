import { lstatSync, mkdirSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

/**
 * The path without symbolic links, of a file that need not exist; its folders are made. SQLite names its log after this
 * path, and the lock of a service is beside it, so that a store is the same one under all its paths.
 */
export function realPath(path: string, links = 0): string {
  try {
    return realpathSync(path)
  } catch (error) {
    if (!isMissing(error) || links > 40) throw error
  }
  const target = linkAt(path)
  if (target !== null) return realPath(resolve(dirname(path), target), links + 1)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  return join(realpathSync(dirname(path)), basename(path))
}

function linkAt(path: string): string | null {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true ? readlinkSync(path) : null
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
