/** The configuration's JSON schema (draft 2020-12), for editors: what the loader accepts, as far as that can be said. */
import * as z from 'zod'
import { isObject, type Json, type JsonObject } from '../../core/json.ts'
import { variablePattern } from '../file/interpolate.ts'
import { matchDefinitions } from './match.ts'
import { schema } from './schema.ts'

// Without examples: an editor would offer them wherever any text may stand.
const file: JsonObject = {
  type: 'object',
  description:
    'In place of any text: `{file: PATH}` is the content of a file, such as a systemd credential or a Docker secret. A ' +
    'relative path is tried in `$CREDENTIALS_DIRECTORY` first, as it is and with `_` for `/`, as systemd names the files ' +
    'of a folder, then beside the configuration. The last line break is left out.',
  properties: {
    file: {
      type: 'string',
      minLength: 1,
      description: 'The path of the file.',
      examples: ['/run/secrets/slack-token'],
    },
  },
  required: ['file'],
  additionalProperties: false,
}
// What it holds is checked when the configuration is loaded.
const variable: JsonObject = {
  type: 'string',
  pattern: variablePattern,
  description:
    'In place of any text, number, true or false, or within a text: `${NAME}` or `${NAME:-default}` is an environment ' +
    'variable. An unset one without a default is an error. `$$` is a dollar sign.',
}

const constraints = [
  'type',
  'enum',
  'const',
  'pattern',
  'patternErrorMessage',
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
  const definitions = toObject($defs)
  const { match, ...others } = matchDefinitions()
  const written = Object.entries(definitions).map(
    ([name, definition]) => [name, asWritten(definition)] as const,
  )
  return {
    $schema: $schema ?? '',
    title: 'Hookbridge configuration',
    description: 'What Hookbridge receives, and where it goes.',
    ...asWritten(root),
    // What is made of parts comes before what is text: so they stand in the reference.
    $defs: {
      ...Object.fromEntries(written.filter(([, { anyOf }]) => anyOf === undefined)),
      match: { ...toObject(definitions.match), ...toObject(match) },
      ...others,
      ...Object.fromEntries(written.filter(([, { anyOf }]) => anyOf !== undefined)),
      variable,
      file,
    },
  }
}

function toObject(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {}
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
  return { ...description, anyOf: [constraint, ...(free ? [] : [{ $ref: '#/$defs/variable' }]), ...others] }
}
