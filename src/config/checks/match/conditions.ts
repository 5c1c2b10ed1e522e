/** The conditions of all routes and steps, one by one. */

import { isObject } from '../../../core/json/json.ts'
import { both, possible, type Terms, termsOf, termsOfEqual } from '../../../core/match/implies.ts'
import type { FieldMatch, Match } from '../../../core/match/match.ts'
import type { Path } from '../../problem.ts'
import type { Config } from '../../schema/schema.ts'

export interface Condition {
  readonly field: FieldMatch
  /** The path of its key in the configuration. */
  readonly path: Path
  /** The sources whose events may reach it. */
  readonly sources: readonly string[]
}

/** One value of a condition: a scalar, or the operand of an operator. */
export interface Leaf {
  readonly path: Path
  /** `equal` for a scalar. */
  readonly operator: string
  readonly value: unknown
}

type Routes = Config['routes']

export function conditionsOf({ routes, sources }: Config): Condition[] {
  const names = Object.keys(sources)
  const facts = {
    values: new Map([['source', names]]),
    isText: () => false,
    isMissing: () => false,
  }
  return ofRoutes(routes, ['routes'], termsOf(undefined))

  function ofRoutes(list: Routes, path: Path, above: Terms): Condition[] {
    return list.flatMap(({ match, routes: below }, index) => {
      const place = [...path, index]
      const terms = both(above, termsOf(match))
      const reaching = names.filter(
        (name) => possible(both(terms, termsOfEqual('source', name)), facts).length > 0,
      )
      const own = fieldsOf(match).map((field) => ({
        field,
        path: [...place, 'match', ...field.place],
        sources: reaching,
      }))
      return [...own, ...ofRoutes(below ?? [], [...place, 'routes'], terms)]
    })
  }
}

/** The conditions of a step of `enrich`. */
export function conditionsOfStep({ enrich, sources }: Config, index: number): Condition[] {
  return fieldsOf(enrich[index]?.match).map((field) => ({
    field,
    path: ['enrich', index, 'match', ...field.place],
    sources: Object.keys(sources),
  }))
}

function fieldsOf(match: Match | undefined): FieldMatch[] {
  if (match === undefined) return []
  switch (match.kind) {
    case 'field':
      return [match]
    case 'not':
      return fieldsOf(match.part)
    default:
      return match.parts.flatMap(fieldsOf)
  }
}

export function leavesOf({ field, path }: Condition): Leaf[] {
  return within(field.wanted, path)
}

function within(wanted: unknown, path: Path, operator = 'equal'): Leaf[] {
  if (Array.isArray(wanted)) return wanted.flatMap((item, index) => within(item, [...path, index]))
  if (!isObject(wanted)) return [{ path, operator, value: wanted }]
  return Object.entries(wanted).flatMap(([name, operand]) =>
    within(operand, [...path, name], name === 'not' || name === 'in' ? 'equal' : name),
  )
}
