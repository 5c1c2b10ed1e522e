/** The smallest conditions that a field's value is made of, and what follows from one for another. */

import { isObject } from '../json.ts'
import { compileValue } from './condition.ts'
import { literals, wildcard } from './wildcard.ts'

export interface Predicate {
  readonly kind: 'equal' | 'glob' | 'range' | 'exists' | 'contains' | 'regex'
  /** What it compares with: a scalar, a pattern with `*`, an operator with a number, a regular expression. */
  readonly operand: unknown
  readonly test: (value: unknown) => boolean
}

/** A predicate, and whether it must hold or must not. */
export interface Signed {
  readonly predicate: Predicate
  readonly holds: boolean
}

type Group = readonly Signed[]

/** A value as any of some groups, all of each; null where it is wrong, or too much. */
export function predicatesOf(wanted: unknown): readonly Group[] | null {
  if (Array.isArray(wanted)) return anyOf(wanted.map(predicatesOf))
  if (!isObject(wanted)) return [[{ predicate: plain(wanted), holds: true }]]
  return allOf(Object.entries(wanted).map(([operator, operand]) => ofOperator(operator, operand)))
}

function ofOperator(operator: string, operand: unknown): readonly Group[] | null {
  if (operator === 'in') return predicatesOf(operand)
  if (operator === 'not') return opposite(predicatesOf(operand))
  if (operator === 'exists') return [[{ predicate: EXISTS, holds: operand === true }]]
  const predicate = ofOperand(operator, operand)
  return predicate === null ? null : [[{ predicate, holds: true }]]
}

function ofOperand(operator: string, operand: unknown): Predicate | null {
  const test = compileValue({ [operator]: operand }, [], [])
  if (typeof operand === 'string') {
    // The backslashes at its end stand before a star now.
    if (operator === 'prefix')
      return { kind: 'glob', operand: `${escaped(operand).replace(/\\+$/, '$&$&')}*`, test }
    if (operator === 'suffix') return { kind: 'glob', operand: `*${escaped(operand)}`, test }
  }
  if (operator === 'contains') return { kind: 'contains', operand, test }
  if (operator === 'regex') return { kind: 'regex', operand, test }
  return isRange(operator) ? { kind: 'range', operand: { [operator]: operand }, test } : null
}

const EXISTS: Predicate = { kind: 'exists', operand: true, test: (value) => value !== undefined }

function plain(wanted: unknown): Predicate {
  if (typeof wanted !== 'string' || !wanted.includes('*')) return equalTo(wanted)
  return { kind: 'glob', operand: wanted, test: compileValue(wanted, [], []) }
}

export function equalTo(value: unknown): Predicate {
  return { kind: 'equal', operand: value, test: (other) => other === value }
}

/** A text as a pattern that matches nothing else. */
function escaped(text: string): string {
  return text.replace(/(\\*)\*/g, '$1$1\\*')
}

const MOST_GROUPS = 64

function anyOf(parts: readonly (readonly Group[] | null)[]): readonly Group[] | null {
  const groups = parts.flatMap((part) => part ?? [])
  return parts.includes(null) || groups.length > MOST_GROUPS ? null : groups
}

function allOf(parts: readonly (readonly Group[] | null)[]): readonly Group[] | null {
  let groups: readonly Group[] = [[]]
  for (const part of parts) {
    if (part === null || groups.length * part.length > MOST_GROUPS) return null
    groups = groups.flatMap((group) => part.map((more) => [...group, ...more]))
  }
  return groups
}

function opposite(groups: readonly Group[] | null): readonly Group[] | null {
  if (groups === null) return null
  return allOf(groups.map((group) => group.map(({ predicate, holds }) => [{ predicate, holds: !holds }])))
}

/** Whether `other` holds for every value for which `predicate` does. */
export function implies(predicate: Predicate, other: Predicate): boolean {
  if (other.kind === 'exists') return true
  if (predicate.kind === 'equal') return other.test(predicate.operand)
  if (predicate.kind === other.kind && JSON.stringify(predicate.operand) === JSON.stringify(other.operand))
    return true
  if (predicate.kind === 'range' && other.kind === 'range')
    return impliesRange(bounds(predicate), bounds(other))
  if (predicate.kind !== 'glob') return false
  // Only a star of the other can match what a star of this one does, so a character that no pattern has stands for it.
  const sample = literals(String(predicate.operand)).join(STAR)
  if (String(other.operand).includes(STAR)) return false
  if (other.kind === 'glob') return wildcard(String(other.operand))(sample)
  return other.kind === 'contains' && typeof other.operand === 'string' && sample.includes(other.operand)
}

const STAR = '\u{10FFFF}'

/** Whether no value can satisfy all of `wanted` and none of `refused`. */
export function isContradiction(
  wanted: readonly Predicate[],
  refused: readonly Predicate[],
  isText: boolean,
): boolean {
  if (wanted.some((predicate) => refused.some((other) => implies(predicate, other)))) return true
  const exact = wanted.find(({ kind }) => kind === 'equal')
  if (exact !== undefined) {
    return (
      (isText && typeof exact.operand !== 'string') ||
      !wanted.every((predicate) => predicate.test(exact.operand))
    )
  }
  const ranges = wanted.filter(({ kind }) => kind === 'range')
  const others = wanted.filter(({ kind }) => ['glob', 'regex', 'contains'].includes(kind))
  // No text or list is a number.
  if (ranges.length > 0 && (isText || others.length > 0)) return true
  return isEmptyRange(ranges) || doNotMeet(others.filter(({ kind }) => kind === 'glob'))
}

interface Bounds {
  readonly low: number
  readonly high: number
  readonly lowOpen: boolean
  readonly highOpen: boolean
}

function isRange(operator: string): boolean {
  return ['gt', 'gte', 'lt', 'lte'].includes(operator)
}

function bounds({ operand }: Predicate): Bounds {
  const { gt, gte, lt, lte } = operand as Partial<Record<'gt' | 'gte' | 'lt' | 'lte', number>>
  return {
    low: gt ?? gte ?? -Infinity,
    high: lt ?? lte ?? Infinity,
    lowOpen: gt !== undefined,
    highOpen: lt !== undefined,
  }
}

function impliesRange(one: Bounds, other: Bounds): boolean {
  const low = one.low > other.low || (one.low === other.low && (one.lowOpen || !other.lowOpen))
  const high = one.high < other.high || (one.high === other.high && (one.highOpen || !other.highOpen))
  return low && high
}

function isEmptyRange(ranges: readonly Predicate[]): boolean {
  const all = ranges.map(bounds)
  return all.some((one) =>
    all.some((other) => one.low > other.high || (one.low === other.high && (one.lowOpen || other.highOpen))),
  )
}

/** Whether two patterns begin, or end, so differently that no text satisfies both. */
function doNotMeet(globs: readonly Predicate[]): boolean {
  const parts = globs.map(({ operand }) => literals(String(operand)))
  return parts.some((one) =>
    parts.some((other) => {
      const [start = '', otherStart = ''] = [one[0], other[0]]
      const [end = '', otherEnd = ''] = [one.at(-1), other.at(-1)]
      return (
        !(start.startsWith(otherStart) || otherStart.startsWith(start)) ||
        !(end.endsWith(otherEnd) || otherEnd.endsWith(end))
      )
    }),
  )
}
