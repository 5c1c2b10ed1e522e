/** Messages and hints for the issues that Zod found. */
import type * as z from 'zod'
import { isObject, ownProperty } from '../../core/json/json.ts'
import { isAt, type Origin } from '../file/origin.ts'
import { slipInValue } from '../file/slips.ts'
import { variablePattern } from '../file/variable.ts'
import type { YamlDocument } from '../file/yaml-document.ts'
import { known, meant, type Path, type ProblemCode, pathName, problemCodes, quote } from '../problem.ts'
import type { Expected } from '../schema/expected.ts'

type Issue = z.core.$ZodIssue

/** A problem without its place in the file. */
export interface Description {
  readonly code: ProblemCode
  readonly message: string
  readonly hint: string
}

export interface Described {
  readonly issue: Issue
  readonly path: Path
  readonly expected: Expected
  readonly document: YamlDocument
  readonly origins: readonly Origin[]
}

/** Hints for keys that are not similar to any known one. */
const keyHints: ReadonlyMap<string, string> = new Map([
  ['<<', 'YAML 1.2 has no merge keys: write the keys out, or give a whole value an alias'],
  ['on_ambiguous', 'replaced by ambiguous_resends: write ambiguous_resends: 0 for park, 2 for resend'],
])

export function describeKey(key: string, { keys }: Expected): Description {
  // The text after the colon may be a secret.
  const [, name] = /^([\w.-]+):\S/.exec(key) ?? []
  if (name !== undefined) {
    const hint = `write a space after the colon: ${name}: …`
    return { code: 'unknown_key', message: `unknown key "${name}:…"`, hint }
  }
  return {
    code: 'unknown_key',
    message: `unknown key ${quote(key)}`,
    hint: keyHints.get(key) ?? meant(key, keys),
  }
}

export function describeMissing(path: Path, { example, description }: Expected): Description {
  const key = String(path.at(-1))
  const holder = pathName(path.slice(0, -1))
  const message = `missing key "${key}"${holder === '' ? '' : ` in ${holder}`}`
  const hint = example === undefined ? `add it: ${description}` : `such as ${key}: ${flow(example)}`
  return { code: 'missing_key', message, hint: hint.replace(/[:.\s]+$/, '') }
}

export function describeIssue(described: Described): Description {
  const { path, document, origins } = described
  const description = descriptionOf(described)
  const slip = slipInValue(document.scalar(path)?.text ?? '')
  return slip === null || origins.some((other) => isAt(other, path))
    ? description
    : { ...description, hint: slip }
}

function descriptionOf({ issue, path, expected, document, origins }: Described): Description {
  const name = path.length === 0 ? 'the configuration' : pathName(path)
  if (issue.code === 'invalid_key') {
    const words = issue.issues[0]?.message || 'is not a valid key'
    return { code: 'wrong_value', message: `${quote(String(path.at(-1)))} ${words}`, hint: '' }
  }
  const scalar = document.scalar(path)
  if (scalar?.value === null) return describeEmpty(name, scalar.isCommentedOut)
  const origin = origins.find((other) => isAt(other, path))
  const written = origin?.written ?? scalar?.text ?? null
  if (issue.code === 'invalid_value') return describeValue(name, written, expected)
  if (issue.code === 'custom') return describeCustom(issue, name, origin)
  // The value of a variable is never a list or a mapping.
  const isVariable = origin !== undefined && !isStructure(issue)
  return {
    code: issue.code === 'invalid_type' ? 'wrong_type' : 'wrong_value',
    message: sentence(name, issue.message || builtIn(issue, expected)),
    hint: isVariable ? checkOrigin(origin) : hintType(issue, expected, valueAt(document, path)),
  }
}

function describeEmpty(name: string, commentedOut: boolean): Description {
  const hint = commentedOut
    ? 'an unquoted # starts a comment: put the value in quotes'
    : 'give it a value, or remove the key'
  return { code: 'wrong_type', message: `${name} is empty`, hint }
}

function describeValue(name: string, written: string | null, expected: Expected): Description {
  const values = expected.values.map(String)
  if (written === null)
    return { code: 'wrong_type', message: `${name} must be one of ${values.join(', ')}`, hint: '' }
  return { code: 'wrong_value', message: `${name} cannot be ${quote(written)}`, hint: meant(written, values) }
}

