import type { Database } from '../database.ts'
import { mark, markerOf, newRound } from './log-marker.ts'

// A burst writes the same pages of the indexes again and again; with this, each is copied only once per this many pages of the log.
const PAGES = 4_000

/** Copies the write-ahead log into the file from time to time, and marks both: see log-marker.ts. */
export class Checkpoints {
  readonly #database: Database
  readonly #copied: () => void
  #round: number
  #pages = 0
  #pagesBefore = 0
  #isMarked = true

  /** `copied` is called after the file was written. Only the service process creates this, before it does anything else. */
  constructor(database: Database, copied: () => void) {
    this.#database = database
    this.#copied = copied
    this.#round = markerOf(Number(database.pragma('application_id')))?.round ?? newRound()
    this.#copy()
  }

  get round(): number {
    return this.#round
  }

  /** Called after each commit. Fails with the errors of the disk; the next call then continues. */
  afterCommit(): void {
    if (!this.#isMarked) this.#markWhole()
    const pages = this.#database.pagesOfLog()
    // A log that was restarted has fewer pages than before.
    if (pages < this.#pages) this.#pagesBefore = 0
    this.#pages = pages
    if (pages - this.#pagesBefore >= PAGES) this.#copy()
  }

  /**
   * Finishes what a full disk interrupted; false if that is not possible now. Until then the database must not be closed: SQLite would
   * copy and delete the log, and the next start would refuse a file that is marked as incomplete without it.
   */
  finish(): boolean {
    if (this.#isMarked) return true
    try {
      this.#markWhole()
      return true
    } catch {
      // The next start does it.
      return false
    }
  }

  /** Copies everything and empties the log. False if another process is still reading it. */
  copyAll(): boolean {
    return this.#database.checkpoint('TRUNCATE')
  }

  isEmpty(): boolean {
    try {
      return this.#database.pagesOfLog() === 0
    } catch {
      // Before SQLite 3.51, it tries to copy pages that do not exist.
      return false
    }
  }

  #copy(): void {
    const round = newRound()
    this.#isMarked = false
    this.#database.write(() => mark(this.#database, { round, inLog: true }))
    // While another process reads the log, it is not restarted: the round stays the same.
    if (this.#database.checkpoint('PASSIVE')) this.#round = round
    this.#copied()
    this.#markWhole()
    this.#pages = this.#database.pagesOfLog()
    this.#pagesBefore = this.#pages
  }

  #markWhole(): void {
    this.#database.write(() => mark(this.#database, { round: this.#round, inLog: false }))
    this.#isMarked = true
  }
}
