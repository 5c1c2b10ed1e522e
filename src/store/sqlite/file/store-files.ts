/** Detects that the files of an open store were deleted, moved or replaced: later commits would be lost at a restart. */
import { type Stats, statSync, truncateSync, unlinkSync } from 'node:fs'
import { markerOfFile } from './log-marker.ts'

/**
 * `moved`: the database is open and complete, but not at its path; what was accepted can still be delivered from it.
 * `broken`: the file and its log no longer match, and the database cannot be used.
 */
export interface Loss {
  readonly kind: 'moved' | 'broken'
  /** What happened, and what to do. */
  readonly message: string
}

type Found = Pick<Stats, 'dev' | 'ino' | 'mtimeMs' | 'size'> | undefined

export interface OpenLog {
  /** The number of the log's current round, which is also in the file. */
  readonly round: number
  /** Copies the log into the file and empties it; false if that is not possible now. */
  copyAll(): boolean
  /** By SQLite's own count, which does not notice a log that was emptied by others. */
  isEmpty(): boolean
}

export class StoreFiles {
  /** As configured; a symbolic link in it may be changed. */
  readonly #path: string
  readonly #realPath: string
  readonly #listeners: ((message: string) => void)[] = []
  #file: Found
  readonly #log: Found
  readonly #index: Found
  #openLog: OpenLog | undefined
  #loss: Loss | null = null
  /** The file and its log were separated: only reopening helps. */
  #isFinal = false

  /** The store must be open, and must have been written to. */
  constructor(path: string, realPath: string) {
    this.#path = path
    this.#realPath = realPath
    this.#file = found(realPath)
    this.#log = found(`${realPath}-wal`)
    this.#index = found(`${realPath}-shm`)
  }

  get loss(): Loss | null {
    return this.#loss
  }

  watch(log: OpenLog): void {
    this.#openLog = log
    this.written()
  }

  onLoss(listener: (message: string) => void): void {
    this.#listeners.push(listener)
  }

  /** The service has written into the file itself. */
  written(): void {
    const file = found(this.#realPath)
    if (isSame(file, this.#file)) this.#file = file
  }

  /** Three calls of stat(2), about 10 µs. Called before each commit, and before its result is acknowledged. */
  check(): Loss | null {
    if (this.#isFinal) return this.#loss
    const before = this.#loss
    this.#loss = this.#look()
    if (this.#loss !== null && before === null) {
      try {
        this.#save(this.#loss)
      } catch {
        // The disk may be gone too; the loss is reported anyway.
      }
      for (const listener of this.#listeners) listener(this.#loss.message)
    }
    return this.#loss
  }

  /** Whether SQLite may close the file: it deletes the log by its path, which may be the log of another file by now. */
  mayBeClosed(): boolean {
    const file = found(this.#realPath)
    const log = found(`${this.#realPath}-wal`)
    const looksTheSame = file?.ino === this.#file?.ino && file?.dev !== this.#file?.dev
    return !looksTheSame && (log === undefined || isSame(log, this.#log))
  }

  #look(): Loss | null {
    const file = found(this.#path)
    if (!isSame(file, this.#file)) return moved(this.#path, file !== undefined)
    for (const [name, then] of [
      [`${this.#realPath}-wal`, this.#log],
      [`${this.#realPath}-shm`, this.#index],
    ] as const) {
      const now = found(name)
      if (!isSame(now, then)) return broken(name, 'was deleted or replaced')
      // SQLite's shell and litestream empty a log after they have copied it.
      if (now?.size === 0 && this.#openLog?.isEmpty() !== true) return broken(name, 'was emptied')
    }
    if (file?.mtimeMs === this.#file?.mtimeMs && file?.size === this.#file?.size) return null
    // Another program wrote to it. The marker is still there if SQLite copied the log, but not if another file was copied over it.
    const marker = markerOfFile(this.#realPath)
    // If it cannot be read (too many open files), the next check tries again.
    if (marker === undefined) return null
    if (marker?.round !== this.#openLog?.round) return broken(this.#path, 'was overwritten by another file')
    this.#file = file
    return null
  }

  /** Brings file and log together for the next start if they match, and removes a log that would damage another file. */
  #save({ kind }: Loss): void {
    const file = found(this.#realPath)
    const log = found(`${this.#realPath}-wal`)
    const isFileHere = isSame(file, this.#file)
    if (kind === 'moved') {
      // SQLite would apply the log to whatever file is put at this path.
      if (isFileHere || !this.#copyLog()) return
      this.#isFinal = this.#removeOwn()
      return
    }
    this.#isFinal = true
    const isOverwritten = isSame(log, this.#log) && isSame(found(`${this.#realPath}-shm`), this.#index)
    if (isOverwritten) {
      if (log?.size !== 0) truncateSync(`${this.#realPath}-wal`)
      this.#removeOwn()
    } else if (log === undefined || isSame(log, this.#log)) this.#copyLog()
  }

  #copyLog(): boolean {
    return this.#openLog?.copyAll() ?? false
  }

  /** Deletes the log and its index if they are still at their path. */
  #removeOwn(): boolean {
    const own = [
      [`${this.#realPath}-wal`, this.#log],
      [`${this.#realPath}-shm`, this.#index],
    ] as const
    const here = own.filter(([name, then]) => isSame(found(name), then))
    for (const [name] of here) unlinkSync(name)
    return here.length > 0
  }
}

function found(path: string): Found {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    // A file that cannot be inspected cannot be opened at the next start either.
    return undefined
  }
}

function isSame(one: Found, other: Found): boolean {
  return one !== undefined && one.dev === other?.dev && one.ino === other.ino
}

const UNTIL_THEN =
  'No event is accepted until then; messages of events that were accepted before are still sent'

function moved(path: string, isReplaced: boolean): Loss {
  const what = isReplaced
    ? `${path} is not the file that was opened: it was replaced, or another volume is mounted there`
    : `${path} is gone: it was deleted or renamed, or its volume was unmounted`
  const then = isReplaced
    ? 'restart the service, which then uses the file that is there now; if you do not want that, put the old one back first'
    : 'put it back and restart the service; without it, a restart begins with an empty store'
  return { kind: 'moved', message: `${what}. ${UNTIL_THEN}. To continue: ${then}` }
}

function broken(path: string, what: string): Loss {
  return {
    kind: 'broken',
    message: `${path} ${what} while the service ran. Nothing is accepted or delivered any more; restart the service`,
  }
}
