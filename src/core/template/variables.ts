import { ExactNumber } from '../json/number.ts'

/**
 * Renders templates that contain only text and variables, as most parts of a message do, without LiquidJS, which takes far
 * longer. Where a value is not simple, LiquidJS renders the template.
 */

interface Variable {
  /** The text before it. */
  readonly before: string
  readonly path: readonly string[]
  readonly raw: boolean
}

/** The rendered template; undefined where a variable has no simple value. */
export type WriteVariables = (view: object) => string | undefined

const VARIABLE = /\{\{[ \t]*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)[ \t]*(\|[ \t]*raw[ \t]*)?\}\}/y
// Keywords of Liquid, and the properties that it gives to every value.
const NOT_A_NAME = new Set(['true', 'false', 'nil', 'null', 'empty', 'blank', 'size', 'first', 'last'])

/** Null where the template does more. `escapeText` is applied to each value that is not `raw`. */
export function readVariables(text: string, escapeText: (text: string) => string): WriteVariables | null {
  const variables: Variable[] = []
  let end = 0
  for (let next = nextTag(text, 0); next !== -1; next = nextTag(text, end)) {
    VARIABLE.lastIndex = next
    const [found, name = '', raw] = VARIABLE.exec(text) ?? []
    if (found === undefined) return null
    const path = name.split('.')
    if (path.some((key) => NOT_A_NAME.has(key))) return null
    variables.push({ before: text.slice(end, next), path, raw: raw !== undefined })
    end = next + found.length
  }
  const after = text.slice(end)
  if (variables.length === 0) return () => after
  return (view) => {
    let written = ''
    for (const { before, path, raw } of variables) {
      const value = valueAt(view, path)
      if (value === undefined) return undefined
      written += before + (raw ? value : escapeText(value))
    }
    return written + after
  }
}

/** Where the next output or tag begins; -1 where none does. */
function nextTag(text: string, from: number): number {
  for (let at = text.indexOf('{', from); at !== -1; at = text.indexOf('{', at + 1)) {
    const next = text[at + 1]
    if (next === '{' || next === '%') return at
  }
  return -1
}

function valueAt(view: object, path: readonly string[]): string | undefined {
  let value: unknown = view
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[key]
  }
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
    case 'boolean':
      return String(value)
    default:
      return value instanceof ExactNumber ? String(value) : undefined
  }
}
