/** Validates a document's value with the schema. */
import type * as z from 'zod'
import type { Interpolated } from '../file/interpolate.ts'
import type { Problem } from '../problem.ts'
import { filledSchema } from '../schema/filled-schema.ts'
import { toProblems } from './issues.ts'

export type Parsed<T> =
  | { readonly ok: true; readonly data: T }
  | { readonly ok: false; readonly problems: readonly Problem[] }

export function parse<T>(schema: z.ZodType<T>, { value, document, origins }: Interpolated): Parsed<T> {
  // An issue without a message gets one from descriptions.ts, which knows the file.
  const result = schema.safeParse(value, { error: () => '' })
  if (result.success) return { ok: true, data: result.data }
  const root = filledSchema(schema)
  return { ok: false, problems: toProblems(result.error.issues, { document, origins, root }) }
}
