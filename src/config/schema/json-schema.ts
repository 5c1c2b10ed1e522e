/** The JSON schema of the configuration (draft 2020-12), for editors. The loader checks more than a schema can. */
import { isObject, type Json, type JsonObject } from '../../core/json/json.ts'
import { variablePattern } from '../file/variable.ts'
import { filledSchema } from './filled-schema.ts'
import { matchDefinitions } from './match.ts'
import { schema } from './schema.ts'

// Without examples: an editor would offer them for every text.
const file: JsonObject = {
  type: 'object',
  description:
    'In place of any text, `{file: PATH}` reads the text from a file, such as a systemd credential or a Docker secret, ' +
    'and removes the last line break. A relative path is looked up first in `$CREDENTIALS_DIRECTORY` (as it is, and with ' +
    '`_` in place of `/`, as systemd names the files of a folder), then in the folder of the configuration.',
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
// Its value is checked when the configuration is loaded.
const variable: JsonObject = {
  type: 'string',
  pattern: variablePattern,
  description:
    '`${NAME}` or `${NAME:-default}` is replaced by an environment variable. It can stand in place of any text, number, ' +
    'true or false, and within a text. An unset variable without a default is an error. Write `$$` for a dollar sign.',
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

/** The schema of the file as written, with variables and files in place of text and numbers. */
export function jsonSchema(): JsonObject {
  const filled = filledSchema(schema)
  const { $schema, $defs, ...root } = filled
  const definitions = toObject($defs)
  const { match, ...others } = matchDefinitions()
  const written = Object.entries(definitions).map(
    ([name, definition]) => [name, asWritten(definition)] as const,
  )
  return {
    $schema: $schema ?? '',
    title: 'Hookbridge configuration',
    description: 'The configuration of Hookbridge.',
    ...asWritten(root),
    // The order of the reference: mappings first, then text.
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

/** Keeps the description at the top, where editors look, and moves the constraints into one of the choices. */
function withVariables(part: JsonObject, others: readonly JsonObject[]): JsonObject {
  const entries = Object.entries(part)
  const constraint = Object.fromEntries(entries.filter(([key]) => constraints.includes(key)))
  const description = Object.fromEntries(entries.filter(([key]) => !constraints.includes(key)))
  const free =
    Object.keys(constraint).every((key) => key === 'type' || key === 'minLength') && part.type === 'string'
  return { ...description, anyOf: [constraint, ...(free ? [] : [{ $ref: '#/$defs/variable' }]), ...others] }
}
