/**
 * Says that the service stops, to attempts and tries that wait for something else. A promise in its place would keep a reaction for
 * each `Promise.race` until the service stops, and so grow with every message.
 */
export class StopSignal {
  #isAnnounced = false
  #isGiven = false
  readonly #waiting = new Set<() => void>()

  /** Nothing new is to begin; what is under way has until `give`. */
  announce(): void {
    this.#isAnnounced = true
  }

  get isAnnounced(): boolean {
    return this.#isAnnounced
  }

  /** What waits is given up. */
  give(): void {
    this.#isAnnounced = true
    this.#isGiven = true
    for (const end of this.#waiting) end()
  }

  /** What `work` resolves with; `instead` if the signal is given before. */
  async unless<T, Instead>(work: Promise<T>, instead: Instead): Promise<T | Instead> {
    const { promise, resolve } = Promise.withResolvers<Instead>()
    const end = () => resolve(instead)
    this.#waiting.add(end)
    if (this.#isGiven) end()
    try {
      return await Promise.race([work, promise])
    } finally {
      this.#waiting.delete(end)
    }
  }
}
