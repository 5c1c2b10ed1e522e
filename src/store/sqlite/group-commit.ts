import { type Committed, StoreUnavailable } from '../store.ts'
import { asUnavailable, type Database } from './database.ts'

interface Operation {
  /** Runs inside the transaction; what it returns is called after the commit. */
  readonly perform: () => () => void
  readonly reject: (error: unknown) => void
}

interface Failure {
  readonly error: unknown
}

/**
 * Runs all changes requested in one turn of the event loop in one transaction, with one fsync.
 * A disk that fails rejects all of them with StoreUnavailable; a change that fails on its own rejects alone.
 */
export class GroupCommit {
  readonly #database: Database
  readonly #listeners: Committed[] = []
  #waiting: Operation[] = []

  constructor(database: Database) {
    this.#database = database
  }

  onCommit(listener: Committed): void {
    this.#listeners.push(listener)
  }

  /** Resolves with the result of `change`, after it is on disk. `change` may run twice: again after a rollback. */
  run<T>(change: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    if (this.#waiting.length === 0) setImmediate(() => this.flush())
    this.#waiting.push({
      perform() {
        const result = change()
        return () => resolve(result)
      },
      reject,
    })
    return promise
  }

  /** Commits the waiting changes at once, not at the end of the turn. */
  flush(): void {
    const batch = this.#waiting
    this.#waiting = []
    if (batch.length === 0) return
    const failure = this.#commit(batch)
    if (failure === undefined) return
    if (batch.length === 1 || failure.error instanceof StoreUnavailable) rejectAll(batch, failure)
    else this.#commitOneByOne(batch)
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
      for (const resolve of done) resolve()
      return undefined
    } catch (error) {
      return { error: asUnavailable(error, this.#database.path) }
    }
  }
}

function rejectAll(batch: readonly Operation[], { error }: Failure): void {
  for (const operation of batch) operation.reject(error)
}
