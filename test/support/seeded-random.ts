/** Chance that is the same in each run. */

/** One of the names, by its share; what is left of the million is `otherwise`. */
export function weighted<Name extends string>(
  random: () => number,
  names: readonly (readonly [Name, number])[],
  otherwise: NoInfer<Name>,
): Name {
  let left = random() * 1_000_000
  for (const [name, perMillion] of names) {
    left -= perMillion
    if (left < 0) return name
  }
  return otherwise
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
