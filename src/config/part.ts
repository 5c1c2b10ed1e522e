/** Loads parts of a configuration, for commands that must work even if the rest of it is broken. */
import * as z from 'zod'
import { ownProperty } from '../core/json/json.ts'
import { withPaths } from './checks/paths.ts'
import { readDocument } from './file/document.ts'
import type { Env } from './file/interpolate.ts'
import type { YamlDocument } from './file/yaml-document.ts'
import { inOrder, type Problem } from './problem.ts'
import { server } from './schema/server.ts'
import { store } from './schema/store.ts'
import { fill } from './validate/fill.ts'
import { type Parsed, parse } from './validate/parse.ts'

export type LoadedStoreUrl =
  | { readonly ok: true; readonly url: string }
  | { readonly ok: false; readonly problems: readonly Problem[] }

export type LoadedService =
  | {
      readonly ok: true
      readonly service: z.output<typeof serviceOnly>['server']
    }
  | { readonly ok: false; readonly problems: readonly Problem[] }

const storeOnly = z.object({ store: z.object({ url: store.shape.url }) })

const serviceOnly = z.object({
  server: server.pick({ host: true, port: true, admin_token: true, admin_socket: true }).prefault({}),
})

/** The URL of the store, for commands that show the history. */
export function loadStoreUrl(file: string, env: Env): LoadedStoreUrl {
  const read = readDocument(file)
  if (!read.ok) return read
  const url = ownProperty(ownProperty(read.document.value, 'store'), 'url')
  const loaded = loadPart(storeOnly, file, { ...read.document, value: { store: { url } } }, env)
  return loaded.ok ? { ok: true, url: withPaths(file, loaded.data, env).store.url } : loaded
}

/** How to reach the running service, for commands that send it requests. */
export function loadService(file: string, env: Env): LoadedService {
  const read = readDocument(file)
  if (!read.ok) return read
  const written = ownProperty(read.document.value, 'server')
  const server = Object.fromEntries(
    Object.keys(serviceOnly.shape.server.unwrap().shape)
      .map((key) => [key, ownProperty(written, key)])
      .filter(([, value]) => value !== undefined),
  )
  const loaded = loadPart(serviceOnly, file, { ...read.document, value: { server } }, env)
  return loaded.ok ? { ok: true, service: withPaths(file, loaded.data, env).server } : loaded
}

function loadPart<T>(part: z.ZodType<T>, file: string, document: YamlDocument, env: Env): Parsed<T> {
  const filled = fill(part, document, env, () => {})
  const parsed = parse(part, filled)
  if (parsed.ok && filled.problems.length === 0) return parsed
  return { ok: false, problems: inOrder(file, [...filled.problems, ...(parsed.ok ? [] : parsed.problems)]) }
}
