/** A binary heap: its first item is at hand, and adding or removing one takes O(log n) steps. */
export class Heap<Item> {
  readonly #items: Item[] = []
  readonly #isBefore: (one: Item, other: Item) => boolean

  constructor(isBefore: (one: Item, other: Item) => boolean) {
    this.#isBefore = isBefore
  }

  get size(): number {
    return this.#items.length
  }

  get first(): Item | undefined {
    return this.#items[0]
  }

  push(item: Item): void {
    let index = this.#items.push(item) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.#isInFront(index, parent)) return
      this.#swap(index, parent)
      index = parent
    }
  }

  removeFirst(): void {
    const last = this.#items.pop()
    if (last === undefined || this.#items.length === 0) return
    this.#items[0] = last
    this.sink()
  }

  /** To be called when the first item has changed and others may come before it now. */
  sink(): void {
    for (let index = 0; ; ) {
      let first = index
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < this.#items.length && this.#isInFront(child, first)) first = child
      }
      if (first === index) return
      this.#swap(index, first)
      index = first
    }
  }

  #isInFront(one: number, other: number): boolean {
    const [a, b] = [this.#items[one], this.#items[other]]
    return a !== undefined && b !== undefined && this.#isBefore(a, b)
  }

  #swap(one: number, other: number): void {
    const [a, b] = [this.#items[one], this.#items[other]]
    if (a === undefined || b === undefined) return
    this.#items[one] = b
    this.#items[other] = a
  }
}
