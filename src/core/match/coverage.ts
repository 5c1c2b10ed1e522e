/**
 * Finds matches that hold whenever another one does. They are indexed by the prefix that the text of a field must have, so that a
 * thousand can be compared with each other about as fast as a few.
 */
import {
  byKnownValues,
  type FieldPredicate,
  follows,
  isVacuous,
  type KnownFields,
  type Term,
  type Terms,
} from './implies.ts'
import { beginningOf } from './predicate.ts'

interface Candidate<T> {
  readonly position: number
  readonly of: T
  readonly term: Term
}

interface Coverage<T> {
  add(of: T, terms: Terms): void
  /**
   * The first of those added that holds whenever one of `covered` does, or else several that together do, in order; null
   * if that is not known.
   */
  covering(covered: Terms): readonly T[] | null
}

export function createCoverage<T>(facts: KnownFields): Coverage<T> {
  const all: T[] = []
  /** Those that hold for every event. */
  const always: Candidate<T>[] = []
  /** By the path of a field, and by how its text must begin. */
  const paths = new Map<string, Map<string, Candidate<T>[]>>()

  return {
    add(of, terms) {
      const position = all.push(of) - 1
      for (const term of terms) if (term.exact) bucketFor(term).push({ position, of, term })
    },
    covering(covered) {
      const found: (readonly number[])[] = []
      for (const term of covered.flatMap((one) => byKnownValues(one, facts))) {
        const positions = candidatesFor(term)
          .filter((candidate) => follows(candidate.term, term, facts))
          .map(({ position }) => position)
        if (positions.length === 0) return null
        found.push(positions.sort((one, other) => one - other))
      }
      const [first = [], ...others] = found
      const alone = first.find((position) => others.every((positions) => positions.includes(position)))
      const chosen = alone === undefined ? found.map(([position = 0]) => position) : [alone]
      const inOrder = new Set(chosen.sort((one, other) => one - other))
      return all.filter((_, position) => inOrder.has(position))
    },
  }

  /** Of the fields that the term requires, the one with the fewest candidates. */
  function bucketFor({ fields }: Term): Candidate<T>[] {
    const buckets = fields.filter((field) => !isVacuous(field, facts)).map(bucketOf)
    return buckets.reduce(
      (least, bucket) => (bucket.length < least.length ? bucket : least),
      buckets[0] ?? always,
    )
  }

  function bucketOf({ path, predicate }: FieldPredicate): Candidate<T>[] {
    const beginnings = paths.get(path) ?? new Map<string, Candidate<T>[]>()
    paths.set(path, beginnings)
    const beginning = beginningOf(predicate)
    const bucket = beginnings.get(beginning) ?? []
    beginnings.set(beginning, bucket)
    return bucket
  }

  /** All that may cover the term, and possibly some that do not. */
  function candidatesFor({ fields }: Term): Candidate<T>[] {
    return fields.reduce((found, { path, predicate }) => {
      const beginnings = paths.get(path)
      if (beginnings === undefined) return found
      for (const bucket of bucketsFor(beginnings, beginningOf(predicate))) found.push(...bucket)
      return found
    }, always.slice())
  }
}

/** The entries whose key is a prefix of a text: looked up by each of its prefixes, or by each known key, whichever are fewer. */
function* bucketsFor<B>(beginnings: ReadonlyMap<string, B>, text: string): Generator<B> {
  if (beginnings.size <= text.length) {
    for (const [beginning, bucket] of beginnings) if (text.startsWith(beginning)) yield bucket
    return
  }
  for (let length = 0; length <= text.length; length++) {
    const bucket = beginnings.get(text.slice(0, length))
    if (bucket !== undefined) yield bucket
  }
}

/** Whether one of `covering` holds whenever one of `covered` does. False if that is not known. */
export function covers(covering: Terms, covered: Terms, facts: KnownFields): boolean {
  const coverage = createCoverage<null>(facts)
  coverage.add(null, covering)
  return coverage.covering(covered) !== null
}
