/**
 * Limits mail to `channels.email.rate` over all addresses. Mails are sent evenly, one in each interval, so that no period has more
 * than the rate allows, even after a restart.
 */
const SECOND_MS = 1_000

export class Pace {
  readonly #intervalMs: number
  readonly #now: () => number
  /** When the next mail may go. */
  #nextAt = Number.NEGATIVE_INFINITY

  /** `perSecond`: mails; `now`: milliseconds that only go forward. */
  constructor(perSecond: number, now: () => number) {
    this.#intervalMs = SECOND_MS / perSecond
    this.#now = now
  }

  /** How many more mails may be sent within a second from now, which is how far ahead mails are claimed. */
  room(): number {
    const wait = this.waitMs()
    return wait > SECOND_MS ? 0 : 1 + Math.floor((SECOND_MS - wait) / this.#intervalMs)
  }

  /** Milliseconds until the next mail may go. */
  waitMs(): number {
    return Math.max(0, this.#nextAt - this.#now())
  }

  /** Reserves the time of the next mail. Returns how long it has to wait, in milliseconds. */
  take(): number {
    const wait = this.waitMs()
    this.#nextAt = this.#now() + wait + this.#intervalMs
    return wait
  }
}
