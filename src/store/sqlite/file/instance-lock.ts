import { Database, isBusy } from '../database.ts'
import { createPrivately } from './private-file.ts'

/**
 * Lets one service at a time work on a store. The lock is SQLite's own on a file beside the store: the operating
 * system releases it when the process ends, however it ends. The file itself is kept: removing it would be a race.
 * Returns a function that releases the lock, or undefined if another process, or another store of this process, holds it.
 */
export function takeInstanceLock(storePath: string): (() => void) | undefined {
  const path = `${storePath}.lock`
  createPrivately(path)
  const lock = new Database(path, 0)
  try {
    // Nothing is written, so that the lock can be taken even on a full disk.
    lock.execute('PRAGMA journal_mode = MEMORY')
    lock.execute('BEGIN EXCLUSIVE')
    return () => lock.close()
  } catch (error) {
    lock.close()
    if (isBusy(error)) return undefined
    throw error
  }
}
