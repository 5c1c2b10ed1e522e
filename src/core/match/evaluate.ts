/** Whether a match holds for an event, and why. */
import type { View } from '../event.ts'
import { ownProperty } from '../json.ts'
import type { Key, Match } from './match.ts'

/** One condition and whether it held: what `explain` draws. */
export type Condition =
  | {
      readonly kind: 'field'
      readonly path: string
      readonly wanted: unknown
      /** Undefined where the field is missing. */
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
  return decide(match, view, null)
}

/** Like `matches`, and records every condition: what was wanted, the actual value, and whether it held. */
export function evaluate(match: Match, view: View): Evaluation {
  const conditions: Condition[] = []
  const matched = decide(match, view, conditions)
  const [only] = conditions
  // The mapping itself is an `all` that is not written in the file.
  return { matched, conditions: only?.kind === 'all' ? only.conditions : conditions }
}

/** Decides, and records every condition if asked to; without a record it stops as soon as the answer is clear. */
function decide(match: Match, view: View, record: Condition[] | null): boolean {
  if (match.kind === 'field') {
    const actual = lookUp(view, match.keys)
    const held = match.test(actual)
    record?.push({ kind: 'field', path: match.path, wanted: match.written, actual, held })
    return held
  }
  const conditions: Condition[] | null = record === null ? null : []
  let held: boolean
  if (match.kind === 'not') {
    held = !decide(match.part, view, conditions)
  } else {
    const decisive = match.kind === 'any'
    held = !decisive
    for (const part of match.parts) {
      if (decide(part, view, conditions) !== decisive) continue
      held = decisive
      if (conditions === null) break
    }
  }
  if (conditions !== null) record?.push({ kind: match.kind, conditions, held })
  return held
}

function lookUp(view: View, keys: readonly Key[]): unknown {
  let found: unknown = view
  for (const key of keys) {
    found = Array.isArray(found) ? found[key.index] : ownProperty(found, key.name)
    if (found === undefined) return undefined
  }
  return found
}
