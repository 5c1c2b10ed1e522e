/** Reads the configuration file: a YAML document that is a mapping. */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isObject } from '../../core/json/json.ts'
import { error as errorAt, type Problem, type ProblemCode, START } from '../problem.ts'
import { isUtf16 } from './utf16.ts'
import { type ParsedYaml, parseYaml } from './yaml.ts'

export function readDocument(file: string): ParsedYaml {
  const text = readText(file)
  if (typeof text !== 'string') return { ok: false, problems: [text] }
  const parsed = parseYaml(file, text)
  if (!parsed.ok || isObject(parsed.document.value)) return parsed
  if (parsed.document.value === null) {
    const hint = 'run `hookbridge init` in an empty folder to get one to start from'
    return { ok: false, problems: [problemAt(file, 'missing_key', 'the configuration is empty', hint)] }
  }
  const hint = 'start with a key, such as sources:'
  return { ok: false, problems: [problemAt(file, 'wrong_type', 'the configuration must be a mapping', hint)] }
}

/** A pipe can be read only once. */
export function isPipe(file: string): boolean {
  try {
    return statSync(file).isFIFO()
  } catch {
    return false
  }
}

function readText(file: string): string | Problem {
  const unreadable = (message: string, hint: string) => problemAt(file, 'unreadable_file', message, hint)
  try {
    const stats = statSync(file)
    if (stats.isDirectory()) {
      return unreadable(
        'the configuration is a folder',
        `pass the path of the file: ${join(file, 'config.yaml')}`,
      )
    }
    // A device may have no end; a pipe has one, as in --config <(…).
    if (!stats.isFile() && !stats.isFIFO())
      return unreadable('the configuration is not a file', 'pass the path of a file')
    const bytes = readFileSync(file)
    if (isUtf16(bytes)) return unreadable('the configuration is UTF-16', 'save it as UTF-8')
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      const hint = 'run `hookbridge init` to create one, or pass another path with --config'
      return unreadable('there is no configuration', hint)
    }
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      return unreadable('the configuration is not valid UTF-8', 'save it as UTF-8')
    }
    return unreadable(`the configuration cannot be read (${code})`, 'make it readable for this user')
  }
}

function problemAt(file: string, code: ProblemCode, message: string, hint: string): Problem {
  return errorAt(code, file, START, message, hint)
}
