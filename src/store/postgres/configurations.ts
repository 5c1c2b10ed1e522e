/**
 * The configurations of the instances. While one is replaced by another, instance after instance, one has what another one does not know yet, or
 * not any more: the other one leaves to it what it cannot send itself, instead of parking it.
 */

/** Longer than people need to replace a configuration that does not start. */
const LEAVE_FOR_MS = 5 * 60_000
/** As long as an instance takes to start again. */
const REMEMBER_FOR_MS = 60_000
/** Claims ask more often as long as a delivery waits. */
const FORGET_AFTER_MS = 10_000

/** What an instance says of its configuration. */
export interface Announced {
  /** Identifies it. Both are null where that is not known: before the first claim, and with older versions. */
  readonly configuration: string | null
  /** As JSON. */
  readonly channels: string | null
}

export class Configurations {
  /** Of this instance. */
  own: Announced = { configuration: null, channels: null }
  readonly #clock: () => number
  /** When another instance last had another configuration. */
  #differedAt = Number.NEGATIVE_INFINITY
  #others: readonly (Announced & { readonly has: ReadonlySet<string> | null })[] = []
  /** By a channel that this instance lacks: when another one last had it, or may have had it, and when a claim last asked. */
  readonly #asked = new Map<string, { readonly hadAt: number; readonly at: number }>()

  /** `clock`: milliseconds since any moment. */
  constructor(clock = () => performance.now()) {
    this.#clock = clock
  }

  /** All other instances that there are. */
  sawOthers(others: readonly Announced[]): void {
    this.#others = others.map((other) => ({ ...other, has: channelsOf(other) }))
    const isAnother = ({ configuration }: Announced) => configuration !== this.own.configuration
    if (others.some(isAnother)) this.#differedAt = this.#clock()
  }

  /**
   * Whether deliveries of a channel that this instance lacks are left to others: while one has it, and for a while after that, since it may
   * come back.
   */
  isChannelLeft(channel: string): boolean {
    const at = this.#clock()
    const before = this.#asked.get(channel)
    const isThere = this.#others.some(({ has }) => has === null || has.has(channel))
    // One that has just reloaded may not have said so yet.
    const isNew = this.#others.length > 0 && at - (before?.at ?? Number.NEGATIVE_INFINITY) > FORGET_AFTER_MS
    const hadAt = isThere || isNew ? at : (before?.hadAt ?? Number.NEGATIVE_INFINITY)
    this.#asked.set(channel, { hadAt, at })
    return at - hadAt < LEAVE_FOR_MS
  }

  /** `Queue.isLeftToOthers`. */
  areLeft(since: number, now: number): boolean {
    return now - since < LEAVE_FOR_MS && this.#clock() - this.#differedAt < REMEMBER_FOR_MS
  }
}

function channelsOf({ channels }: Announced): ReadonlySet<string> | null {
  return channels === null ? null : new Set<string>(JSON.parse(channels))
}
