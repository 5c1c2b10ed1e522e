/**
 * Attempts at failing destinations, of one channel. However many fail, they begin a few at a time: hundreds at once would take the time
 * of messages to those that work. An attempt that succeeds does not count: where a remote fails now and then, many destinations
 * have just failed, and most messages to them succeed. Times are milliseconds of a clock that only goes forward.
 */
const PER_SECOND = 25
const AT_ONCE = 5

interface Bucket {
  readonly tokens: number
  readonly at: number
}

export class ProbePaces {
  /** By channel; those that are not full. */
  readonly #buckets = new Map<string, Bucket>()

  /** How many attempts at failing destinations of the channel may begin now. */
  room(channel: string, now: number): number {
    return Math.floor(this.#tokens(channel, now))
  }

  /** To be called for each attempt that begins. */
  take(channel: string, now: number): void {
    // Those of a channel that is not configured begin however many there are.
    this.#buckets.set(channel, { tokens: Math.max(0, this.#tokens(channel, now) - 1), at: now })
  }

  /** To be called for each of these that ended, and found its destination working. */
  giveBack(channel: string, now: number): void {
    this.#buckets.set(channel, { tokens: Math.min(AT_ONCE, this.#tokens(channel, now) + 1), at: now })
  }

  /** Until as many may begin as can at once, where some may have been held back; Infinity where none was. */
  waitMs(now: number): number {
    let wait = Number.POSITIVE_INFINITY
    for (const channel of this.#buckets.keys()) {
      const missing = AT_ONCE - this.#tokens(channel, now)
      if (missing <= 0) this.#buckets.delete(channel)
      else wait = Math.min(wait, Math.ceil((missing * 1_000) / PER_SECOND))
    }
    return wait
  }

  #tokens(channel: string, now: number): number {
    const bucket = this.#buckets.get(channel)
    if (bucket === undefined) return AT_ONCE
    return Math.min(AT_ONCE, bucket.tokens + ((now - bucket.at) * PER_SECOND) / 1_000)
  }
}
