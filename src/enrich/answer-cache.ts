import type { Verdict } from '../core/enrichment/answer.ts'

type Picked = Extract<Verdict, { kind: 'picked' }>

interface Kept {
  readonly verdict: Picked
  readonly until: number
}

// Each has at most 16 kB.
const MOST_KEPT = 500

/** Keeps the fields picked from answers for as long as they may be used; beyond the limit, the oldest are removed. */
export class AnswerCache {
  readonly #kept = new Map<string, Kept>()

  get(key: string, now: number): Picked | undefined {
    const kept = this.#kept.get(key)
    if (kept === undefined) return undefined
    if (now < kept.until) return kept.verdict
    this.#kept.delete(key)
    return undefined
  }

  set(key: string, verdict: Picked, until: number): void {
    this.#kept.delete(key)
    this.#kept.set(key, { verdict, until })
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > MOST_KEPT && oldest !== undefined) this.#kept.delete(oldest)
  }
}
