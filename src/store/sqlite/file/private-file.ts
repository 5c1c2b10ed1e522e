import { closeSync, constants, copyFileSync, fchmodSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { makeFolders } from '../../../files/folders.ts'

/**
 * Makes an empty file, and its folders, that only their owner may read; what exists already is left as it is.
 * An existing file is not even opened: closing it again would drop this process's locks on it.
 */
export function createPrivately(path: string): void {
  makeFolders(dirname(path), 0o700)
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}

/**
 * Copies to a file that must not exist, for its owner alone. The folder may be another user's, as the service's is where root restores:
 * a link that is there is not followed.
 */
export function copyPrivately(from: string, to: string): void {
  copyFileSync(from, to, constants.COPYFILE_EXCL)
  const copy = openSync(to, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    fchmodSync(copy, 0o600)
  } finally {
    closeSync(copy)
  }
}
