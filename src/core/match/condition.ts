/** What one field must be: values, wildcards and operators, each compiled to a test that takes bounded time. */
import { isObject, type Json, ownProperty } from '../json/json.ts'
import { compareNumbers, ExactNumber, isNumber, type Numeric } from '../json/number.ts'
import { equals } from './equals.ts'
import { otherOperators } from './other-names.ts'
import { fail, type MatchPath, type MatchProblem, type ValueTest } from './problem.ts'
import { compileRegex } from './regex.ts'
import { wildcard } from './wildcard.ts'

interface Documented {
  /** When it holds, for the reference of the configuration. */
  readonly description: string
  readonly example: Json
}

type Compiler<Takes extends string, Operand> = Documented & {
  readonly takes: Takes
  readonly compile: (operand: Operand, path: MatchPath, problems: MatchProblem[]) => ValueTest
}

type Operator =
  | Compiler<'value', unknown>
  | Compiler<'values', readonly unknown[]>
  | Compiler<'scalar', Scalar>
  | Compiler<'number', Numeric>
  | Compiler<'boolean', boolean>
  | Compiler<'text' | 'regex', string>

/** The kind of operand that an operator takes. */
export type Operand = Operator['takes']

type Scalar = string | Numeric | boolean | null

const known: Readonly<Record<string, Operator>> = {
  in: {
    takes: 'values',
    description: 'The field is one of these.',
    example: ['seed', 'series a'],
    compile: compileList,
  },
  not: {
    takes: 'value',
    description: 'The field does not match this value, list or mapping of operators.',
    example: 'internal',
    compile: (operand, path, problems) => {
      const test = compileValue(operand, path, problems)
      return (value) => !test(value)
    },
  },
  gt: order('The field is a number above this one.', (difference) => difference > 0),
  gte: order('The field is this number or above.', (difference) => difference >= 0),
  lt: order('The field is a number below this one.', (difference) => difference < 0),
  lte: order('The field is this number or below.', (difference) => difference <= 0),
  exists: {
    takes: 'boolean',
    description: 'true: the field is present, even if it is null. false: it is missing.',
    example: true,
    compile: (operand) => (value) => (value !== undefined) === operand,
  },
  prefix: part('The field is text that starts with this.', 'analysis.', (text, start) =>
    text.startsWith(start),
  ),
  suffix: part('The field is text that ends with this.', '.completed', (text, end) => text.endsWith(end)),
  contains: {
    takes: 'scalar',
    description: 'The field is text that contains this, or a list that has it as an element.',
    example: 'urgent',
    compile: compileContains,
  },
  regex: {
    takes: 'regex',
    description: 'The field is text, and this regular expression (RE2) matches all of it.',
    example: 'analysis\\.(created|completed)',
    compile: compileRegex,
  },
}

export const operatorNames: readonly string[] = Object.keys(known)
const KNOWN_OPERATORS = `known: ${operatorNames.join(', ')}`

/** The operators, for the JSON schema and the reference. */
export const operators: readonly (Documented & { readonly name: string; readonly takes: Operand })[] =
  Object.entries(known).map(([name, { takes, description, example }]) => ({
    name,
    takes,
    description,
    example,
  }))

/**
 * Compiles the condition of a field: a scalar, a string with wildcards, a list (any of them), or a mapping of
 * operators (all of them). Adds mistakes to `problems`; the returned test then never holds.
 */
export function compileValue(raw: unknown, path: MatchPath, problems: MatchProblem[]): ValueTest {
  if (Array.isArray(raw)) return compileList(raw, path, problems)
  if (isObject(raw)) return compileOperators(raw, path, problems)
  if (typeof raw === 'string' && raw.includes('*')) {
    const test = wildcard(raw)
    return (value) => typeof value === 'string' && test(value)
  }
  if (!isScalar(raw))
    return fail(problems, path, 'must be text, a number, true, false, null, a list or operators')
  return equals(raw)
}

