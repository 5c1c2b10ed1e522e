import { dirname } from 'node:path'
import type * as z from 'zod'
import type { Note } from '../file/fingerprint.ts'
import { type Env, type Interpolated, interpolate } from '../file/interpolate.ts'
import type { YamlDocument } from '../file/yaml-document.ts'
import { expectedIn } from '../schema/expected-in.ts'

/** Fills in variables and files where the schema expects text or a number. */
export function fill(schema: z.ZodType, document: YamlDocument, env: Env, note: Note): Interpolated {
  return interpolate({
    document,
    env,
    folder: dirname(document.file),
    wantedAt: (path) => expectedIn(schema, path),
    note,
  })
}
