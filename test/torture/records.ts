/** What a run notes of each event: in memory that threads share, about 100 bytes an event. */
import type { Arrival } from './account.ts'
import { targets } from './traffic.ts'

/** The ids of events and deliveries, of src/app/ids.ts. */
const EVENT_ID_LENGTH = 30
const DELIVERY_ID_LENGTH = 18
/** An event may have two deliveries, and a delivery may arrive again. */
const ARRIVALS_AN_EVENT = 2
const FEWEST_ARRIVALS = 10_000

const targetNumbers = new Map(targets.map((target, index) => [target, index]))

export interface Acknowledged {
  readonly id: string
  /** The versions of the configuration that can have planned it: from the one that was in effect to the newest. */
  readonly from: number
  readonly to: number
}

export class Acknowledgements {
  readonly memory: SharedArrayBuffer
  readonly #versions: Uint16Array
  readonly #ids: Texts

  constructor(events: number, memory = new SharedArrayBuffer(events * (4 + EVENT_ID_LENGTH))) {
    this.memory = memory
    this.#versions = new Uint16Array(memory, 0, 2 * events)
    this.#ids = new Texts(memory, 4 * events, events, EVENT_ID_LENGTH)
  }

  set(n: number, { id, from, to }: Acknowledged): void {
    this.#ids.set(n, id)
    this.#versions.set([from, to], 2 * n)
  }

  of(n: number): Acknowledged | undefined {
    // The first version is 1.
    const [from = 0, to = 0] = this.#versions.subarray(2 * n, 2 * n + 2)
    return from === 0 ? undefined : { id: this.#ids.get(n), from, to }
  }
}

/** The arrivals of an event are linked: the place of the first, and of each the next, plus one. */
export class Arrivals {
  readonly memory: SharedArrayBuffer
  readonly #at: Float64Array
  readonly #first: Uint32Array
  readonly #next: Uint32Array
  readonly #targets: Uint16Array
  readonly #deliveries: Texts
  readonly #most: number

  constructor(events: number, memory?: SharedArrayBuffer) {
    const most = Math.max(FEWEST_ARRIVALS, ARRIVALS_AN_EVENT * events)
    this.memory = memory ?? new SharedArrayBuffer(4 * events + most * (14 + DELIVERY_ID_LENGTH))
    this.#most = most
    this.#at = new Float64Array(this.memory, 0, most)
    this.#first = new Uint32Array(this.memory, 8 * most, events)
    this.#next = new Uint32Array(this.memory, 8 * most + 4 * events, most)
    this.#targets = new Uint16Array(this.memory, 12 * most + 4 * events, most)
    this.#deliveries = new Texts(this.memory, 14 * most + 4 * events, most, DELIVERY_ID_LENGTH)
  }

  /** `place`: its number among all. Returns whether it is the first of its delivery there. */
  add(n: number, { target, delivery, place, at }: Arrival): boolean {
    const targetNumber = targetNumbers.get(target)
    if (targetNumber === undefined || n >= this.#first.length || place >= this.#most)
      throw new Error(`message ${place} came to ${target}, for event ${n}: more, or another one, than can be`)
    const before = [...this.#placesOf(n)]
    this.#at[place] = at
    this.#targets[place] = targetNumber
    this.#deliveries.set(place, delivery)
    const last = before.at(-1)
    if (last === undefined) this.#first[n] = place + 1
    else this.#next[last] = place + 1
    return !before.some(
      (one) => this.#targets[one] === targetNumber && this.#deliveries.get(one) === delivery,
    )
  }

  /** Of one event, in their order. */
  of(n: number): readonly Arrival[] {
    return Array.from(this.#placesOf(n), (place) => ({
      target: targets[this.#targets[place] ?? 0] ?? '',
      delivery: this.#deliveries.get(place),
      place,
      at: this.#at[place] ?? 0,
    }))
  }

  *#placesOf(n: number): Generator<number> {
    for (let link = this.#first[n] ?? 0; link > 0; link = this.#next[link - 1] ?? 0) yield link - 1
  }
}

/** Texts of ASCII characters, all of one length. */
class Texts {
  readonly #bytes: Buffer
  readonly #length: number

  constructor(memory: SharedArrayBuffer, from: number, count: number, length: number) {
    this.#bytes = Buffer.from(memory, from, count * length)
    this.#length = length
  }

  set(index: number, text: string): void {
    if (text.length !== this.#length) throw new Error(`${text} has not ${this.#length} characters`)
    this.#bytes.write(text, index * this.#length, 'latin1')
  }

  get(index: number): string {
    return this.#bytes.toString('latin1', index * this.#length, (index + 1) * this.#length)
  }
}
