/** The JSON schema of a configuration, or of a part of one, whose variables and files are filled in. */
import * as z from 'zod'
import { isObject, type JsonObject } from '../../core/json/json.ts'

const made = new WeakMap<z.core.$ZodType, JsonObject>()

export function filledSchema(schema: z.core.$ZodType): JsonObject {
  const found = made.get(schema)
  if (found !== undefined) return found
  const converted = z.toJSONSchema(schema, {
    io: 'input',
    // Zod leaves out the examples of what it transforms; ours are of what is written in the file.
    override: ({ zodSchema, jsonSchema }) => {
      const examples = z.globalRegistry.get(zodSchema)?.examples
      if (Array.isArray(examples)) jsonSchema.examples = examples
    },
  })
  const copy: unknown = JSON.parse(JSON.stringify(converted))
  const result = isObject(copy) ? copy : {}
  made.set(schema, result)
  return result
}