function compileList(raw: readonly unknown[], path: MatchPath, problems: MatchProblem[]): ValueTest {
  if (raw.length === 0)
    return fail(problems, path, 'an empty list matches nothing', 'list at least one value')
  const tests = raw.map((item, index) => {
    const place = [...path, index]
    return Array.isArray(item)
      ? fail(problems, place, 'a list within a list', 'write one list')
      : compileValue(item, place, problems)
  })
  return (value) => tests.some((test) => test(value))
}

function compileOperators(raw: object, path: MatchPath, problems: MatchProblem[]): ValueTest {
  const entries = Object.entries(raw)
  if (entries.length === 0) return fail(problems, path, 'no operator', KNOWN_OPERATORS)
  const tests = entries.map(([name, operand]) => {
    const place = [...path, name]
    const operator = Object.hasOwn(known, name) ? known[name] : undefined
    if (operator === undefined) return unknownOperator(name, path, problems)
    return compileOperator(name, operator, operand, place, problems)
  })
  const [only] = tests
  if (only !== undefined && tests.length === 1) return only
  return (value) => tests.every((test) => test(value))
}

function unknownOperator(name: string, path: MatchPath, problems: MatchProblem[]): ValueTest {
  const alias = ownProperty(otherOperators, name)
  const message = `unknown operator ${JSON.stringify(name)}`
  if (typeof alias === 'string') return fail(problems, [...path, name], message, alias)
  const field = path.at(-1)
  const nested =
    typeof field === 'string' && !Object.hasOwn(known, field) && /^\w+$/.test(name)
      ? `; for a field within ${field} write ${JSON.stringify(`${field}.${name}`)}`
      : ''
  return fail(problems, [...path, name], message, `${KNOWN_OPERATORS}${nested}`)
}

function compileOperator(
  name: string,
  operator: Operator,
  operand: unknown,
  path: MatchPath,
  problems: MatchProblem[],
): ValueTest {
  const takes = (what: string, hint?: string) => fail(problems, path, `"${name}" takes ${what}`, hint)
  switch (operator.takes) {
    case 'value':
      return operator.compile(operand, path, problems)
    case 'values':
      return Array.isArray(operand) ? operator.compile(operand, path, problems) : takes('a list of values')
    case 'scalar':
      if (!isScalar(operand)) return takes('text, or one element of a list')
      return operator.compile(operand, path, problems)
    case 'number':
      if (isFiniteNumber(operand)) return operator.compile(operand, path, problems)
      return takes('a number', isQuotedNumber(operand) ? 'remove the quotes' : '')
    case 'boolean':
      return typeof operand === 'boolean' ? operator.compile(operand, path, problems) : takes('true or false')
    case 'text':
      return typeof operand === 'string' ? operator.compile(operand, path, problems) : takes('text')
    case 'regex':
      if (typeof operand !== 'string') return takes('a regular expression as text')
      return operator.compile(operand, path, problems)
  }
}

function isQuotedNumber(operand: unknown): boolean {
  return typeof operand === 'string' && operand.trim() !== '' && Number.isFinite(Number(operand))
}

function order(description: string, holds: (difference: number) => boolean): Operator {
  return {
    takes: 'number',
    description,
    example: 80,
    compile: (limit) => (value) => isNumber(value) && holds(compareNumbers(value, limit)),
  }
}

function part(
  description: string,
  example: string,
  holds: (text: string, part: string) => boolean,
): Operator {
  return {
    takes: 'text',
    description,
    example,
    compile: (part) => (value) => typeof value === 'string' && holds(value, part),
  }
}

function compileContains(operand: Scalar): ValueTest {
  const isOperand = equals(operand)
  return (value) => {
    if (typeof value === 'string') return typeof operand === 'string' && value.includes(operand)
    return Array.isArray(value) && value.some(isOperand)
  }
}

function isScalar(raw: unknown): raw is Scalar {
  return raw === null || typeof raw === 'string' || typeof raw === 'boolean' || isFiniteNumber(raw)
}

function isFiniteNumber(raw: unknown): raw is Numeric {
  return raw instanceof ExactNumber || Number.isFinite(raw)
}
