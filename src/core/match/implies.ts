/**
 * What can be said of matches without an event: whether one can ever hold, and whether one holds wherever another
 * does. Everything said is true; where it would take too long, or a regular expression stands in the way, nothing is.
 */

import type { Match } from './match.ts'
import { equalTo, implies, isContradiction, type Predicate, predicatesOf, type Signed } from './predicate.ts'

interface Literal {
  readonly path: string
  readonly predicate: Predicate
  /** False for a condition that must not hold. */
  readonly positive: boolean
}

/** Conditions that must all hold. */
type Term = readonly Literal[]

/** Any of these terms; a match that always holds is one empty term. */
export type Terms = readonly Term[]

/** What is known of the fields that every event has. */
export interface Facts {
  /** The values that a field can have, where they are few and known. */
  readonly values: ReadonlyMap<string, readonly string[]>
  /** Whether a field is text, in every event. */
  readonly isText: (path: string) => boolean
  /** Whether no event has the field. */
  readonly isMissing: (path: string) => boolean
}

// More are not worth the time: such a match is then taken for one of which nothing is known.
const MOST_TERMS = 256

/** A match as terms; null where they are too many. */
export function termsOf(match: Match | null): Terms | null {
  return match === null ? [[]] : expand(match, true)
}

/** Both at once; null where that is not known. */
export function both(one: Terms | null, other: Terms | null): Terms | null {
  return one === null || other === null ? null : product([one, other])
}

/** Those terms that can hold. */
export function possible(terms: Terms, facts: Facts): Terms {
  return terms.filter((term) => !isImpossible(term, facts))
}

/** Whether one of `covering` holds wherever one of `covered` does. */
export function covers(covering: Terms, covered: Terms, facts: Facts): boolean {
  return covered
    .flatMap((term) => byKnownValues(term, facts))
    .every((term) => covering.some((other) => other.every((literal) => follows(literal, term, facts))))
}

/** Of several, those that together hold wherever one of `covered` does, in their order; null where they do not. */
export function coveredBy<T extends { readonly terms: Terms }>(
  covered: Terms,
  candidates: readonly T[],
  facts: Facts,
): readonly T[] | null {
  const found = new Set<T>()
  for (const term of covered.flatMap((one) => byKnownValues(one, facts))) {
    const candidate = candidates.find(({ terms }) => covers(terms, [term], facts))
    if (candidate === undefined) return null
    found.add(candidate)
  }
  return candidates.filter((candidate) => found.has(candidate))
}

/** A term for each value that a field of few values can have: several may cover together what none covers alone. */
function byKnownValues(term: Term, facts: Facts): Terms {
  let split: Terms = [term]
  for (const [path, values] of facts.values) {
    if (split.length * values.length > MOST_TERMS) continue
    const cases = values.filter((value) => fits(value, at(term, path)))
    split = split.flatMap((one) =>
      cases.map((value): Term => [...one, { path, predicate: equalTo(value), positive: true }]),
    )
  }
  return split
}

function expand(match: Match, positive: boolean): Terms | null {
  if (match.kind === 'not') return expand(match.part, !positive)
  if (match.kind === 'field') return expandField(match.path, match.wanted, positive)
  const parts = match.parts.map((part) => expand(part, positive))
  return (match.kind === 'all') === positive ? product(parts) : sum(parts)
}

function expandField(path: string, wanted: unknown, positive: boolean): Terms | null {
  // The predicates of a value: any of some groups, all of each.
  const groups = predicatesOf(wanted)
  if (groups === null) return null
  const literal = ({ predicate, holds }: Signed): Terms => [
    [{ path, predicate, positive: holds === positive }],
  ]
  return positive
    ? sum(groups.map((group) => product(group.map(literal))))
    : product(groups.map((group) => sum(group.map(literal))))
}

function sum(parts: readonly (Terms | null)[]): Terms | null {
  const terms: Term[] = []
  for (const part of parts) {
    if (part === null || terms.length + part.length > MOST_TERMS) return null
    terms.push(...part)
  }
  return terms
}

function product(parts: readonly (Terms | null)[]): Terms | null {
  let terms: Terms = [[]]
  for (const part of parts) {
    if (part === null || terms.length * part.length > MOST_TERMS) return null
    terms = terms.flatMap((term) => part.map((more) => [...term, ...more]))
  }
  return terms
}

function isImpossible(term: Term, facts: Facts): boolean {
  return [...new Set(term.map(({ path }) => path))].some((path) => {
    const here = at(term, path)
    if (here.wanted.length > 0 && facts.isMissing(path)) return true
    const known = facts.values.get(path)
    if (known !== undefined) return !known.some((value) => fits(value, here))
    // What is always there, and text, cannot be refused as such.
    if (facts.isText(path) && here.refused.some(({ kind }) => kind === 'exists')) return true
    return isContradiction(here.wanted, here.refused, facts.isText(path))
  })
}

/** Whether a condition holds wherever all of the term's do. */
function follows({ path, predicate, positive }: Literal, term: Term, facts: Facts): boolean {
  const here = at(term, path)
  const known = facts.values.get(path)
  if (known !== undefined) {
    return known.filter((value) => fits(value, here)).every((value) => predicate.test(value) === positive)
  }
  if (positive) {
    return (
      (predicate.kind === 'exists' && facts.isText(path)) ||
      here.wanted.some((other) => implies(other, predicate))
    )
  }
  return (
    here.refused.some((other) => implies(predicate, other)) ||
    isContradiction([...here.wanted, predicate], here.refused, facts.isText(path))
  )
}

interface Here {
  readonly wanted: readonly Predicate[]
  readonly refused: readonly Predicate[]
}

/** What a term says of one field. */
function at(term: Term, path: string): Here {
  const here = term.filter((literal) => literal.path === path)
  return {
    wanted: here.filter(({ positive }) => positive).map(({ predicate }) => predicate),
    refused: here.filter(({ positive }) => !positive).map(({ predicate }) => predicate),
  }
}

function fits(value: string, { wanted, refused }: Here): boolean {
  return (
    wanted.every((predicate) => predicate.test(value)) && !refused.some((predicate) => predicate.test(value))
  )
}
