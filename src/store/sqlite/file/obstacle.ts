/** Finds out why a store cannot be used, and what to do: SQLite reports most causes as "unable to open" or "I/O error". */
import { accessSync, closeSync, constants, openSync, statSync, unlinkSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Remedy, wordsFor } from '../../../files/failure.ts'

const PAGE = Buffer.alloc(4_096)

/** How messages call a database file that cannot be used. */
export interface FileRole extends Remedy {
  readonly name: string
  /** What failed, if SQLite does not say it. */
  readonly done: 'made' | 'opened' | 'read' | 'written'
}

export const storeOfService: FileRole = {
  name: 'the store',
  done: 'made',
  use: 'write',
  rename: 'correct store.url',
  permit: 'give it to the user that the service runs as (chown)',
}

/** For a command, which does not create the file. */
export const storeOfOperator: FileRole = {
  name: 'the store',
  done: 'opened',
  use: 'read',
  rename: 'correct store.url',
  permit: "run this as root, or as the service's user",
}

export const backupToWrite: FileRole = {
  name: 'the backup',
  done: 'written',
  use: 'write',
  rename: 'name another file',
  permit: 'name another file, or run this as a user who may',
}
export const backupToRead: FileRole = {
  ...backupToWrite,
  done: 'read',
  use: 'read',
  permit: 'run this as a user who may',
}

/** Null if the file can be used, and a file can be written beside it. */
export function obstacleTo(path: string, remedy: Remedy): string | null {
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found?.isDirectory()) return `${path} is a folder; ${remedy.rename}`
    if (found !== undefined) accessSync(path, constants.R_OK | constants.W_OK)
  } catch (error) {
    return wordsFor(error, path, remedy)
  }
  try {
    tryToWrite(dirname(path))
    return null
  } catch (error) {
    return wordsFor(error, path, { ...remedy, use: 'write' })
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
