/** Counts that the threads of a run share. */
const names = [
  /** Versions of the configuration: in effect for certain, and the newest that there is. */
  'loaded',
  'written',
  /** Events, and the deliveries that they make. */
  'acknowledged',
  'owed',
  /** Answers of 503. */
  'refused',
  /** Messages, and those of them that are no duplicates. */
  'arrived',
  'delivered',
] as const
type Name = (typeof names)[number]

export class Progress {
  /** To be given to the other thread, which makes another one of it. */
  readonly memory: SharedArrayBuffer
  readonly #counts: Int32Array

  constructor(memory = new SharedArrayBuffer(names.length * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory
    this.#counts = new Int32Array(memory)
  }

  get(name: Name): number {
    return Atomics.load(this.#counts, names.indexOf(name))
  }

  set(name: Name, count: number): void {
    Atomics.store(this.#counts, names.indexOf(name), count)
  }

  add(name: Name, count = 1): void {
    Atomics.add(this.#counts, names.indexOf(name), count)
  }

  /** Deliveries that have not arrived, to within the few that were planned by another version, or given up. */
  get waiting(): number {
    return this.get('owed') - this.get('delivered')
  }
}
