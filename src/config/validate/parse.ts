/** Holds a document's value against the schema. */
import type * as z from 'zod'
import { isObject, type JsonObject } from '../../core/json.ts'
import { isAt, type Origin } from '../file/origin.ts'
import type { YamlDocument } from '../file/yaml-document.ts'
import type { Path, Problem } from '../problem.ts'
import { pathOf, toProblems } from './issues.ts'

export type Parsed<T> =
  | { readonly ok: true; readonly data: T }
  | { readonly ok: false; readonly problems: readonly Problem[] }

export interface ParseContext {
  readonly document: YamlDocument
  readonly origins: readonly Origin[]
  readonly jsonSchema: JsonObject
}

type Issue = z.core.$ZodIssue

// An issue without words of its own is explained by us, who know the file.
const noWords = { error: () => '' }

/** Variables are text: where the schema wants a number or a boolean, their text is read as one, in `value` itself. */
export function parse<T>(
  schema: z.ZodType<T>,
  value: unknown,
  { document, origins, jsonSchema }: ParseContext,
): Parsed<T> {
  let result = schema.safeParse(value, noWords)
  if (!result.success && fillIn(value, result.error.issues, origins))
    result = schema.safeParse(value, noWords)
  if (result.success) return { ok: true, data: result.data }
  return { ok: false, problems: toProblems(result.error.issues, { document, origins, schema: jsonSchema }) }
}

/** Replaces the text of variables that the issues want as another type. False if there are none. */
function fillIn(value: unknown, issues: readonly Issue[], origins: readonly Origin[]): boolean {
  const variables = origins.filter(({ kind }) => kind === 'variable')
  let changed = false
  for (const issue of issues) {
    const path = pathOf(issue)
    if (!variables.some((origin) => isAt(origin, path))) continue
    const read = readAs(wanted(issue), resolve(value, path))
    if (read !== undefined) changed = replace(value, path, read) || changed
  }
  return changed
}

function wanted(issue: Issue): readonly string[] {
  if (issue.code === 'invalid_type') return [issue.expected]
  if (issue.code === 'invalid_value') return issue.values.map((value) => typeof value)
  if (issue.code !== 'invalid_union') return []
  return issue.errors.flat().flatMap((inner) => (inner.path.length === 0 ? wanted(inner) : []))
}

function readAs(types: readonly string[], text: unknown): number | boolean | undefined {
  if (typeof text !== 'string') return undefined
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true'
  const isNumber = types.includes('number') || types.includes('int')
  return isNumber && /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : undefined
}

function resolve(value: unknown, path: Path): unknown {
  let found = value
  for (const part of path) {
    if (Array.isArray(found)) found = found[Number(part)]
    else if (isObject(found)) found = found[String(part)]
    else return undefined
  }
  return found
}

function replace(value: unknown, path: Path, replacement: unknown): boolean {
  const holder = resolve(value, path.slice(0, -1))
  const last = path.at(-1)
  if (last === undefined || typeof holder !== 'object' || holder === null) return false
  return Reflect.set(holder, last, replacement)
}
