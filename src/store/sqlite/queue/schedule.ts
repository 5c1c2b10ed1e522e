import { Heap } from '../../sql/heap.ts'

/** What else decides when something can be claimed: if it is not as it was, everything is looked at again. */
export interface Conditions {
  /** Changes with every commit of another connection. */
  readonly version: number
  readonly now: number
  /** The rate limits, as text. */
  readonly limits: string
}

/** The rate keys of one channel that work, or those that fail. */
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

// Of what was filed and is not current any more.
const MOST_LEFTOVERS = 10_000

/**
 * When a claim has to look at each rate key again, so that those for which nothing is due, or whose destination is paused, cost it nothing.
 * In memory: each change of a rate key's deliveries or state is followed by `changed`, so that the next claim reads that key again. After
 * a rollback, or a change by another process, a claim reads all of them.
 */
export class ClaimSchedule {
  #conditions: Conditions | null = null
  readonly #changed = new Set<number>()
  readonly #filed = new Map<number, Filed>()
  readonly #channels = new Map<string, Channel>()
  /** Of the rate keys that fail, since when each waits for its turn. */
  readonly #waitingSince = new Map<number, number>()
  #leftovers = 0

  /** To be called when something of a rate key may have become due at another time. */
  changed(rate: number): void {
    // Before its first claim a process looks at all of them then; an operator claims nothing.
    if (this.#conditions !== null) this.#changed.add(rate)
  }

  /** To be called when something of it was leased. */
  tried(rate: number): void {
    this.#waitingSince.delete(rate)
    this.changed(rate)
  }

  /** A rate key that fails keeps its place among those that fail until it is tried. Returns it: `now` where it has none yet. */
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

  /** To be called first by each claim; `all` reads the rate keys that have unfinished deliveries. */
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

  /** What is to be looked at in any case. Each is to be filed again, or marked as changed, unless it has no unfinished deliveries. */
  takeChanged(): readonly number[] {
    const changed = [...this.#changed]
    this.#changed.clear()
    for (const rate of changed) this.#drop(rate)
    return changed
  }

  /** Until `at` there is nothing to look at. */
  file(rate: number, group: Group, at: number): void {
    this.#drop(rate)
    const filed = { rate, at, isCurrent: true }
    this.#filed.set(rate, filed)
    this.#heap(group).push(filed)
  }

  /** The first of the group that is to be looked at now; as with `takeChanged`. */
  take(group: Group, now: number): number | undefined {
    const first = this.#first(group)
    if (first === undefined || first.at > now) return undefined
    this.#heap(group).removeFirst()
    this.#filed.delete(first.rate)
    return first.rate
  }

  /** When the first of the group is to be looked at. */
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
