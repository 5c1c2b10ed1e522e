import { StoreUnavailable } from '../../store.ts'
import type { Database } from '../connection/database.ts'

// Clocks that are kept in time are set back by less, and those of several instances differ by less.
const TOLERATED_MS = 1_000

interface Seen {
  readonly at: number
  /** How often the clock had been set back by then. */
  readonly setBack: number
}

/**
 * Due times are by the clock of the server, which people and NTP may set back. The due times of waiting deliveries, and of enrichments, are then
 * moved back as well, by one of the instances. Held deliveries wait for a time of day, and stay.
 */
export class StoreClock {
  readonly #database: Database
  #seen: Seen | undefined
  #savedAt = 0

  constructor(database: Database) {
    this.#database = database
  }

  /** Whether `follow` would move due times, or does not know yet. */
  mayFollow(now: number): boolean {
    return this.#seen === undefined || this.#seen.at - now > TOLERATED_MS
  }

  /** To be called after a claim that did not call `follow`, once its time is known to be right. */
  saw(now: number): void {
    if (this.#seen !== undefined && !this.mayFollow(now)) this.#seen = { ...this.#seen, at: now }
  }

  /** To be called before a claim, with its time. Returns whether due times were moved. */
  async follow(now: number): Promise<boolean> {
    const seen = this.#seen ?? (await this.#stored())
    if (seen.at - now <= TOLERATED_MS) {
      this.#seen = { ...seen, at: now }
      return false
    }
    await this.#moveBack(seen, now)
    this.#seen = undefined
    return true
  }

  /**
   * To be called after a claim that leased something, so that an idle service writes nothing. Never rejects because the store is
   * unavailable, since what was leased is to be sent: the next call tries again.
   */
  async keep(now: number): Promise<void> {
    if (Math.abs(now - this.#savedAt) < TOLERATED_MS) return
    try {
      await this.#database.query('UPDATE clock SET seen_at = $1 WHERE seen_at < $1', [now])
      this.#savedAt = now
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
    }
  }

  async #stored(): Promise<Seen> {
    const [row] = await this.#database.query<{ seen_at: number; set_back: number }>(
      'SELECT seen_at, set_back FROM clock',
    )
    return { at: row?.seen_at ?? 0, setBack: row?.set_back ?? 0 }
  }

  /** The start of the retry budget is not moved before now, or a new delivery would have no time left. */
  async #moveBack({ at, setBack }: Seen, now: number): Promise<void> {
    await this.#database.write(async (session) => {
      const first = await session.query(
        'UPDATE clock SET seen_at = $1, set_back = set_back + 1 WHERE set_back = $2 RETURNING one',
        [now, setBack],
      )
      // Another instance found it out before.
      if (first.length === 0) return
      await session.query(
        `UPDATE deliveries SET due_at = due_at - $1, leased_at = leased_at - $1,
           retrying_since = least(retrying_since, $2::bigint)
         WHERE due_at IS NOT NULL AND state <> 'held'`,
        [at - now, now],
      )
      await session.query('UPDATE enrichments SET due_at = due_at - $1', [at - now])
    })
    this.#savedAt = now
  }
}
