/** Replaces variables and files in text: after the YAML is parsed, so that no value can change the structure. */
import { isObject } from '../../core/json/json.ts'
import { ExactNumber } from '../../core/json/number.ts'
import { nearest } from '../../core/text/nearest.ts'
import { error, type Path, type Problem, quote } from '../problem.ts'
import type { Note } from './fingerprint.ts'
import type { Origin } from './origin.ts'
import { readSecretFile } from './secret-file.ts'
import { otherSpelling, variablePattern } from './variable.ts'
import type { YamlDocument } from './yaml-document.ts'

export type Env = Readonly<Record<string, string | undefined>>

export interface Interpolated {
  readonly document: YamlDocument
  /** The document's value, with its variables and files filled in. */
  readonly value: unknown
  readonly origins: readonly Origin[]
  readonly problems: readonly Problem[]
}

/** What kind of value belongs at a path. */
export interface Wanted {
  /** As JSON Schema names them; empty if any type is allowed. */
  readonly types: readonly string[]
  readonly secret: boolean
}

export interface InterpolateOptions {
  readonly document: YamlDocument
  readonly env: Env
  /** The folder of the configuration file. */
  readonly folder: string
  readonly wantedAt: (path: Path) => Wanted
  readonly note: Note
}

const VARIABLE = new RegExp(`\\$\\$|${variablePattern}|\\$\\{[^}]*\\}?`, 'g')

/** Whether numbers at this path are compared with those of events, or belong to an event. Everywhere else they are settings. */
function isAsWritten([first, , third, ...more]: Path): boolean {
  return first === 'tests' ? third === 'event' : [third, ...more].includes('match')
}

const NOTHING: Wanted = { types: [], secret: false }

/** Copies the document's value with every `${NAME}`, `$$` and `{file: PATH}` replaced. Keys stay as they are. */
export function interpolate({ document, env, folder, wantedAt, note }: InterpolateOptions): Interpolated {
  const origins: Origin[] = []
  const problems: Problem[] = []
  return { document, value: copy(document.value, []), origins, problems }

  function copy(value: unknown, path: Path): unknown {
    if (typeof value === 'string') {
      const before = origins.length
      const filled = fill(value, path)
      return origins.length === before ? filled : toType(filled, wantedAt(path).types)
    }
    if (Array.isArray(value)) return value.map((item, index) => copy(item, [...path, index]))
    if (value instanceof ExactNumber) return isAsWritten(path) ? value : Number(value)
    if (!isObject(value)) return value
    const file = fileOf(value)
    if (file !== null && wantedAt(path).types.includes('string')) return readSecret(file, path)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copy(item, [...path, key])]))
  }

  function fill(written: string, path: Path): string {
    if (isOtherSpelling(written, path) || !written.includes('$')) return written
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

  /** Reports a variable in the syntax of another program, so that nothing else is reported about its value. */
  function isOtherSpelling(written: string, path: Path): boolean {
    const other = otherSpelling(written)
    const { types, secret } = other === null ? NOTHING : wantedAt(path)
    if (other === null || types.length === 0 || (other.onlySecret && !secret)) return false
    const message = 'this is plain text, not a variable'
    problems.push(
      error('wrong_variable', document.file, document.at(path), message, `write \${${other.name}}`),
    )
    origins.push({ path, written, values: [], broken: true })
    return true
  }

  function unset(path: Path, match: string, name: string | undefined): Problem {
    const place = document.textAt(path, match)
    if (name === undefined) {
      const hint = /^\$\{\{? *\w+(\.\w+)+ *\}?$/.test(match)
        ? 'write {{ data.id }} for a value of the event, and ${NAME} for an environment variable'
        : 'write ${NAME} or ${NAME:-default}; $$ is a dollar sign'
      return error('wrong_variable', document.file, place, `${quote(match)} is not a variable`, hint)
    }
    return error(
      'unset_variable',
      document.file,
      place,
      `the environment variable ${name} is not set`,
      toSet(name, path),
    )
  }

  function toSet(name: string, path: Path): string {
    const near = nearest(name, Object.keys(env))
    if (near !== undefined) return `set it; did you mean ${near}?`
    // A default would put a secret into this file.
    const isSecret = wantedAt(path).secret
    return isSecret
      ? 'set it, or put the secret into a file: {file: PATH}'
      : `set it, or write \${${name}:-default}`
  }

  function readSecret(written: string, path: Path): string {
    const before = problems.length
    const name = fill(written, [...path, 'file'])
    const read = problems.length > before ? null : readSecretFile(name, { folder, env, note })
    if (read?.ok === false) {
      const message = `the file ${quote(written)} ${read.reason}`
      const place = document.at([...path, 'file'])
      problems.push(error('unreadable_file', document.file, place, message, read.hint))
    }
    const origin = { path, written: `{file: ${written}}` }
    origins.push(
      read?.ok
        ? { ...origin, values: [read.text], broken: false, file: read.path }
        : { ...origin, values: [], broken: true },
    )
    return read?.ok ? read.text : ''
  }
}

/** Variables are text: if a number or a boolean is expected, the text is parsed as one. */
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
