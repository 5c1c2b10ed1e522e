/**
 * Attempts at failing destinations, of one channel. However many fail, they begin a few at a time: hundreds at once would take the time
 * of messages to those that work. Times are milliseconds of a clock that only goes forward.
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
    const bucket = this.#buckets.get(channel)
    return bucket === undefined ? AT_ONCE : Math.floor(refilled(bucket, now))
  }

  /** `counts`: how many have begun now, by channel. */
  take(counts: ReadonlyMap<string, number>, now: number): void {
    for (const [channel, count] of counts) {
      const bucket = this.#buckets.get(channel)
      const tokens = bucket === undefined ? AT_ONCE : refilled(bucket, now)
      this.#buckets.set(channel, { tokens: tokens - count, at: now })
    }
  }

  /** Until as many may begin as can at once, where some may have been held back; Infinity where none was. */
  waitMs(now: number): number {
    let wait = Number.POSITIVE_INFINITY
    for (const [channel, bucket] of this.#buckets) {
      const missing = AT_ONCE - refilled(bucket, now)
      if (missing <= 0) this.#buckets.delete(channel)
      else wait = Math.min(wait, Math.ceil((missing * 1_000) / PER_SECOND))
    }
    return wait
  }
}

function refilled({ tokens, at }: Bucket, now: number): number {
  return Math.min(AT_ONCE, tokens + ((now - at) * PER_SECOND) / 1_000)
}
