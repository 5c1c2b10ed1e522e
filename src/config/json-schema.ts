/** The configuration's JSON schema (draft 2020-12), for editors: what the loader accepts, as far as that can be said. */
import { z } from 'zod'
import { operatorNames } from '../core/condition.ts'
import { isObject, type Json, type JsonObject } from '../core/json.ts'
import { schema } from './schema.ts'

const scalar = { type: ['string', 'number', 'boolean', 'null'] }
const anyOfThem = { type: 'array', minItems: 1, items: { anyOf: [scalar, { $ref: '#/$defs/operators' }] } }
const value = { anyOf: [scalar, anyOfThem, { $ref: '#/$defs/operators' }] }

const operands: Readonly<Record<string, JsonObject>> = {
  in: anyOfThem,
  not: value,
  gt: { type: 'number' },
  gte: { type: 'number' },
  lt: { type: 'number' },
  lte: { type: 'number' },
  exists: { type: 'boolean' },
  prefix: { type: 'string' },
  suffix: { type: 'string' },
  contains: scalar,
  regex: { type: 'string' },
}

// Compiled by the core and not by Zod, so written by hand; a test holds it against the compiler.
const match: JsonObject = {
  type: 'object',
  minProperties: 1,
  properties: {
    any: { type: 'array', minItems: 1, items: { $ref: '#/$defs/match' } },
    all: { type: 'array', minItems: 1, items: { $ref: '#/$defs/match' } },
    not: { $ref: '#/$defs/match' },
  },
  additionalProperties: value,
}
const operators: JsonObject = {
  type: 'object',
  minProperties: 1,
  properties: Object.fromEntries(operatorNames.map((name) => [name, operands[name] ?? {}])),
  additionalProperties: false,
}
const file: JsonObject = {
  type: 'object',
  description: 'Text from a file, such as a systemd credential or a Docker secret.',
  properties: { file: { type: 'string', minLength: 1 } },
  required: ['file'],
  additionalProperties: false,
}
// A variable may stand for anything: what it holds is checked when the configuration is loaded.
const variable: JsonObject = { type: 'string', pattern: '\\$\\{' }

const constraints = [
  'type',
  'enum',
  'const',
  'pattern',
  'format',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
]

let plain: JsonObject | undefined

/** The schema of a configuration whose variables and files are filled in. */
export function filledSchema(): JsonObject {
  if (plain === undefined) {
    const converted = z.toJSONSchema(schema, {
      io: 'input',
      // Zod leaves out the examples of what it transforms; ours are all of what a person writes.
      override: ({ zodSchema, jsonSchema }) => {
        const examples = z.globalRegistry.get(zodSchema)?.examples
        if (Array.isArray(examples)) jsonSchema.examples = examples
      },
    })
    const made: unknown = JSON.parse(JSON.stringify(converted))
    plain = isObject(made) ? made : {}
  }
  return plain
}

/** The schema of what a person writes: a variable or a file may stand where text or a number is wanted. */
export function jsonSchema(): JsonObject {
  const filled = filledSchema()
  const { $schema, $defs, ...root } = filled
  const definitions = isObject($defs) ? $defs : {}
  return {
    $schema: $schema ?? '',
    title: 'Hookbridge configuration',
    ...asWritten(root),
    $defs: {
      ...Object.fromEntries(
        Object.entries(definitions).map(([name, definition]) => [name, asWritten(definition)]),
      ),
      match: { ...(isObject(definitions.match) ? definitions.match : {}), ...match },
      operators,
      file,
    },
  }
}

function asWritten(part: Json): JsonObject {
  if (!isObject(part)) return {}
  const { type } = part
  if (type === 'string') return withVariables(part, [{ $ref: '#/$defs/file' }])
  if (type === 'integer' || type === 'number' || type === 'boolean') return withVariables(part, [])
  return Object.fromEntries(
    Object.entries(part).map(([key, child]): [string, Json] => {
      if (key === 'properties' && isObject(child)) {
        return [
          key,
          Object.fromEntries(Object.entries(child).map(([name, property]) => [name, asWritten(property)])),
        ]
      }
      if ((key === 'items' || key === 'additionalProperties') && isObject(child))
        return [key, asWritten(child)]
      if (key === 'anyOf' && Array.isArray(child)) return [key, child.map(asWritten)]
      return [key, child]
    }),
  )
}

/** Keeps what describes the value at the top, where editors look, and moves what constrains it into one of the choices. */
function withVariables(part: JsonObject, others: readonly JsonObject[]): JsonObject {
  const entries = Object.entries(part)
  const constraint = Object.fromEntries(entries.filter(([key]) => constraints.includes(key)))
  const description = Object.fromEntries(entries.filter(([key]) => !constraints.includes(key)))
  const free =
    Object.keys(constraint).every((key) => key === 'type' || key === 'minLength') && part.type === 'string'
  return { ...description, anyOf: [constraint, ...(free ? [] : [variable]), ...others] }
}
