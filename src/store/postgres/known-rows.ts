/** The ids of destinations and types of events, which never change: each is looked up, or made, once in a process. */
import type { Destination } from '../../core/delivery/destination.ts'
import { type EventType, StoreUnavailable } from '../store.ts'
import type { Database } from './connection/database.ts'
import { codeOf, isUnavailable, NOT_NULL_VIOLATION, UNDEFINED_TABLE } from './connection/errors.ts'

export interface DestinationIds {
  readonly id: number
  readonly rate: number
}

export class KnownRows {
  readonly #database: Database
  readonly #destinations = new Map<string, DestinationIds>()
  readonly #kinds = new Set<string>()

  constructor(database: Database) {
    this.#database = database
    // What comes back may be another server, restored to an earlier time.
    database.onLost(() => this.#forget())
  }

  /**
   * Makes them, and then runs the transaction that needs them: in one of their own, rows that all instances want are not locked
   * for long. What is made stays, also where nothing comes of it.
   */
  async with<T>(
    destinations: readonly Destination[],
    kinds: readonly EventType[],
    transaction: () => Promise<T>,
  ): Promise<T> {
    await this.#ensure(destinations, kinds)
    try {
      return await transaction()
    } catch (error) {
      // Those that are made again may have other ids.
      if (isUnavailable(error, UNDEFINED_TABLE)) this.#forget()
      if (codeOf(error) !== NOT_NULL_VIOLATION) throw error
      // A row that was made is gone, as after a failover to a server that did not have it yet.
      this.#forget()
      throw new StoreUnavailable(`the store ${this.#database.name} has lost data`, { cause: error })
    }
  }

  #forget(): void {
    this.#destinations.clear()
    this.#kinds.clear()
  }

  async #ensure(destinations: readonly Destination[], kinds: readonly EventType[]): Promise<void> {
    for (const destination of destinations)
      if (!this.#destinations.has(destinationKey(destination))) await this.#makeDestination(destination)
    for (const kind of kinds) if (!this.#kinds.has(kindKey(kind))) await this.#makeKind(kind)
  }

  of(destination: Destination): DestinationIds {
    const ids = this.#destinations.get(destinationKey(destination))
    // The connection was lost since it was made.
    if (ids === undefined) throw new StoreUnavailable(`the store ${this.#database.name} was lost`)
    return ids
  }

  async #makeDestination(destination: Destination): Promise<void> {
    const { channel, target, rateKey } = destination
    await this.#database.query('INSERT INTO rates (channel, key) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
      channel,
      rateKey,
    ])
    await this.#database.query(
      `INSERT INTO destinations (channel, target, rate)
       SELECT channel, $1, id FROM rates WHERE channel = $2 AND key = $3 ON CONFLICT DO NOTHING`,
      [target, channel, rateKey],
    )
    const [ids] = await this.#database.query<{ id: number; rate: number }>(
      `SELECT destinations.id, rate FROM destinations JOIN rates ON rates.id = rate
       WHERE destinations.channel = $1 AND target = $2 AND key = $3`,
      [channel, target, rateKey],
    )
    if (ids === undefined) throw new Error('a destination is not there after it was made')
    this.#destinations.set(destinationKey(destination), ids)
  }

  async #makeKind(kind: EventType): Promise<void> {
    await this.#database.query('INSERT INTO kinds (source, type) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
      kind.source,
      kind.type,
    ])
    this.#kinds.add(kindKey(kind))
  }
}

function destinationKey({ channel, target, rateKey }: Destination): string {
  return JSON.stringify([channel, target, rateKey])
}

function kindKey({ source, type }: EventType): string {
  return JSON.stringify([source, type])
}
