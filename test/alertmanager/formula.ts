/** What must hold of labels, and the same as lists of Alertmanager's matchers. */
import type { Matcher } from './theirs.ts'

export type Formula =
  | { readonly label: string; readonly is: string }
  | { readonly label: string; readonly like: string }
  | { readonly all: readonly Formula[] }
  | { readonly any: readonly Formula[] }
  | { readonly not: Formula }

/** All of these must hold. */
export type Conjunction = readonly Matcher[]

export const is = (label: string, value: string): Formula => ({ label, is: value })
export const like = (label: string, source: string): Formula => ({ label, like: source })
export const allOf = (all: readonly Formula[]): Formula => ({ all })
export const anyOf = (any: readonly Formula[]): Formula => ({ any })

/**
 * Conjunctions of which exactly one holds where the formula does, and none elsewhere. A route's matchers are one
 * conjunction; were two to hold, a route that continues would take an event twice.
 */
export function disjoint(formula: Formula, wanted = true): Conjunction[] {
  if ('not' in formula) return disjoint(formula.not, !wanted)
  if ('is' in formula) return [[{ label: formula.label, sign: wanted ? '=' : '!=', value: formula.is }]]
  if ('like' in formula) return [[{ label: formula.label, sign: wanted ? '=~' : '!~', value: formula.like }]]
  if ('all' in formula) return wanted ? every(formula.all, true) : some(formula.all, false)
  return wanted ? some(formula.any, true) : every(formula.any, false)
}

function every(parts: readonly Formula[], wanted: boolean): Conjunction[] {
  return parts.reduce<Conjunction[]>((made, part) => both(made, disjoint(part, wanted)), [[]])
}

/** The first holds, or it does not and one of the others does. */
function some([first, ...others]: readonly Formula[], wanted: boolean): Conjunction[] {
  if (first === undefined) return []
  return [...disjoint(first, wanted), ...both(disjoint(first, !wanted), some(others, wanted))]
}

function both(left: readonly Conjunction[], right: readonly Conjunction[]): Conjunction[] {
  return left.flatMap((one) => right.map((other) => [...one, ...other]))
}
