/** A mistake in the configuration or a template, and how to fix it. */
import { nearest } from '../core/text/nearest.ts'

export const problemCodes = [
  'unreadable_file',
  'syntax',
  'duplicate_key',
  'unknown_key',
  'missing_key',
  'wrong_type',
  'wrong_value',
  'unset_variable',
  'wrong_variable',
  'unknown_receiver',
  'unused_receiver',
  'unknown_source',
  'unused_source',
  'unused_template',
  'unknown_time_interval',
  'unused_time_interval',
  'missing_settings',
  'doubtful_setting',
  'example_value',
  'no_receivers',
  'wrong_fallback',
  'unreachable_route',
  'impossible_match',
  'unknown_template',
  'unknown_file',
  'wrong_match',
  'text_operator',
  'unknown_type',
  'unknown_field',
  'wrong_link',
  'wrong_template',
  'plain_secret',
  'repeated_secret',
  'readable_secret',
  'failed_test',
  'sample_note',
  'unexpected_error',
] as const
export type ProblemCode = (typeof problemCodes)[number]

export interface Problem {
  readonly severity: 'error' | 'warning'
  readonly code: ProblemCode
  readonly file: string
  /** Counted from 1. */
  readonly line: number
  readonly column: number
  readonly message: string
  /** How to fix it; empty if the message is enough. */
  readonly hint: string
  /** Further text for a person, on lines of its own. */
  readonly detail?: string
}

/** The place of a problem with a whole file. */
export const START = { line: 1, column: 1 } as const

export function error(
  code: ProblemCode,
  file: string,
  { line, column }: { readonly line: number; readonly column: number },
  message: string,
  hint = '',
): Problem {
  return { severity: 'error', code, file, line, column, message, hint }
}

export function warning(...problem: Parameters<typeof error>): Problem {
  return { ...error(...problem), severity: 'warning' }
}

/** The steps into a document: keys of mappings and indexes of lists. */
export type Path = readonly (string | number)[]

/** `config.yaml:14:5: unknown key "chanel" (did you mean "channel"?)` */
export function formatProblem({ severity, file, line, column, message, hint }: Problem): string {
  const label = severity === 'warning' ? 'warning: ' : ''
  return `${file}:${line}:${column}: ${label}${message}${hint === '' ? '' : ` (${hint})`}`
}

/**
 * The configuration's first, then the templates' by name, each in the order of its lines. Drops duplicates, which aliases
 * cause, and warnings at the place of an error.
 */
export function inOrder(configuration: string, problems: readonly Problem[]): Problem[] {
  const file = (problem: Problem) => (problem.file === configuration ? '' : problem.file)
  const unique = new Map(problems.map((problem) => [formatProblem(problem), problem]))
  const place = ({ file, line, column }: Problem) => `${file}:${line}:${column}`
  const wrong = new Set(problems.filter(({ severity }) => severity === 'error').map(place))
  return [...unique.values()]
    .filter((problem) => problem.severity === 'error' || !wrong.has(place(problem)))
    .sort((a, b) => compare(file(a), file(b)) || a.line - b.line || a.column - b.column)
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** A hint for an unknown name: the most similar one, else all known names. */
export function meant(name: string, names: readonly string[]): string {
  const near = nearest(name, names)
  return near !== undefined ? `did you mean "${near}"?` : known(names)
}

export function known(names: readonly string[]): string {
  return names.length === 0 ? '' : `known: ${[...names].sort().join(', ')}`
}

/** `routes[2].match` */
export function pathName(path: Path): string {
  return path.reduce<string>((name, part) => {
    if (typeof part === 'number') return `${name}[${part}]`
    return name === '' ? part : `${name}.${part}`
  }, '')
}

/** Text from a file, quoted and cut to a length that fits a line. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
