/**
 * Keeps to `channels.email.rate` over all addresses. Mails go out evenly, one an interval, so that no span of time sees more
 * than the rate allows, also after a restart.
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

  /** How many more mails may go out within a second from now, which is how far ahead mails are claimed. */
  room(): number {
    const wait = this.waitMs()
    return wait > SECOND_MS ? 0 : 1 + Math.floor((SECOND_MS - wait) / this.#intervalMs)
  }

  /** Milliseconds until the next mail may go. */
  waitMs(): number {
    return Math.max(0, this.#nextAt - this.#now())
  }

  /** Takes the place of the next mail. Returns how long it has to wait, in milliseconds. */
  take(): number {
    const wait = this.waitMs()
    this.#nextAt = this.#now() + wait + this.#intervalMs
    return wait
  }
}
