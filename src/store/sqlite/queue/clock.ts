import type { Database } from '../database.ts'

// NTP corrections of a running clock are smaller than this.
const TOLERATED_MS = 1_000
const SAVED_EVERY_MS = 60_000

/**
 * Due times refer to the wall clock, which people and NTP may set back, even while no service runs. The due times of waiting
 * deliveries and enrichments are then moved back as well, so that none waits longer. Held deliveries wait for a time of day and are
 * not moved.
 */
export class Clock {
  readonly #database: Database
  #seenAt: number | undefined
  #savedAt = 0

  constructor(database: Database) {
    this.#database = database
  }

  /** Must be called inside a write transaction, with the current time. */
  follow(now: number): void {
    const seenAt = this.#seenAt ?? this.#stored()
    this.#seenAt = now
    const back = seenAt - now
    if (back <= TOLERATED_MS) return
    this.#moveBack(back, now)
    // Read again the next time: this transaction may still fail.
    this.#seenAt = undefined
    this.#save(now)
  }

  /** Called together with other writes, so that an idle service writes nothing. */
  keep(now: number): void {
    if (Math.abs(now - this.#savedAt) >= SAVED_EVERY_MS) this.#save(now)
  }

  #save(now: number): void {
    this.#savedAt = now
    this.#database.prepare('UPDATE holder SET seen_at = ?').run(now)
  }

  #stored(): number {
    const row = this.#database.prepare<{ seen_at: number }>('SELECT seen_at FROM holder').get()
    this.#savedAt = row?.seen_at ?? 0
    return this.#savedAt
  }

  /** The start of the retry budget is only moved back to now, or a new delivery would have no time left. */
  #moveBack(ms: number, now: number): void {
    this.#database
      .prepare(
        `UPDATE deliveries SET due_at = due_at - ?1, leased_at = leased_at - ?1,
           retrying_since = min(retrying_since, ?2)
         WHERE due_at IS NOT NULL AND state <> 'held'`,
      )
      .run(ms, now)
    this.#database.schedule.forget()
    this.#database.prepare('UPDATE enrichments SET due_at = due_at - ?').run(ms)
  }
}
