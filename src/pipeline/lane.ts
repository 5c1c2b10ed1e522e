import type { Pace } from '../channels/channel.ts'
import type { Outcome } from '../core/delivery.ts'

/** After this many failures in a row a destination is taken for down, and probed with single attempts. */
const DOWN_AFTER = 3
const FIRST_PROBE_AFTER = 1_000
const LONGEST_PROBE_AFTER = 30_000
/** A lane that nothing uses for so long is forgotten; a forgotten one starts again with a single attempt. */
const FORGOTTEN_AFTER = 60_000

/**
 * The pace and health of one destination: a token bucket, a bound on attempts in flight, and a pause while the
 * destination asks for one or does not work. Times are milliseconds; the caller gives the clock.
 */
export class Lane {
  readonly channel: string
  #pace: Pace
  #inFlight = 0
  #tokens: number
  #countedAt: number
  /** The destination asked for it. */
  #askedUntil = 0
  /** The destination does not work. */
  #probedAt = 0
  #failures = 0
  #usedAt: number

  constructor(channel: string, pace: Pace, now: number) {
    this.channel = channel
    this.#pace = pace
    this.#tokens = pace.burst
    this.#countedAt = now
    this.#usedAt = now
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** How many attempts may begin now. */
  capacity(now: number): number {
    if (now < this.#pausedUntil) return 0
    this.#refill(now)
    const concurrency = this.#failures >= DOWN_AFTER ? 1 : this.#pace.concurrency
    return Math.max(0, Math.min(concurrency - this.#inFlight, Math.floor(this.#tokens)))
  }

  /** When time alone gives it capacity again; null where only the end of an attempt can, or it has some now. */
  readyAt(now: number): number | null {
    if (now < this.#pausedUntil) return this.#pausedUntil
    this.#refill(now)
    if (this.#tokens >= 1) return null
    return now + Math.ceil(((1 - this.#tokens) * 1000) / this.#pace.rate)
  }

  /** Nothing is in flight, nothing needs remembering, and nothing has come for a while. */
  idle(now: number): boolean {
    this.#refill(now)
    return (
      this.#inFlight === 0 &&
      now - this.#usedAt >= FORGOTTEN_AFTER &&
      this.#failures === 0 &&
      now >= this.#pausedUntil &&
      this.#tokens >= this.#pace.burst
    )
  }

  begin(now: number): void {
    this.#refill(now)
    this.#tokens -= 1
    this.#inFlight += 1
  }

  end(outcome: Outcome | null, now: number): void {
    this.#inFlight -= 1
    this.#usedAt = now
    if (outcome === null) return
    if (outcome.kind !== 'retry' && outcome.kind !== 'ambiguous') {
      this.#failures = 0
      return
    }
    this.#failures += 1
    if (outcome.kind === 'retry' && outcome.after !== undefined) {
      this.#askedUntil = Math.max(this.#askedUntil, now + outcome.after)
    }
    if (this.#failures >= DOWN_AFTER) {
      const wait = FIRST_PROBE_AFTER * 2 ** Math.min(this.#failures - DOWN_AFTER, 10)
      this.#probedAt = now + Math.min(wait, LONGEST_PROBE_AFTER)
    }
  }

  /** Goes on under another configuration: what failed may be fixed, but what the destination asked for still holds. */
  reconfigure(pace: Pace, now: number): void {
    this.#refill(now)
    this.#pace = pace
    this.#tokens = Math.min(this.#tokens, pace.burst)
    this.#failures = 0
    this.#probedAt = 0
  }

  get #pausedUntil(): number {
    return Math.max(this.#askedUntil, this.#probedAt)
  }

  #refill(now: number): void {
    const gained = ((now - this.#countedAt) * this.#pace.rate) / 1000
    this.#countedAt = now
    this.#tokens = Math.min(
      this.#pace.burst,
      Number.isFinite(gained) ? this.#tokens + gained : this.#pace.burst,
    )
  }
}
