/** Replaces variables and files in text: after the YAML is parsed, so that no value can change the structure. */
import { readFileSync, statSync } from 'node:fs'
import { isAbsolute, join, normalize } from 'node:path'
import { isObject } from '../../core/json.ts'
import { error, nearest, type Path, type Problem, quote } from '../problem.ts'
import type { Note } from './fingerprint.ts'
import type { Origin } from './origin.ts'
import type { YamlDocument } from './yaml-document.ts'

export type Env = Readonly<Record<string, string | undefined>>

export interface Interpolated {
  readonly document: YamlDocument
  /** The document's value, with its variables and files filled in. */
  readonly value: unknown
  readonly origins: readonly Origin[]
  readonly problems: readonly Problem[]
}

export interface InterpolateOptions {
  readonly document: YamlDocument
  readonly env: Env
  /** The folder of the configuration file. */
  readonly folder: string
  /** The types of value that this path takes, as JSON Schema names them; none where it takes any. */
  readonly typesAt: (path: Path) => readonly string[]
  readonly note: Note
}

/** `${NAME}` and `${NAME:-default}`. */
export const variablePattern = '\\$\\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\\}'

const VARIABLE = new RegExp(`\\$\\$|${variablePattern}|\\$\\{[^}]*\\}?`, 'g')
const LARGEST_FILE = 65_536
const RESTART = 'restart the service: systemd passes credentials on when it starts'
const LET_READ = 'make it readable for the user of the service'

/** Copies the document's value with every `${NAME}`, `$$` and `{file: PATH}` replaced. Keys stay as they are. */
export function interpolate({ document, env, folder, typesAt, note }: InterpolateOptions): Interpolated {
  const origins: Origin[] = []
  const problems: Problem[] = []
  return { document, value: copy(document.value, []), origins, problems }

  function copy(value: unknown, path: Path): unknown {
    if (typeof value === 'string') {
      const before = origins.length
      const filled = fill(value, path)
      return origins.length === before ? filled : toType(filled, typesAt(path))
    }
    if (Array.isArray(value)) return value.map((item, index) => copy(item, [...path, index]))
    if (!isObject(value)) return value
    const file = fileOf(value)
    if (file !== null && typesAt(path).includes('string')) return readSecret(file, path)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copy(item, [...path, key])]))
  }

  function fill(written: string, path: Path): string {
    if (!written.includes('$')) return written
    const values: string[] = []
    let broken = false
    const filled = written.replaceAll(VARIABLE, (match: string, name?: string, preset?: string) => {
      if (match === '$$') return '$'
      const found = name === undefined ? undefined : env[name]
      // As in a shell: with a default, an empty variable counts as unset.
      const value = preset === undefined ? found : found || preset
      if (value === undefined) {
        broken = true
        problems.push(unset(path, match, name))
        return match
      }
      values.push(value)
      return value
    })
    if (broken || values.length > 0) origins.push({ path, written, values, broken })
    return filled
  }

  function unset(path: Path, match: string, name: string | undefined): Problem {
    const place = document.textAt(path, match)
    if (name === undefined) {
      const hint = 'write ${NAME} or ${NAME:-default}; $$ is a dollar sign'
      return error('wrong_variable', document.file, place, `${quote(match)} is not a variable`, hint)
    }
    const near = nearest(name, Object.keys(env))
    const hint =
      near === undefined ? `set it, or write \${${name}:-default}` : `set it; did you mean ${near}?`
    return error('unset_variable', document.file, place, `the environment variable ${name} is not set`, hint)
  }

  function readSecret(written: string, path: Path): string {
    const before = problems.length
    const name = fill(written, [...path, 'file'])
    const content = problems.length > before ? null : readFirst(candidates(name), note)
    if (content !== null && typeof content !== 'string') {
      const message = `the file ${quote(written)} ${content.reason}`
      const place = document.at([...path, 'file'])
      problems.push(error('unreadable_file', document.file, place, message, content.hint))
    }
    const values = typeof content === 'string' ? [content] : []
    const broken = values.length === 0
    origins.push({ path, written: `{file: ${written}}`, values, broken })
    return values[0] ?? ''
  }

  function candidates(name: string): string[] {
    if (isAbsolute(name)) return [name]
    const credentials = env.CREDENTIALS_DIRECTORY
    if (!credentials) return [join(folder, name)]
    // As systemd names the files of a folder that LoadCredential= passes on.
    const flat = normalize(name).replaceAll('/', '_')
    return [...new Set([join(credentials, name), join(credentials, flat), join(folder, name)])]
  }
}

/** Variables are text: where a number or a boolean is wanted, their text is read as one. */
function toType(text: string, types: readonly string[]): string | number | boolean {
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true'
  const isNumber = types.includes('number') || types.includes('integer')
  return isNumber && /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : text
}

function fileOf(value: object): string | null {
  const [entry, ...others] = Object.entries(value)
  if (entry === undefined || others.length > 0) return null
  const [key, path] = entry
  return key === 'file' && typeof path === 'string' && path !== '' ? path : null
}

interface Unreadable {
  readonly reason: string
  readonly hint: string
}

/** The text of the first file that exists, without its last newline. */
function readFirst(paths: readonly string[], note: Note): string | Unreadable {
  for (const path of paths) {
    note(path)
    try {
      // A pipe or a device could block the loader for ever.
      const stats = statSync(path)
      if (!stats.isFile()) return { reason: 'is not a regular file', hint: 'use a file' }
      if (stats.size > LARGEST_FILE)
        return { reason: 'is larger than 64 kB', hint: 'use a file with a single value' }
      const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
      return text.replace(/\r?\n$/, '')
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      if (code === 'ENOENT' || code === 'ENOTDIR') continue
      if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
        return { reason: 'is not valid UTF-8', hint: 'store it as text' }
      const hint = paths.length > 1 ? `${RESTART}, or ${LET_READ}` : LET_READ
      return { reason: `cannot be read (${String(code)})`, hint }
    }
  }
  const hint =
    paths.length > 1
      ? 'put it into $CREDENTIALS_DIRECTORY or beside the configuration'
      : 'create it; a relative path is looked up in $CREDENTIALS_DIRECTORY, then beside the configuration'
  return { reason: 'does not exist', hint }
}
