/** A condition in words, on one line: `type = analysis.* and data.score >= 80`. */
import { isObject } from '../json.ts'
import type { Condition, Match } from './match.ts'

/** Words, and what holds them together: whoever puts them into something tighter sets brackets. */
interface Phrase {
  readonly text: string
  readonly binding: 'or' | 'and' | 'one'
}

/** `conditions` are of `explain`, after an event was held against them; a match is as configured. */
export function describe(condition: Match | Condition): string {
  return describeField(condition).text
}

function describeField(condition: Match | Condition): Phrase {
  if (condition.kind === 'field')
    return valuePhrase(condition.path, 'written' in condition ? condition.written : condition.wanted)
  const parts = partsOf(condition).map(describeField)
  if (condition.kind === 'not') return negated(joined(parts, 'and'))
  return joined(parts, condition.kind === 'any' ? 'or' : 'and')
}

function partsOf(group: Exclude<Match | Condition, { kind: 'field' }>): readonly (Match | Condition)[] {
  if ('conditions' in group) return group.conditions
  return group.kind === 'not' ? [group.part] : group.parts
}

function joined(parts: readonly Phrase[], binding: 'or' | 'and'): Phrase {
  const [only] = parts
  if (only !== undefined && parts.length === 1) return only
  const texts = parts.map((part) =>
    part.binding === 'one' || part.binding === binding ? part.text : `(${part.text})`,
  )
  return { text: texts.join(` ${binding} `), binding }
}

function negated({ text }: Phrase): Phrase {
  return one(`not (${text})`)
}

function one(text: string): Phrase {
  return { text, binding: 'one' }
}

/** What stands behind a field's name, as core/condition compiles it. */
function valuePhrase(path: string, wanted: unknown): Phrase {
  const field = word(path)
  if (Array.isArray(wanted)) return listPhrase(path, wanted)
  if (!isObject(wanted)) return one(`${field} = ${word(wanted)}`)
  return joined(
    Object.entries(wanted).map(([operator, operand]) => operatorPhrase(path, operator, operand)),
    'and',
  )
}

function listPhrase(path: string, items: readonly unknown[]): Phrase {
  if (items.length > 1 && items.every((item) => !isObject(item)))
    return one(`${word(path)} in [${items.map(word).join(', ')}]`)
  return joined(
    items.map((item) => valuePhrase(path, item)),
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

function operatorPhrase(path: string, operator: string, operand: unknown): Phrase {
  const field = word(path)
  if (operator === 'in') return valuePhrase(path, operand)
  if (operator === 'exists') return one(`${field} ${operand === true ? 'exists' : 'is missing'}`)
  if (operator === 'not') {
    if (Array.isArray(operand) || isObject(operand)) return negated(valuePhrase(path, operand))
    // With a wildcard it is no longer equality that is denied, and it reads the same.
    return one(`${field} != ${word(operand)}`)
  }
  return one(`${field} ${comparisons[operator] ?? operator} ${word(operand)}`)
}

// What reads as one word, and as nothing but text.
const PLAIN = /^(?!(?:true|false|null)$)[\p{L}_*/][\p{L}\p{M}\p{N}_.*/:@+-]*$/u

/** Text as it is where nobody can misread it, else in quotes; what cannot be seen is written as its number. */
function word(value: unknown): string {
  if (typeof value === 'string' && PLAIN.test(value)) return value
  return JSON.stringify(value).replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`,
  )
}
