import { type Committed, StoreUnavailable } from '../store.ts'
import { asUnavailable, type Database } from './database.ts'
import type { StoreFiles } from './file/store-files.ts'

interface Operation {
  /** Whether its result must survive the process. If so, it is rejected once another file is at the store's path. */
  readonly needsFile: boolean
  /** Runs inside the transaction; what it returns is called after the commit. */
  readonly perform: () => () => void
  readonly reject: (error: unknown) => void
}

// A commit waits for further changes, but for at most this many turns of the event loop.
const MAX_TURNS = 3

interface Failure {
  readonly error: unknown
}

/**
 * Runs changes in one transaction, with one fsync: all that are requested until a turn of the event loop brings no more.
 * A disk that fails rejects all of them with StoreUnavailable; a change that fails on its own rejects alone.
 */
export class GroupCommit {
  readonly #database: Database
  readonly #files: Pick<StoreFiles, 'check'> | undefined
  readonly #after: () => void
  readonly #listeners: Committed[] = []
  #waiting: Operation[] = []

  /** `after` is called after each commit. */
  constructor(database: Database, files?: Pick<StoreFiles, 'check'>, after: () => void = () => {}) {
    this.#database = database
    this.#files = files
    this.#after = after
  }

  onCommit(listener: Committed): void {
    this.#listeners.push(listener)
  }

  /** Resolves with the result of `change`, after it is on disk. `change` may run twice: again after a rollback. */
  run<T>(change: () => T): Promise<T> {
    return this.#ask(change, true)
  }

  /** The same for changes that only this process needs: they still work after the file was moved. */
  runAnyhow<T>(change: () => T): Promise<T> {
    return this.#ask(change, false)
  }

  #ask<T>(change: () => T, needsFile: boolean): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    if (this.#waiting.length === 0) setImmediate(() => this.#gather(0, 1))
    this.#waiting.push({
      needsFile,
      perform() {
        const result = change()
        return () => resolve(result)
      },
      reject,
    })
    return promise
  }

  /** Under load, requests arrived while this turn handled others. Another turn, which does not wait, includes them. */
  #gather(before: number, turn: number): void {
    const count = this.#waiting.length
    if (count > before && turn < MAX_TURNS) setImmediate(() => this.#gather(count, turn + 1))
    else this.flush()
  }

  /** Commits the waiting changes at once, not at the end of the turn. */
  flush(): void {
    const asked = this.#waiting
    this.#waiting = []
    if (asked.length === 0) return
    const batch = this.#withoutLost(asked)
    if (batch.length === 0) return
    const failure = this.#commit(batch)
    if (failure === undefined) return
    if (batch.length === 1 || failure.error instanceof StoreUnavailable) rejectAll(batch, failure)
    else this.#commitOneByOne(batch)
  }

  /** Rejects the operations that are no longer possible, and returns the others. */
  #withoutLost(batch: readonly Operation[]): readonly Operation[] {
    const loss = this.#files?.check() ?? null
    if (loss === null) return batch
    const isLost = ({ needsFile }: Operation) => needsFile || loss.kind === 'broken'
    rejectAll(batch.filter(isLost), { error: new StoreUnavailable(loss.message) })
    return batch.filter((operation) => !isLost(operation))
  }

  #commitOneByOne(batch: readonly Operation[]): void {
    for (const [index, operation] of batch.entries()) {
      const failure = this.#commit([operation])
      if (failure === undefined) continue
      if (failure.error instanceof StoreUnavailable) {
        // The others would wait for the same disk.
        rejectAll(batch.slice(index), failure)
        return
      }
      operation.reject(failure.error)
    }
  }

  /** Returns the error for which the whole batch was rolled back; undefined after a commit. */
  #commit(batch: readonly Operation[]): Failure | undefined {
    try {
      const done = this.#database.write(
        () => batch.map((operation) => operation.perform()),
        (durationMs) => {
          for (const listener of this.#listeners) listener(batch.length, durationMs)
        },
      )
      // The file may have been moved meanwhile: only what was in it after the commit is acknowledged now.
      const kept = new Set(this.#withoutLost(batch))
      for (const [index, operation] of batch.entries()) if (kept.has(operation)) done[index]?.()
      this.#tidy()
      return undefined
    } catch (error) {
      return { error: asUnavailable(error, this.#database.path) }
    }
  }

  /** The commit is on disk whether this succeeds or not: the next one tries again. */
  #tidy(): void {
    try {
      this.#after()
    } catch (error) {
      if (!(asUnavailable(error, this.#database.path) instanceof StoreUnavailable)) throw error
    }
  }
}

function rejectAll(batch: readonly Operation[], { error }: Failure): void {
  for (const operation of batch) operation.reject(error)
}
