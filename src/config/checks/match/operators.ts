/** Operators that are written as text, as in `">= 80"`, and would be compared as text. */

import { parse as parseYaml } from 'yaml'
import type { CompiledConfig } from '../../compiled.ts'
import { slipInValue } from '../../file/slips.ts'
import { type Path, type Problem, quote, warning } from '../../problem.ts'
import { type Condition, conditionsOf, type Leaf, leavesOf } from './conditions.ts'

const OPERATOR = '(>=|=>|≥|<=|=<|≤|==|!=|<>|>|<|=)'
const NUMBER = '(-?\\d+(?:\\.\\d+)?)'
const COMPARISON = new RegExp(`^\\s*${OPERATOR}\\s*${NUMBER}\\s*(?:%\\s*)?$`)
const EQUALITY = /^\s*(==|!=|<>)\s*(\S.*)$/
const IN_KEY = new RegExp(`^(\\S+?)\\s*${OPERATOR}\\s*(.*)$`)

const names: Readonly<Record<string, string>> = {
  '>=': 'gte',
  '=>': 'gte',
  '≥': 'gte',
  '>': 'gt',
  '<=': 'lte',
  '=<': 'lte',
  '≤': 'lte',
  '<': 'lt',
  '!=': 'not',
  '<>': 'not',
}

export function checkOperators({ config, document }: CompiledConfig): readonly Problem[] {
  return conditionsOf(config).flatMap((condition) => [
    ...inKey(condition, document),
    ...leavesOf(condition).flatMap((leaf) => inValue(leaf, condition, document)),
  ])
}

type Places = Pick<CompiledConfig['document'], 'at' | 'keyAt' | 'file'>

function inKey({ field, path }: Condition, document: Places): Problem[] {
  const [, key, operator = '', operand = ''] = IN_KEY.exec(field.path) ?? []
  if (key === undefined) return []
  const message = `${quote(field.path)} is the name of a field, and not a comparison`
  const value = operand === '' ? '…' : operand
  return [
    warning(
      'text_operator',
      document.file,
      document.keyAt(path),
      message,
      `write ${key}: ${written(operator, value)}`,
    ),
  ]
}

function inValue({ operator, value, path }: Leaf, { field }: Condition, document: Places): Problem[] {
  if (operator === 'regex' && typeof value === 'string') return inRegex(value, path, document)
  if (operator !== 'equal' || typeof value !== 'string') return []
  if (field.path === 'event') {
    const message = 'event is the event as a whole, and no text'
    return [warning('impossible_match', document.file, document.at(path), message, `write type: ${value}`)]
  }
  const slip = slipInValue(value)
  if (slip !== null)
    return [
      warning('text_operator', document.file, document.at(path), `${quote(value)} is compared as text`, slip),
    ]
  const hint = meaning(value) ?? (isType(field.path) ? meaningOfType(value) : null)
  if (hint === null) return []
  const message = `${quote(value)} is compared as text`
  return [warning('text_operator', document.file, document.at(path), message, `write ${hint}`)]
}

// A plain text with an anchor at one end.
const LITERAL = '((?:[^\\\\^$.|?*+()[\\]{}]|\\\\[^\\w\\s])+)'
const START_ALONE = new RegExp(`^\\^${LITERAL}$`)
const END_ALONE = new RegExp(`^${LITERAL}\\$$`)

/** Regular expressions that were written for a search, or with the slashes around them that other languages have. */
function inRegex(regex: string, path: Path, document: Places): Problem[] {
  const warn = (what: string, hint: string) => [
    warning('text_operator', document.file, document.at(path), `${quote(regex)} ${what}`, `write ${hint}`),
  ]
  const [, within, flags = ''] = /^\/(\^.*|.*\$)\/([a-z]*)$/.exec(regex) ?? []
  if (within !== undefined) {
    const ignoresCase = flags.includes('i')
    const literal = ignoresCase ? null : ofSearch(within)
    const ours = anchored(within)
    const hint =
      ours === null
        ? 'it without them, and with .* where a text may begin or go on with anything'
        : (literal?.hint ?? `regex: ${quote((ignoresCase ? '(?i)' : '') + ours)}`)
    return warn('has slashes and anchors of another language', hint)
  }
  const found = ofSearch(regex)
  return found === null
    ? []
    : warn(`is anchored at both ends, and matches only ${quote(found.text)}`, found.hint)
}

/** The same expression for an operator that is anchored at both ends; null if the anchors may belong to different alternatives. */
function anchored(search: string): string | null {
  if (search.replaceAll(/\\.|\[[^\]]*\]|\([^()]*\)/g, '').includes('|')) return null
  const [begin, end] = [search.startsWith('^') ? '' : '.*', search.endsWith('$') ? '' : '.*']
  return begin + search.replaceAll(/^\^|\$$/g, '') + end
}

/** The text of an expression that is anchored at only one end, and the operator that tests for it there. */
function ofSearch(regex: string): { readonly text: string; readonly hint: string } | null {
  const start = START_ALONE.exec(regex)?.[1]
  const literal = start ?? END_ALONE.exec(regex)?.[1]
  if (literal === undefined) return null
  const text = literal.replaceAll(/\\(.)/g, '$1')
  // Quoted if YAML would not read it as text.
  const operand = /^[\w.-]+$/.test(text) && parseYaml(text) === text ? text : quote(text)
  return { text, hint: `${start === undefined ? 'suffix' : 'prefix'}: ${operand}` }
}

export function isType(path: string): boolean {
  return path === 'type' || path === 'event.type'
}

/** What a text was probably meant to be; null if it may really be text. */
function meaning(text: string): string | null {
  const [, operator = '', operand = ''] = COMPARISON.exec(text) ?? EQUALITY.exec(text) ?? []
  return operator === '' ? null : written(operator, operand)
}

function written(operator: string, operand: string): string {
  const name = names[operator]
  return name === undefined ? operand : `{${name}: ${operand}}`
}

/** The same for an event type, in which senders use none of these characters. */
export function meaningOfType(text: string): string | null {
  const between = /^\/(.+)\/[a-z]*$/.exec(text)?.[1] ?? /^(?:\^.*|.*\$)$/.exec(text)?.[0]
  if (between !== undefined) return `{regex: ${quote(between.replace(/^\^|\$$/g, ''))}}`
  if (text.startsWith('!')) return `{not: ${text.slice(1).trim()}}`
  const several = text.split(/\|\||[,|;]|\bor\b/).map((one) => one.trim())
  return several.length > 1 && several.every((one) => /^[\w.*-]+$/.test(one))
    ? `[${several.join(', ')}]`
    : null
}
