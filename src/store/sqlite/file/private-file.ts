import { closeSync, constants, copyFileSync, fchmodSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { makeFolders } from '../../../files/folders.ts'

/**
 * Creates an empty file, and its folders, that only their owner can read; existing ones are not changed.
 * An existing file is not even opened, because closing it would release this process's locks on it.
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
 * Copies to a file that must not exist, and that only its owner can read. The folder may belong to another user, such as the
 * service's when root restores: a symbolic link at that path is not followed.
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