/** A refinement can set code and hint in `params`. */
function describeCustom(
  issue: z.core.$ZodIssueCustom,
  name: string,
  origin: Origin | undefined,
): Description {
  const { code, hint } = issue.params ?? {}
  return {
    code: problemCodes.find((candidate) => candidate === code) ?? 'wrong_value',
    message: code === 'wrong_match' ? issue.message : sentence(name, issue.message),
    hint: typeof hint === 'string' ? hint : checkOrigin(origin),
  }
}

function isStructure(issue: Issue): boolean {
  return issue.code === 'invalid_type' && ['array', 'object', 'record'].includes(issue.expected)
}

/** As written in the file. */
function valueAt({ value }: YamlDocument, path: Path): unknown {
  return path.reduce<unknown>(
    (found, key) => (Array.isArray(found) ? found[Number(key)] : ownProperty(found, String(key))),
    value,
  )
}

const VARIABLE = new RegExp(variablePattern, 'g')

function checkOrigin(origin: Origin | undefined): string {
  if (origin === undefined) return ''
  const { written, file } = origin
  const names = [...new Set(written.match(VARIABLE))]
  if (file !== undefined || names.length === 0 || written === names[0]) return `check the value of ${written}`
  return `check the text here and the value of ${names.join(' and ')}`
}

function sentence(name: string, words: string): string {
  return /^(must|needs|is|has|cannot|contains|begins)\b/.test(words)
    ? `${name} ${words}`
    : `${name}: ${words}`
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'must be text',
  number: 'must be a number',
  int: 'must be a whole number',
  boolean: 'must be true or false',
  array: 'must be a list',
  object: 'must be a mapping',
  record: 'must be a mapping',
}

function builtIn(issue: Issue, { types }: Expected): string {
  if (issue.code === 'invalid_type') {
    const whole = issue.expected === 'number' && types.includes('integer')
    return typeWords[whole ? 'int' : issue.expected] ?? 'has the wrong type'
  }
  if (issue.code === 'too_small') return `must ${amount('at least', issue.origin, issue.minimum)}`
  if (issue.code === 'too_big') return `must ${amount('at most', issue.origin, issue.maximum)}`
  return 'has a wrong value'
}

function amount(bound: string, origin: string, limit: number | bigint): string {
  if (origin === 'string') return `have ${bound} ${limit} characters`
  return origin === 'array' ? `have ${bound} ${limit} items` : `be ${bound} ${limit}`
}

/** A hint for a value of the wrong type, if YAML is the probable cause. */
function hintType(issue: Issue, { keys }: Expected, value: unknown): string {
  if (issue.code !== 'invalid_type') return ''
  if (issue.expected === 'object' || issue.expected === 'record') {
    const [, key] = /^([\w.-]+):\S/.exec(typeof value === 'string' ? value : '') ?? []
    return key === undefined ? known(keys) : `write a space after the colon: ${key}: …`
  }
  if (value === undefined) return ''
  if (issue.expected === 'array') return inBrackets(value)
  if (Array.isArray(value)) return value.length === 0 ? '' : 'write one value, without brackets or a dash'
  if (typeof value !== 'string') {
    const wantsText = issue.message === '' || issue.message.startsWith(typeWords.string ?? '')
    return issue.expected === 'string' && wantsText ? 'put the value in quotes' : ''
  }
  if (issue.expected === 'boolean') return 'yes, no, on and off are text; write true or false'
  const isNumber = issue.expected === 'number' || issue.expected === 'int'
  return isNumber && /^\d+$/.test(value) ? 'remove the quotes' : ''
}

/** Other text is not repeated, because it may be a secret. */
function inBrackets(value: unknown): string {
  const isReference =
    typeof value === 'string'
      ? value.match(VARIABLE)?.[0] === value
      : ownProperty(value, 'file') !== undefined
  if (isObject(value) && !isReference) return ''
  return `write it in brackets: [${isReference ? flow(value) : '…'}]`
}

/** A value in YAML, on one line. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (isObject(value)) {
    const pairs = Object.entries(value).map(([key, item]) => `${flow(key)}: ${flow(item)}`)
    return `{${pairs.join(', ')}}`
  }
  return typeof value === 'string' && /[^\w./-]/.test(value) ? JSON.stringify(value) : String(value)
}
