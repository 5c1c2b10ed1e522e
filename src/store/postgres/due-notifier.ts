import type { Database } from './connection/database.ts'
import type { Instance } from './instance.ts'

export type Work = 'deliveries' | 'enrichments'

/** The command's own notification: it has no connection of its own. */
const NOTIFY = "SELECT pg_notify('hookbridge_due', '')"

/** Tells the claim loops, here and in other instances, that something may be due. */
export class DueNotifier {
  readonly #database: Database
  readonly #listeners = { deliveries: new Set<() => void>(), enrichments: new Set<() => void>() }
  /** Changes that are under way. */
  readonly #changes = { deliveries: new Set<Promise<unknown>>(), enrichments: new Set<Promise<unknown>>() }
  #instance: Instance | undefined
  #hasChanges = false
  #changesSoFar = 0

  constructor(database: Database) {
    this.#database = database
  }

  notifiedBy(instance: Instance | undefined): void {
    this.#instance = instance
  }

  on(work: Work, listener: () => void): void {
    this.#listeners[work].add(listener)
  }

  /** A change that may make something due. A claim that is made meanwhile waits for it. */
  during<T>(change: Promise<T>, work: Work): Promise<T> {
    const changes = this.#changes[work]
    const settled: Promise<unknown> = change.then(
      () => changes.delete(settled),
      () => changes.delete(settled),
    )
    changes.add(settled)
    this.#hasChanges = true
    if (work === 'deliveries') this.#changesSoFar += 1
    this.#call(work)
    return change.then(async (result) => {
      // What is due now is claimed here, as far as there is room: others would come for nothing.
      if (work !== 'deliveries' || this.#instance === undefined) await this.#notify()
      return result
    })
  }

  /** An attempt that ended may have made something due. */
  changed(): void {
    this.#changesSoFar += 1
  }

  /** How many changes there were that may have made deliveries due, here or elsewhere. Those that are under way count. */
  get changesSoFar(): number {
    return this.#changesSoFar
  }

  /** Whether something was changed here since this was called last. */
  takeChanges(): boolean {
    const had = this.#hasChanges
    this.#hasChanges = false
    return had
  }

  /** Others may take what this one has no room for. */
  notifyOthers(): void {
    this.#instance?.notify()
  }

  /** Resolves when the changes that are under way now have ended. */
  async settled(work: Work): Promise<void> {
    await Promise.all(this.#changes[work])
  }

  /** Another one made something due. */
  wake(): void {
    this.#changesSoFar += 1
    this.#call('deliveries')
    this.#call('enrichments')
  }

  #call(work: Work): void {
    for (const listener of this.#listeners[work]) listener()
  }

  /** Services look every second without it. */
  async #notify(): Promise<void> {
    if (this.#instance !== undefined) this.#instance.notify()
    else await this.#database.query(NOTIFY).catch(() => {})
  }
}
