import { earliest } from '../../sql/claiming.ts'
import type { Claimed, ClaimRequest } from '../../store.ts'
import type { Database } from '../connection/database.ts'
import { CommitUnknown } from '../connection/transactions.ts'
import { claim } from './claim.ts'
import { giveBack } from './lease.ts'

/** While it is unknown what became of a claim, it is looked at again so soon. */
const LOOK_AGAIN_AFTER_MS = 200

/** The claims of one instance. */
export class Claims {
  readonly #database: Database
  readonly #instance: number
  /** Those that may have been committed, though their answer was lost with the connection. */
  readonly #unknown = new Set<ClaimRequest>()

  constructor(database: Database, instance: number) {
    this.#database = database
    this.#instance = instance
  }

  async claim(request: ClaimRequest): Promise<Claimed> {
    try {
      const claimed = await claim(this.#database, request, this.#instance)
      if (this.#unknown.size === 0) return claimed
      const lookAgainAt = request.now + LOOK_AGAIN_AFTER_MS
      return {
        ...claimed,
        nextDueAt: earliest([lookAgainAt, ...(claimed.nextDueAt === null ? [] : [claimed.nextDueAt])]),
      }
    } catch (error) {
      if (error instanceof CommitUnknown) this.#unknown.add(request)
      throw error
    }
  }

  /** Otherwise what they leased would wait until the leases end. */
  async giveBackUnknown(now: number): Promise<void> {
    for (const request of this.#unknown) {
      const given = await this.#database.write((session) => giveBack(session, request, this.#instance))
      // With nothing to give back, it was rolled back, or the server is still at it.
      if (given > 0 || now >= request.leaseUntil) this.#unknown.delete(request)
    }
  }
}
