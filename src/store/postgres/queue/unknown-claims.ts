import { CommitUnknown } from '../connection/transactions.ts'

/** While it is unknown what became of a claim, it is looked at again so soon. */
const LOOK_AGAIN_AFTER_MS = 200

interface Request {
  readonly now: number
  readonly leaseUntil: number
}

/**
 * Claims that may have been committed, though their answer was lost with the connection. What they leased, which nobody knows to hold, is given back: otherwise
 * it would wait until the leases end.
 */
export class UnknownClaims<R extends Request> {
  readonly #requests = new Set<R>()
  readonly #giveBack: (request: R) => Promise<number>

  /** `giveBack` returns how many it gave back. */
  constructor(giveBack: (request: R) => Promise<number>) {
    this.#giveBack = giveBack
  }

  get areAny(): boolean {
    return this.#requests.size > 0
  }

  /** To be called before a claim. */
  async giveBack(now: number): Promise<void> {
    for (const request of this.#requests) {
      const given = await this.#giveBack(request)
      // With nothing to give back, it was rolled back, or the server is still at it.
      if (given > 0 || now >= request.leaseUntil) this.#requests.delete(request)
    }
  }

  async run<T extends { readonly nextDueAt: number | null }>(
    request: R,
    claim: () => Promise<T>,
  ): Promise<T> {
    try {
      const claimed = await claim()
      if (!this.areAny) return claimed
      const lookAgainAt = request.now + LOOK_AGAIN_AFTER_MS
      return { ...claimed, nextDueAt: Math.min(lookAgainAt, claimed.nextDueAt ?? lookAgainAt) }
    } catch (error) {
      if (error instanceof CommitUnknown) this.#requests.add(request)
      throw error
    }
  }
}
