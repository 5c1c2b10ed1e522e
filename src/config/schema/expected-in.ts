/**
 * What a schema expects at a path, without the JSON schema of all the rest: that of the whole configuration takes longer to make
 * than the configuration takes to read.
 */
import * as z from 'zod'
import type { Path } from '../problem.ts'
import { type Expected, expectedAt } from './expected.ts'
import { filledSchema } from './filled-schema.ts'

export function expectedIn(schema: z.core.$ZodType, path: Path): Expected {
  const [key, ...rest] = path
  const below = key === undefined ? undefined : partOf(schema, key)
  return below === undefined ? expectedAt(filledSchema(schema), path) : expectedIn(below, rest)
}

/** Undefined if that takes more than a step into a mapping or a list. */
function partOf(schema: z.core.$ZodType, key: string | number): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return partOf(schema.unwrap(), key)
  }
  if (typeof key === 'number') return schema instanceof z.ZodArray ? schema.element : undefined
  if (schema instanceof z.ZodRecord) return schema.valueType
  return schema instanceof z.ZodObject && Object.hasOwn(schema.shape, key) ? schema.shape[key] : undefined
}
