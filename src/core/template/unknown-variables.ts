/** Finds the variables of a template that no message has. */
import { analyzeSync, type Template as LiquidTemplate } from 'liquidjs'
import { TemplateError } from './error.ts'
import { type Partials, pathOf } from './partials.ts'

/** The variables that a template sees, and the fields of each; null where they differ from event to event. */
export type Fields = Readonly<Record<string, readonly string[] | null>>

// Properties that LiquidJS gives to every value.
const OF_ANY = ['size', 'first', 'last']

/** Variables that are neither known nor set in the template. */
export function unknownVariables(
  parsed: LiquidTemplate[],
  fields: Fields,
  partials: Partials,
): TemplateError[] {
  const { globals, locals } = analyzeSync(parsed, { partials: partials.size > 0 })
  return Object.values(globals)
    .flat()
    .flatMap((variable) => {
      const [root, field] = variable.segments
      if (typeof root !== 'string') return []
      // A loop may read what it sets further down; `offset: continue` is a word of the language.
      if (Object.hasOwn(locals, root) || root === 'continue') return []
      const known = Object.hasOwn(fields, root) ? fields[root] : undefined
      if (known === null) return []
      if (known !== undefined && (typeof field !== 'string' || [...known, ...OF_ANY].includes(field)))
        return []
      const names = known === undefined ? Object.keys(fields) : known.map((name) => `${root}.${name}`)
      const { row, col, file } = variable.location
      const there = names.length === 0 ? `${root} has no fields` : `known: ${names.join(', ')}`
      return [new TemplateError(`unknown variable ${variable}; ${there}`, row, col, pathOf(partials, file))]
    })
}
