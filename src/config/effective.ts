/** A configuration as it takes effect: defaults and variables filled in, secrets hidden. */
import { Document, isScalar } from 'yaml'
import { isObject, type Json, ownProperty } from '../core/json/json.ts'
import { redact, Secret } from '../core/secret.ts'
import { withoutPassword } from '../postgres-url/password.ts'
import { withPaths } from './checks/paths.ts'
import { isSecret, passwordIn, withoutSecret } from './checks/secrets/secrets.ts'
import { readDocument } from './file/document.ts'
import type { Env, Interpolated } from './file/interpolate.ts'
import { isAt } from './file/origin.ts'
import { inOrder, type Path, type Problem } from './problem.ts'
import { expectedAt } from './schema/expected.ts'
import { filledSchema } from './schema/filled-schema.ts'
import { type Config, schema } from './schema/schema.ts'
import { secretsOf, withSecretHeaders } from './secrets.ts'
import { fill } from './validate/fill.ts'
import { parse } from './validate/parse.ts'

export interface Effective {
  /** A valid configuration, with `***` in place of a secret that the file itself holds. */
  readonly value: Json
  /** The same as YAML, with a comment where a value is a default or comes from a variable. */
  readonly yaml: string
}

export type LoadedEffective =
  | { readonly ok: true; readonly effective: Effective }
  | { readonly ok: false; readonly problems: readonly Problem[] }

interface Comment {
  readonly path: Path
  readonly text: string
}

/** Needs no templates and no store, so it also works for a configuration in which `check` finds further problems. */
export function loadEffective(file: string, env: Env): LoadedEffective {
  const read = readDocument(file)
  if (!read.ok) return read
  const filled = fill(schema, read.document, env, () => {})
  const parsed = parse(schema, filled)
  if (!parsed.ok || filled.problems.length > 0) {
    const problems = [...filled.problems, ...(parsed.ok ? [] : parsed.problems)]
    return { ok: false, problems: inOrder(file, problems) }
  }
  const comments: Comment[] = []
  const config = withSecretHeaders(parsed.data, filled.origins)
  const value = withFixedPaths(file, config, env, show(filled, config, comments), comments)
  return { ok: true, effective: { value, yaml: toYaml(file, value, comments) } }
}

/** The document with every default; adds a comment to each value that is not written in the file itself. */
function show(filled: Interpolated, config: Config, comments: Comment[]): Json {
  // A variable that is part of a secret is itself secret.
  const parts = filled.origins.filter(({ path }) => isSecret(path)).flatMap(({ values }) => values)
  const secrets = [...secretsOf(config), ...parts.map((part) => new Secret(part))]
  return copy(filled.document.value, filled.value, [])

  function copy(written: unknown, value: unknown, path: Path): Json {
    const { keys, preset } = expectedAt(filledSchema(schema), path)
    if (written === undefined)
      return isEmpty(preset) ? copyMapping({}, {}, keys, path) : asDefault(preset ?? null, path)
    if (typeof written === 'string') return copyText(written, value, path)
    if (Array.isArray(written)) {
      return written.map((item: unknown, index) =>
        copy(item, Array.isArray(value) ? value[index] : item, [...path, index]),
      )
    }
    // A value that was replaced by the content of a file.
    if (isObject(written) && isObject(value)) return copyMapping(written, value, keys, path)
    return isObject(written) || isScalarValue(written) ? written : null
  }

  function copyMapping(written: object, value: object, keys: readonly string[], path: Path): Json {
    const missing = keys.filter((key) => !Object.hasOwn(written, key) && hasDefault([...path, key]))
    return Object.fromEntries(
      [...Object.keys(written), ...missing].map((key) => [
        key,
        copy(ownProperty(written, key), ownProperty(value, key), [...path, key]),
      ]),
    )
  }

  function copyText(written: string, value: unknown, path: Path): Json {
    const isFilled = filled.origins.some((origin) => isAt(origin, path))
    const text = withoutSecret({ path, text: written })
    if (!isFilled || text !== written || isSecret(path) || !isScalarValue(value) || isConfidential(value))
      return text
    comments.push({ path, text: written })
    return typeof value === 'string' ? value.replaceAll('$', () => '$$') : value
  }

  function isConfidential(value: unknown): boolean {
    return typeof value === 'string' && (passwordIn(value) !== '' || redact(value, secrets) !== value)
  }

  function asDefault(preset: Json, path: Path): Json {
    if (isObject(preset)) {
      return Object.fromEntries(
        Object.entries(preset).map(([key, item]) => [key, asDefault(item, [...path, key])]),
      )
    }
    comments.push({ path, text: 'default' })
    return preset
  }
}

function hasDefault(path: Path): boolean {
  return expectedAt(filledSchema(schema), path).preset !== undefined
}

function isEmpty(preset: Json | undefined): boolean {
  return isObject(preset) && Object.keys(preset).length === 0
}

function isScalarValue(value: unknown): value is string | number | boolean | null {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}

/** Makes those paths absolute that the service also makes absolute. */
function withFixedPaths(
  file: string,
  { store, server }: Config,
  env: Env,
  shown: Json,
  comments: Comment[],
): Json {
  const located = withPaths(file, { store, server }, env)
  const withUrl = replaceAt(shown, 'store', 'url', withoutPassword(located.store.url), comments)
  return replaceAt(withUrl, 'server', 'admin_socket', located.server.admin_socket, comments)
}

function replaceAt(
  shown: Json,
  section: string,
  key: string,
  path: string | undefined,
  comments: Comment[],
): Json {
  const mapping = ownProperty(shown, section)
  const written = ownProperty(mapping, key)
  const escaped = path?.replaceAll('$', () => '$$')
  if (!isObject(shown) || !isObject(mapping) || escaped === undefined || typeof written !== 'string')
    return shown
  const isExplained = comments.some((comment) => comment.path.join('.') === `${section}.${key}`)
  if (escaped !== written && !isExplained) comments.push({ path: [section, key], text: written })
  return { ...shown, [section]: { ...mapping, [key]: escaped } }
}

function toYaml(file: string, value: Json, comments: readonly Comment[]): string {
  const document = new Document(value, { version: '1.2' })
  document.commentBefore = ` The effective configuration of ${oneLine(file)}`
  for (const { path, text } of comments) {
    const node = document.getIn(path, true)
    if (isScalar(node)) node.comment = ` ${oneLine(text)}`
  }
  return document.toString({ lineWidth: 0 })
}

function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ')
}
