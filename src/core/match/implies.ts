/**
 * Compares matches without an event: whether one can ever hold, and whether one holds whenever another does.
 * It handles equality, lists, wildcards, prefixes and suffixes, in any and all; of other conditions it assumes nothing.
 */
import { isObject } from '../json/json.ts'
import type { Match } from './match.ts'
import {
  endsWith,
  equalTo,
  excludes,
  holds,
  holdsForText,
  implies,
  type Predicate,
  predicateOf,
  startsWith,
} from './predicate.ts'

export interface FieldPredicate {
  readonly path: string
  readonly predicate: Predicate
}

/** Predicates that all hold whenever the match does. */
export interface Term {
  readonly fields: readonly FieldPredicate[]
  /** The match also holds whenever they do. */
  readonly exact: boolean
}

/** Whenever the match holds, one of these does. */
export type Terms = readonly Term[]

/** What is known about the fields of events. */
export interface KnownFields {
  /** The values that a field can have, if they are few and known. */
  readonly values: ReadonlyMap<string, readonly string[]>
  /** Whether a field is text, in every event. */
  readonly isText: (path: string) => boolean
  /** Whether no event has the field. */
  readonly isMissing: (path: string) => boolean
}

// A match with more is not analysed: it would take too long.
const MOST_TERMS = 256
const ALWAYS: Terms = [{ fields: [], exact: true }]
const UNKNOWN: Terms = [{ fields: [], exact: false }]

/** A match as terms; without a match, terms that always hold. */
export function termsOf(match: Match | undefined): Terms {
  if (match === undefined) return ALWAYS
  switch (match.kind) {
    case 'field':
      return termsOfValue(match.path, match.wanted)
    case 'any':
      return limited(match.parts.flatMap(termsOf))
    case 'all':
      return match.parts.map(termsOf).reduce(both, ALWAYS)
    case 'not':
      return UNKNOWN
  }
}

function termsOfValue(path: string, wanted: unknown): Terms {
  if (Array.isArray(wanted)) return limited(wanted.flatMap((item) => termsOfValue(path, item)))
  if (!isObject(wanted)) return termOf(path, predicateOf(wanted))
  return Object.entries(wanted)
    .map(([operator, operand]) => termsOfOperator(path, operator, operand))
    .reduce(both, ALWAYS)
}

function termsOfOperator(path: string, operator: string, operand: unknown): Terms {
  if (operator === 'in') return termsOfValue(path, operand)
  if (operator === 'prefix') return termOf(path, startsWith(String(operand)))
  if (operator === 'suffix') return termOf(path, endsWith(String(operand)))
  if (operator === 'not' || operand === false) return UNKNOWN
  // Every other operator requires that the field exists.
  return termOf(path, { kind: 'present' }, operator === 'exists')
}

function termOf(path: string, predicate: Predicate, exact = true): Terms {
  return [{ fields: [{ path, predicate }], exact }]
}

function limited(terms: Terms): Terms {
  return terms.length > MOST_TERMS ? UNKNOWN : terms
}

/** The conjunction of two matches. */
export function both(one: Terms, other: Terms): Terms {
  if (one.length * other.length > MOST_TERMS) return UNKNOWN
  return one.flatMap((term) =>
    other.map((more) => ({ fields: [...term.fields, ...more.fields], exact: term.exact && more.exact })),
  )
}

/** The terms of a field with one value. */
export function termsOfEqual(path: string, value: unknown): Terms {
  return termOf(path, equalTo(value))
}

/** Those terms that can hold. */
export function possible(terms: Terms, facts: KnownFields): Terms {
  return terms.filter(({ fields }) => fields.every((field) => isPossible(field, fields, facts)))
}

function isPossible(
  { path, predicate }: FieldPredicate,
  fields: Term['fields'],
  facts: KnownFields,
): boolean {
  if (facts.isMissing(path)) return false
  if (facts.isText(path) && predicate.kind === 'equal' && typeof predicate.value !== 'string') return false
  const others = fields.filter((other) => other.path === path).map((other) => other.predicate)
  const known = facts.values.get(path)
  if (known !== undefined) return known.some((value) => others.every((other) => holds(other, value)))
  return !others.some((other) => excludes(predicate, other))
}

/** One term for each value of a field with few values: several together may cover what none covers alone. */
export function byKnownValues(term: Term, facts: KnownFields): Terms {
  const values = [...facts.values].map(([path, known]) => known.flatMap((value) => termsOfEqual(path, value)))
  const split = values.reduce<Terms>(both, [{ ...term, exact: true }])
  return split.some(({ exact }) => !exact) ? [term] : possible(split, facts)
}

/** Whether the first holds whenever the second does. False if that is not known. */
export function follows({ fields, exact }: Term, term: Term, facts: KnownFields): boolean {
  return (
    exact &&
    fields.every(
      ({ path, predicate }) =>
        isVacuous({ path, predicate }, facts) ||
        term.fields.some((other) => other.path === path && implies(other.predicate, predicate)),
    )
  )
}

/** Whether every event satisfies it. */
export function isVacuous({ path, predicate }: FieldPredicate, facts: KnownFields): boolean {
  return facts.isText(path) && holdsForText(predicate)
}
