/** Whether a match holds for an event, and why. */
import type { View } from '../event.ts'
import { ownProperty } from '../json/json.ts'
import type { Key, Match } from './match.ts'

/** One condition and whether it held: what `explain` draws. */
export type Condition =
  | {
      readonly kind: 'field'
      readonly path: string
      readonly wanted: unknown
      /** Undefined if the field is missing. */
      readonly actual: unknown
      readonly held: boolean
    }
  | {
      readonly kind: 'all' | 'any' | 'not'
      readonly conditions: readonly Condition[]
      readonly held: boolean
    }

export interface Evaluation {
  readonly matched: boolean
  readonly conditions: readonly Condition[]
}

/** Whether an event matches. Allocates nothing, since it runs for every event. */
export function matches(match: Match, view: View): boolean {
  switch (match.kind) {
    case 'field':
      return match.test(lookUp(view, match.keys))
    case 'not':
      return !matches(match.part, view)
    case 'all':
      for (const part of match.parts) if (!matches(part, view)) return false
      return true
    case 'any':
      for (const part of match.parts) if (matches(part, view)) return true
      return false
  }
}

/** Like `matches`, and records every condition: what was wanted, the actual value, and whether it held. */
export function evaluate(match: Match, view: View): Evaluation {
  const condition = conditionOf(match, view)
  // The mapping itself is an `all` that is not written in the file.
  const conditions = condition.kind === 'all' ? condition.conditions : [condition]
  return { matched: condition.held, conditions }
}

function conditionOf(match: Match, view: View): Condition {
  if (match.kind === 'field') {
    const actual = lookUp(view, match.keys)
    return { kind: 'field', path: match.path, wanted: match.written, actual, held: match.test(actual) }
  }
  if (match.kind === 'not') {
    const condition = conditionOf(match.part, view)
    return { kind: 'not', conditions: [condition], held: !condition.held }
  }
  const conditions = match.parts.map((part) => conditionOf(part, view))
  const held = match.kind === 'all' ? conditions.every(isHeld) : conditions.some(isHeld)
  return { kind: match.kind, conditions, held }
}

function isHeld({ held }: Condition): boolean {
  return held
}

/** The value of a field; undefined if it is missing. */
export function lookUp(view: View, keys: readonly Key[]): unknown {
  let found: unknown = view
  for (const key of keys) {
    found = Array.isArray(found) ? found[key.index] : ownProperty(found, key.name)
    if (found === undefined) return undefined
  }
  return found
}
