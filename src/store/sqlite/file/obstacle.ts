/** Finds out why a store cannot be used, and what to do: SQLite reports most causes as "unable to open" or "I/O error". */
import { accessSync, closeSync, constants, existsSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Remedy, wordsFor } from '../../../files/failure.ts'

const PAGE = Buffer.alloc(4_096)

/** How an operator may help a service that cannot use its store. */
export const storeOfService: Remedy = {
  use: 'write',
  rename: 'correct store.url',
  permit: 'give it to the user that the service runs as (chown)',
}

/** Tries to write beside the file. Null where that works, and the file may be written too. */
export function obstacleTo(path: string, remedy: Remedy): string | null {
  try {
    tryToWrite(dirname(path))
    if (existsSync(path)) accessSync(path, constants.R_OK | constants.W_OK)
    return null
  } catch (error) {
    return wordsFor(error, path, remedy)
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
