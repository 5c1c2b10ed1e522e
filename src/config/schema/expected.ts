/** What the schema allows at one path of the configuration. */
import { isObject, type Json, type JsonObject } from '../../core/json/json.ts'
import type { Path } from '../problem.ts'

export interface Expected {
  /** The keys of a mapping; empty if it may have any, or is not a mapping. */
  readonly keys: readonly string[]
  /** The allowed values, if they are listed. */
  readonly values: readonly Json[]
  /** The allowed types, as JSON Schema names them. */
  readonly types: readonly string[]
  readonly secret: boolean
  readonly description: string
  readonly example: Json | undefined
  /** The default; undefined if there is none. */
  readonly preset: Json | undefined
}

/** Walks a JSON schema as Zod makes it. */
export function expectedAt(root: JsonObject, path: Path): Expected {
  let choices = expand(root, root)
  for (const part of path) choices = choices.flatMap((choice) => step(root, choice, part))
  const describing = (key: string) => choices.map((choice) => choice[key])
  return {
    keys: choices.flatMap((choice) => (isObject(choice.properties) ? Object.keys(choice.properties) : [])),
    values: choices.flatMap((choice) => [
      ...(Array.isArray(choice.enum) ? choice.enum : []),
      ...(choice.const === undefined ? [] : [choice.const]),
    ]),
    types: describing('type').filter((type) => typeof type === 'string'),
    secret: describing('writeOnly').includes(true),
    description: describing('description').find((text) => typeof text === 'string') ?? '',
    example: exampleOf(choices),
    preset: describing('default').find((preset) => preset !== undefined),
  }
}

function step(root: JsonObject, choice: JsonObject, part: string | number): JsonObject[] {
  if (typeof part === 'number') return expand(root, choice.items)
  const { properties, additionalProperties } = choice
  const own = isObject(properties) && Object.hasOwn(properties, part) ? properties[part] : undefined
  return expand(root, own ?? additionalProperties)
}

/** The schema itself, what it refers to, and its alternatives. */
function expand(root: JsonObject, part: Json | undefined): JsonObject[] {
  if (!isObject(part)) return []
  const { $ref, anyOf } = part
  const referred = typeof $ref === 'string' ? expand(root, definition(root, $ref)) : []
  const alternatives = Array.isArray(anyOf) ? anyOf.flatMap((item: Json) => expand(root, item)) : []
  return [part, ...referred, ...alternatives]
}

function definition(root: JsonObject, reference: string): Json | undefined {
  // A recursive schema.
  if (reference === '#') return root
  const name = reference.replace(/^#\/\$defs\//, '')
  return isObject(root.$defs) ? root.$defs[name] : undefined
}

function exampleOf(choices: readonly JsonObject[]): Json | undefined {
  for (const { examples, default: preset } of choices) {
    if (Array.isArray(examples) && examples.length > 0) return examples[0]
    if (preset !== undefined && !isObject(preset)) return preset
  }
  return undefined
}
