/** A condition as text, on one line: `type = analysis.* and data.score >= 80`. */
import { isObject } from '../json/json.ts'
import type { Condition } from './evaluate.ts'
import type { Match } from './match.ts'

/** A text, and the operator that joins its parts; it needs parentheses inside an operator that binds more tightly. */
interface Description {
  readonly text: string
  readonly binding: 'or' | 'and' | 'one'
}

/** Takes a match as configured, or a condition that was evaluated for an event. */
export function describe(condition: Match | Condition): string {
  return describeField(condition).text
}

function describeField(condition: Match | Condition): Description {
  if (condition.kind === 'field')
    return valueDescription(condition.path, 'written' in condition ? condition.written : condition.wanted)
  const parts = partsOf(condition).map(describeField)
  if (condition.kind === 'not') return negated(joined(parts, 'and'))
  return joined(parts, condition.kind === 'any' ? 'or' : 'and')
}

function partsOf(group: Exclude<Match | Condition, { kind: 'field' }>): readonly (Match | Condition)[] {
  if ('conditions' in group) return group.conditions
  return group.kind === 'not' ? [group.part] : group.parts
}

function joined(parts: readonly Description[], binding: 'or' | 'and'): Description {
  const [only] = parts
  if (only !== undefined && parts.length === 1) return only
  const texts = parts.map((part) =>
    part.binding === 'one' || part.binding === binding ? part.text : `(${part.text})`,
  )
  return { text: texts.join(` ${binding} `), binding }
}

function negated({ text }: Description): Description {
  return one(`not (${text})`)
}

function one(text: string): Description {
  return { text, binding: 'one' }
}

/** The condition of one field, as `compileValue` takes it. */
function valueDescription(path: string, wanted: unknown): Description {
  const field = word(path)
  if (Array.isArray(wanted)) return listDescription(path, wanted)
  if (!isObject(wanted)) return one(`${field} = ${word(wanted)}`)
  return joined(
    Object.entries(wanted).map(([operator, operand]) => operatorDescription(path, operator, operand)),
    'and',
  )
}

function listDescription(path: string, items: readonly unknown[]): Description {
  if (items.length > 1 && items.every((item) => !isObject(item)))
    return one(`${word(path)} in [${items.map(word).join(', ')}]`)
  return joined(
    items.map((item) => valueDescription(path, item)),
    'or',
  )
}

const comparisons: Readonly<Record<string, string>> = {
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
  prefix: 'starts with',
  suffix: 'ends with',
  contains: 'contains',
  regex: 'matches',
}

function operatorDescription(path: string, operator: string, operand: unknown): Description {
  const field = word(path)
  if (operator === 'in') return valueDescription(path, operand)
  if (operator === 'exists') return one(`${field} ${operand === true ? 'exists' : 'is missing'}`)
  if (operator === 'not') {
    if (Array.isArray(operand) || isObject(operand)) return negated(valueDescription(path, operand))
    // A wildcard looks like equality here too.
    return one(`${field} != ${word(operand)}`)
  }
  return one(`${field} ${comparisons[operator] ?? operator} ${word(operand)}`)
}

// What needs no quotes to be read as text.
const PLAIN = /^(?!(?:true|false|null)$)[\p{L}_*/][\p{L}\p{M}\p{N}_.*/:@+-]*$/u

/** Text, in quotes if it could be misread; invisible characters as their code points. */
function word(value: unknown): string {
  if (typeof value === 'string' && PLAIN.test(value)) return value
  return JSON.stringify(value).replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`,
  )
}
