/** What one field must be: values, wildcards and operators, each compiled to a test of bounded time. */
import { RE2JS } from 're2js'
import { isObject } from './json.ts'

/** Decides about one field's value; a missing field is undefined. */
export type Test = (value: unknown) => boolean

export type ProblemPath = readonly (string | number)[]

/** A mistake, and where it is within the mapping that was compiled. */
export interface Problem {
  readonly path: ProblemPath
  readonly message: string
}

type Compile = (operand: unknown, path: ProblemPath, problems: Problem[]) => Test

const operators: Readonly<Record<string, Compile>> = {
  in: compileIn,
  not: compileNot,
  gt: (operand, path, problems) =>
    compileOrder('gt', (value, limit) => value > limit, operand, path, problems),
  gte: (operand, path, problems) =>
    compileOrder('gte', (value, limit) => value >= limit, operand, path, problems),
  lt: (operand, path, problems) =>
    compileOrder('lt', (value, limit) => value < limit, operand, path, problems),
  lte: (operand, path, problems) =>
    compileOrder('lte', (value, limit) => value <= limit, operand, path, problems),
  exists: compileExists,
  prefix: (operand, path, problems) =>
    compileText('prefix', (text, part) => text.startsWith(part), operand, path, problems),
  suffix: (operand, path, problems) =>
    compileText('suffix', (text, part) => text.endsWith(part), operand, path, problems),
  contains: compileContains,
  regex: compileRegex,
}

export const operatorNames: readonly string[] = Object.keys(operators)

// A regular expression's work grows with its program times the text. Together these two keep the worst case to
// about half a second; a longer text does not match.
const LONGEST_REGEX_TEXT = 65_536
const LARGEST_REGEX_PROGRAM = 300

/**
 * Compiles what stands behind a field's name: a scalar, a string with wildcards, a list (any of them), or a
 * mapping of operators (all of them). Mistakes are added to `problems`; the test is then of no use.
 */
export function compileValue(raw: unknown, path: ProblemPath, problems: Problem[]): Test {
  if (Array.isArray(raw)) return compileList(raw, path, problems)
  if (isObject(raw)) return compileOperators(raw, path, problems)
  if (typeof raw === 'string' && raw.includes('*')) {
    const test = wildcard(raw)
    return (value) => typeof value === 'string' && test(value)
  }
  if (!isScalar(raw))
    return fail(problems, path, 'must be text, a number, true, false, null, a list or operators')
  return (value) => value === raw
}

/**
 * A test for a pattern in which `*` stands for any text, also none. `\*` is a literal star, and a backslash
 * before a star is written twice; elsewhere a backslash is itself. The time is linear in the text.
 */
export function wildcard(pattern: string): (text: string) => boolean {
  const [first = '', ...others] = literals(pattern)
  const last = others.pop()
  if (last === undefined) return (text) => text === first
  return (text) => {
    if (!text.startsWith(first) || !text.endsWith(last)) return false
    let from = first.length
    for (const literal of others) {
      // The leftmost place is always good: it leaves the most text to what follows.
      const at = text.indexOf(literal, from)
      if (at === -1) return false
      from = at + literal.length
    }
    return from <= text.length - last.length
  }
}

/** The texts between a pattern's wildcards. */
export function literals(pattern: string): string[] {
  const found: string[] = []
  let literal = ''
  let rest = 0
  for (const star of pattern.matchAll(/(\\*)\*/g)) {
    const backslashes = star[1]?.length ?? 0
    literal += pattern.slice(rest, star.index) + '\\'.repeat(backslashes / 2)
    rest = star.index + star[0].length
    if (backslashes % 2 === 1) {
      literal += '*'
    } else {
      found.push(literal)
      literal = ''
    }
  }
  return [...found, literal + pattern.slice(rest)]
}

function compileList(raw: readonly unknown[], path: ProblemPath, problems: Problem[]): Test {
  if (raw.length === 0) return fail(problems, path, 'an empty list matches nothing; list at least one value')
  const tests = raw.map((item, index) => {
    const place = [...path, index]
    return Array.isArray(item)
      ? fail(problems, place, 'a list within a list; write one list')
      : compileValue(item, place, problems)
  })
  return (value) => tests.some((test) => test(value))
}

