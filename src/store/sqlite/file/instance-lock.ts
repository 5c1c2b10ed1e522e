import { Database, isBusy } from '../database.ts'
import { createPrivately } from './private-file.ts'

/**
 * Lets one service at a time work on a store. The lock is SQLite's own on a file beside the store: the operating
 * system drops it with the process, however that ends. The file itself stays: removing it would be a race.
 * Returns what releases the lock, or undefined where another process, or another store of this one, holds it.
 */
export function takeInstanceLock(storePath: string): (() => void) | undefined {
  const path = `${storePath}.lock`
  createPrivately(path)
  const lock = new Database(path, 0)
  try {
    // Nothing is written, so that the lock can be taken on a full disk too.
    lock.execute('PRAGMA journal_mode = MEMORY')
    lock.execute('BEGIN EXCLUSIVE')
    return () => lock.close()
  } catch (error) {
    lock.close()
    if (isBusy(error)) return undefined
    throw error
  }
}
