import { StoreUnavailable } from '../store.ts'

interface Asked<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

export interface BatchOptions<Item, Result> {
  /** Commits all of them in one transaction. The results are in their order. */
  readonly commit: (items: readonly Item[]) => Promise<readonly Result[]>
  /** Items with the same key do not share a transaction: the second one sees what the first one did. */
  readonly keyOf: (item: Item) => string
  readonly most: number
}

/**
 * Shares commits: while one is under way, what is asked meanwhile waits, and is then committed together. A store that is
 * unavailable rejects all of a batch; an item that fails on its own rejects alone.
 */
export class Batches<Item, Result> {
  readonly #options: BatchOptions<Item, Result>
  #waiting: Asked<Item, Result>[] = []
  #running: Promise<void> | undefined

  constructor(options: BatchOptions<Item, Result>) {
    this.#options = options
  }

  add(item: Item): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    this.#waiting.push({ item, resolve, reject })
    this.#running ??= this.#run()
    return promise
  }

  /** Whether another batch will begin. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0
  }

  /** Resolves when all that was asked is committed, or failed. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    // What is asked in one turn of the event loop goes together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) await this.#commit(this.#next())
    this.#running = undefined
  }

  #next(): readonly Asked<Item, Result>[] {
    const { most, keyOf } = this.#options
    const seen = new Set<string>()
    const batch: Asked<Item, Result>[] = []
    const later: Asked<Item, Result>[] = []
    for (const asked of this.#waiting) {
      const key = keyOf(asked.item)
      if (batch.length < most && !seen.has(key)) batch.push(asked)
      else later.push(asked)
      seen.add(key)
    }
    this.#waiting = later
    return batch
  }

  async #commit(batch: readonly Asked<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#options.commit(batch.map(({ item }) => item))
      for (const [index, result] of results.entries()) batch[index]?.resolve(result)
    } catch (error) {
      if (batch.length === 1 || error instanceof StoreUnavailable) {
        for (const { reject } of batch) reject(error)
        return
      }
      for (const each of batch) await this.#commit([each])
    }
  }
}
