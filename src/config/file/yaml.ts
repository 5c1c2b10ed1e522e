/** YAML 1.2 as plain values, with the place of every key and value. */
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
  type YAMLMap,
} from 'yaml'
import type { Position } from '../../channels/channel.ts'
import { numberOf } from '../../core/json/number.ts'
import type { Problem, ProblemCode } from '../problem.ts'
import { slipBefore, slipInKey } from './slips.ts'
import { describeSyntaxError } from './syntax.ts'
import { offsetOf, type Pairs, textOf, toDocument, type YamlDocument } from './yaml-document.ts'

export type ParsedYaml =
  | { readonly ok: true; readonly document: YamlDocument }
  | { readonly ok: false; readonly problems: readonly Problem[] }

type Fail = (node: unknown, message: string, hint: string, code?: ProblemCode) => void

const LONGEST_TEXT = 262_144
// Bounds the work of every later stage, some of which is quadratic in the number of mistakes.
const MOST_VALUES = 20_000
const DEEPEST = 64

/** `firstLine` is the line of the file on which the text starts. */
export function parseYaml(file: string, text: string, firstLine = 1): ParsedYaml {
  const problems: Problem[] = []
  const lines = new LineCounter()
  const place = (offset: number): Position => {
    const { line, col } = lines.linePos(Math.min(offset, text.length))
    return { line: Math.max(line, 1) + firstLine - 1, column: Math.max(col, 1) }
  }
  const failAt = (offset: number, message: string, hint: string, code: ProblemCode = 'syntax') => {
    problems.push({ severity: 'error', code, file, ...place(offset), message, hint })
    return { ok: false, problems } as const
  }
  if (text.length > LONGEST_TEXT)
    return failAt(0, 'the file is larger than 256 kB', 'split it, or remove what is not configuration')
  const parsed = parseDocument(text, {
    lineCounter: lines,
    version: '1.2',
    schema: 'core',
    merge: false,
    resolveKnownTags: false,
    prettyErrors: false,
    // The package's own search for duplicates takes quadratic time, and treats 1 and "1" as different keys.
    uniqueKeys: false,
  })
  const [error] = [...parsed.errors, ...parsed.warnings].sort((a, b) => a.pos[0] - b.pos[0])
  // Further syntax errors are mostly consequences of the first one.
  if (error !== undefined) {
    const slip = slipBefore(text, error.pos[0])
    return slip === null
      ? failAt(error.pos[0], ...describeSyntaxError(error))
      : failAt(slip.offset, `not valid YAML: ${slip.message}`, slip.hint)
  }
  const pairs = toTree(parsed, (node, ...problem) => failAt(offsetOf(node), ...problem))
  if (problems.length > 0) return { ok: false, problems }
  return { ok: true, document: toDocument(file, text, parsed, pairs, place) }
}

/**
 * Replaces every alias by the node that it stands for, so that the document is a tree of limited size, with text for
 * keys and no duplicate keys. Returns the pairs of every mapping.
 */
function toTree(document: Document, fail: Fail): Pairs {
  const anchors = new Map<string, Node>()
  const pairs: Pairs = new Map()
  let values = 0
  let latest: unknown
  visit(document, (key, node, path) => {
    if (!isNode(node)) return isPair(node) && !isScalar(node.key) ? visit.SKIP : undefined
    if (key === 'key') return undefined
    // A node that replaces an alias is further up in the file.
    if (offsetOf(node) >= offsetOf(latest)) latest = node
    if (isAlias(node)) {
      const target = anchors.get(node.source)
      if (target !== undefined && !path.includes(target)) return target
      const name = `the alias *${node.source}`
      if (target !== undefined) fail(node, `${name} refers to a value that contains it`, 'remove it')
      else fail(node, `${name} refers to no anchor above it`, 'if it is text, put it in quotes')
      return undefined
    }
    values += 1
    if (isScalar(node)) keepAsWritten(node)
    if (values > MOST_VALUES) {
      fail(
        latest,
        `more than ${MOST_VALUES} values, after aliases are expanded`,
        'use fewer aliases, or shorten the file',
      )
      return visit.BREAK
    }
    if (isCollection(node) && path.filter(isCollection).length >= DEEPEST) {
      fail(latest, `more than ${DEEPEST} levels, after aliases are expanded`, 'use fewer levels')
      return visit.BREAK
    }
    // A node that replaced an alias must not replace a later anchor of the same name.
    if (node.anchor && offsetOf(anchors.get(node.anchor)) <= offsetOf(node)) anchors.set(node.anchor, node)
    if (isMap(node) && !pairs.has(node)) pairs.set(node, pairsOf(node, fail))
    return undefined
  })
  return pairs
}

/** Keeps the number of a scalar exactly as written, if a JavaScript number would differ. */
function keepAsWritten(node: Scalar): void {
  if (
    typeof node.value !== 'number' ||
    !/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(node.source ?? '')
  )
    return
  const exact = numberOf(node.source ?? '')
  if (typeof exact === 'number') return
  node.value = exact
  // Otherwise the package would convert it to JSON.
  node.toJSON = () => exact
}

/** The pairs by name. Keys become text as written: `012` stays `012`. */
function pairsOf(map: YAMLMap, fail: Fail): Map<string, Pair> {
  const pairs = new Map<string, Pair>()
  for (const pair of map.items) {
    const { key } = pair
    if (!isScalar(key)) {
      fail(key, 'a key must be text', 'put a value that contains { or [ in quotes')
      continue
    }
    const name = textOf(key)
    key.value = name
    const slip = key.type === 'PLAIN' ? slipInKey(name) : null
    if (slip !== null) fail(key, slip.message, slip.hint)
    if (pairs.has(name))
      fail(key, `duplicate key "${name}"`, 'keep one, or merge their values', 'duplicate_key')
    if (name === '__proto__')
      fail(key, 'a key cannot be named "__proto__"', 'choose another name', 'unknown_key')
    pairs.set(name, pair)
  }
  return pairs
}