function compileOperators(raw: object, path: ProblemPath, problems: Problem[]): Test {
  const entries = Object.entries(raw)
  if (entries.length === 0) return fail(problems, path, `no operator; known are ${operatorNames.join(', ')}`)
  const tests = entries.map(([name, operand]) => {
    const compile = Object.hasOwn(operators, name) ? operators[name] : undefined
    if (compile === undefined) return fail(problems, [...path, name], unknownOperator(name, path))
    return compile(operand, [...path, name], problems)
  })
  const [only] = tests
  if (only !== undefined && tests.length === 1) return only
  return (value) => tests.every((test) => test(value))
}

function unknownOperator(name: string, path: ProblemPath): string {
  const field = path.at(-1)
  const nested =
    typeof field === 'string' && !Object.hasOwn(operators, field)
      ? `; for a field within ${field} write ${JSON.stringify(`${field}.${name}`)}`
      : ''
  return `unknown operator ${JSON.stringify(name)}; known are ${operatorNames.join(', ')}${nested}`
}

function compileIn(operand: unknown, path: ProblemPath, problems: Problem[]): Test {
  if (!Array.isArray(operand)) return fail(problems, path, '"in" takes a list of values')
  return compileList(operand, path, problems)
}

function compileNot(operand: unknown, path: ProblemPath, problems: Problem[]): Test {
  const test = compileValue(operand, path, problems)
  return (value) => !test(value)
}

function compileExists(operand: unknown, path: ProblemPath, problems: Problem[]): Test {
  if (typeof operand !== 'boolean') return fail(problems, path, '"exists" takes true or false')
  return (value) => (value !== undefined) === operand
}

function compileOrder(
  name: string,
  holds: (value: number, limit: number) => boolean,
  operand: unknown,
  path: ProblemPath,
  problems: Problem[],
): Test {
  if (typeof operand !== 'number' || !Number.isFinite(operand)) {
    const quoted = typeof operand === 'string' && operand.trim() !== '' && Number.isFinite(Number(operand))
    return fail(problems, path, `"${name}" takes a number${quoted ? '; remove the quotes' : ''}`)
  }
  return (value) => typeof value === 'number' && holds(value, operand)
}

function compileText(
  name: string,
  holds: (text: string, part: string) => boolean,
  operand: unknown,
  path: ProblemPath,
  problems: Problem[],
): Test {
  if (typeof operand !== 'string') return fail(problems, path, `"${name}" takes text`)
  return (value) => typeof value === 'string' && holds(value, operand)
}

function compileContains(operand: unknown, path: ProblemPath, problems: Problem[]): Test {
  if (!isScalar(operand)) return fail(problems, path, '"contains" takes text, or one element of a list')
  return (value) => {
    if (typeof value === 'string') return typeof operand === 'string' && value.includes(operand)
    return Array.isArray(value) && value.includes(operand)
  }
}

function compileRegex(operand: unknown, path: ProblemPath, problems: Problem[]): Test {
  if (typeof operand !== 'string') return fail(problems, path, '"regex" takes a regular expression as text')
  let regex: RE2JS
  try {
    regex = RE2JS.compile(operand)
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    return fail(problems, path, `not a regular expression that RE2 knows: ${words}`)
  }
  const size = regex.programSize()
  if (size > LARGEST_REGEX_PROGRAM) {
    return fail(
      problems,
      path,
      `too large (${size} steps, at most ${LARGEST_REGEX_PROGRAM}); repeat less often`,
    )
  }
  return (value) => typeof value === 'string' && value.length <= LONGEST_REGEX_TEXT && regex.testExact(value)
}

function isScalar(raw: unknown): raw is string | number | boolean | null {
  return raw === null || typeof raw === 'string' || typeof raw === 'boolean' || Number.isFinite(raw)
}

/** Adds a problem. */
export function fail(problems: Problem[], path: ProblemPath, message: string): Test {
  problems.push({ path, message })
  return () => false
}
