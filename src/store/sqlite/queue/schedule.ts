import { Heap } from '../../sql/heap.ts'

/** Other values that decide when something can be claimed: if they change, everything is looked at again. */
export interface Conditions {
  /** Changes with every commit of another connection. */
  readonly version: number
  readonly now: number
  /** The rate limits, as text. */
  readonly limits: string
}

/** The rate keys of one channel that work, or those that are failing. */
export interface Group {
  readonly channel: string
  readonly isFailing: boolean
}

interface Filed {
  readonly rate: number
  readonly at: number
  isCurrent: boolean
}

interface Channel {
  readonly working: Heap<Filed>
  readonly failing: Heap<Filed>
}

// Entries that are outdated.
const MOST_LEFTOVERS = 10_000

/**
 * When a claim has to look at each rate key again, so that rate keys without due deliveries, or with a paused destination, cost nothing.
 * It is in memory: after each change of a rate key's deliveries or state, `changed` is called, and the next claim reads that key
 * again. After a rollback, or a change by another process, a claim reads all of them.
 */
export class ClaimSchedule {
  #conditions: Conditions | null = null
  readonly #changed = new Set<number>()
  readonly #filed = new Map<number, Filed>()
  readonly #channels = new Map<string, Channel>()
  /** For rate keys that are failing, since when each waits for its turn. */
  readonly #waitingSince = new Map<number, number>()
  #leftovers = 0

  /** Called when the time at which something of a rate key becomes due may have changed. */
  changed(rate: number): void {
    // Not needed before the first claim, which looks at all of them; an operator claims nothing.
    if (this.#conditions !== null) this.#changed.add(rate)
  }

  /** Called when something of it was leased. */
  tried(rate: number): void {
    this.#waitingSince.delete(rate)
    this.changed(rate)
  }

  /**
   * A failing rate key keeps its place in the queue of failing ones until it is tried. Returns that place: `now` if it has none
   * yet.
   */
  keepPlace(rate: number, now: number): number {
    const place = this.#waitingSince.get(rate) ?? now
    this.#waitingSince.set(rate, place)
    return place
  }

  forget(): void {
    this.#conditions = null
    this.#changed.clear()
    this.#waitingSince.clear()
    this.#filed.clear()
    this.#channels.clear()
    this.#leftovers = 0
  }

  /** Each claim calls this first; `all` reads the rate keys that have unfinished deliveries. */
  follow(conditions: Conditions, all: () => Iterable<number>): void {
    const before = this.#conditions
    const isSame =
      before !== null &&
      before.version === conditions.version &&
      before.limits === conditions.limits &&
      before.now <= conditions.now &&
      this.#leftovers < MOST_LEFTOVERS
    if (!isSame) {
      this.forget()
      for (const rate of all()) this.#changed.add(rate)
    }
    this.#conditions = conditions
  }

  /** The rate keys to look at in any case. Each must be filed or marked as changed again, unless it has no unfinished deliveries. */
  takeChanged(): readonly number[] {
    const changed = [...this.#changed]
    this.#changed.clear()
    for (const rate of changed) this.#drop(rate)
    return changed
  }

  /** Nothing has to be looked at before `at`. */
  file(rate: number, group: Group, at: number): void {
    this.#drop(rate)
    const filed = { rate, at, isCurrent: true }
    this.#filed.set(rate, filed)
    this.#heap(group).push(filed)
  }

  /** The first of the group that is to be looked at now; the rest as for `takeChanged`. */
  take(group: Group, now: number): number | undefined {
    const first = this.#first(group)
    if (first === undefined || first.at > now) return undefined
    this.#heap(group).removeFirst()
    this.#filed.delete(first.rate)
    return first.rate
  }

  /** When the first of the group has to be looked at. */
  nextAt(group: Group): number | undefined {
    return this.#first(group)?.at
  }

  get channels(): Iterable<string> {
    return this.#channels.keys()
  }

  #drop(rate: number): void {
    const filed = this.#filed.get(rate)
    if (filed === undefined) return
    filed.isCurrent = false
    this.#filed.delete(rate)
    this.#leftovers += 1
  }

  #first(group: Group): Filed | undefined {
    const heap = this.#heap(group)
    for (;;) {
      const { first } = heap
      if (first === undefined || first.isCurrent) return first
      heap.removeFirst()
      this.#leftovers -= 1
    }
  }

  #heap({ channel, isFailing }: Group): Heap<Filed> {
    let found = this.#channels.get(channel)
    if (found === undefined) {
      found = { working: byTime(), failing: byTime() }
      this.#channels.set(channel, found)
    }
    return isFailing ? found.failing : found.working
  }
}

function byTime(): Heap<Filed> {
  return new Heap<Filed>((one, other) => one.at < other.at || (one.at === other.at && one.rate < other.rate))
}
