/** YAML 1.2 as plain values, with the place of every key and value. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml'
import type { Position } from '../../channels/channel.ts'
import type { Problem, ProblemCode } from '../problem.ts'
import { explainSyntax } from './syntax.ts'
import { type Child, type Mark, offsetOf, textOf, toDocument, type YamlDocument } from './yaml-document.ts'

export type ParsedYaml =
  | { readonly ok: true; readonly document: YamlDocument }
  | { readonly ok: false; readonly problems: readonly Problem[] }

interface Reader {
  readonly anchors: Map<string, Node>
  readonly marks: Map<Node, Mark | 'open'>
  fail(code: ProblemCode, offset: number, message: string, hint: string): void
}

const LONGEST_TEXT = 262_144
// Bounds the work of every later stage, some of which is quadratic in the number of mistakes.
const MOST_NODES = 20_000
const DEEPEST = 64

/** `firstLine` is the line of the file on which the text starts. */
export function parseYaml(file: string, text: string, firstLine = 1): ParsedYaml {
  const problems: Problem[] = []
  const lines = new LineCounter()
  const place = (offset: number): Position => {
    const { line, col } = lines.linePos(Math.min(offset, text.length))
    return { line: Math.max(line, 1) + firstLine - 1, column: Math.max(col, 1) }
  }
  const fail = (code: ProblemCode, offset: number, message: string, hint: string) => {
    problems.push({ severity: 'error', code, file, ...place(offset), message, hint })
  }
  if (text.length > LONGEST_TEXT) {
    fail('syntax', 0, 'the file is larger than 256 kB', 'split it, or remove what is not configuration')
    return { ok: false, problems }
  }
  const parsed = parseDocument(text, {
    lineCounter: lines,
    version: '1.2',
    schema: 'core',
    merge: false,
    resolveKnownTags: false,
    prettyErrors: false,
    // Ours is linear, and also finds 1 beside "1".
    uniqueKeys: false,
  })
  const [error] = [...parsed.errors, ...parsed.warnings].sort((a, b) => a.pos[0] - b.pos[0])
  if (error !== undefined) {
    // What follows the first syntax error is mostly its consequence.
    fail('syntax', error.pos[0], ...explainSyntax(error))
    return { ok: false, problems }
  }
  const root = read(parsed.contents, { anchors: new Map(), marks: new Map(), fail })
  if (problems.length > 0) return { ok: false, problems }
  return { ok: true, document: toDocument(file, text, root, place) }
}

function read(node: Node | null, reader: Reader): Mark {
  if (isAlias(node)) return readAlias(node.source, offsetOf(node), reader)
  if (node === null) return { value: null, node, children: new Map(), size: 1, depth: 1 }
  if ('anchor' in node && typeof node.anchor === 'string') reader.anchors.set(node.anchor, node)
  reader.marks.set(node, 'open')
  const mark = readNode(node, reader)
  reader.marks.set(node, mark)
  checkExtent(mark, reader)
  return mark
}

/** Tells it of the innermost that is too large. */
function checkExtent({ node, children, size, depth }: Mark, { fail }: Reader): void {
  const inner = [...children.values()].map(({ mark }) => mark)
  if (size > MOST_NODES && inner.every((mark) => mark.size <= MOST_NODES)) {
    const message = `more than ${MOST_NODES} values, the aliases written out`
    fail('syntax', offsetOf(node), message, 'use fewer aliases, or write it shorter')
  }
  if (depth > DEEPEST && inner.every((mark) => mark.depth <= DEEPEST)) {
    fail('syntax', offsetOf(node), `more than ${DEEPEST} levels, the aliases written out`, 'nest less')
  }
}

function readAlias(name: string, offset: number, reader: Reader): Mark {
  const target = reader.anchors.get(name)
  const mark = target && reader.marks.get(target)
  if (mark !== undefined && mark !== 'open') return mark
  if (mark === 'open') {
    reader.fail('syntax', offset, `the alias *${name} stands within what it stands for`, 'remove it')
  } else {
    const hint = 'put a value that starts with * in quotes'
    reader.fail('syntax', offset, `no anchor for the alias *${name}`, hint)
  }
  return { value: null, node: null, children: new Map(), size: 1, depth: 1 }
}

function readNode(node: Node, reader: Reader): Mark {
  if (isSeq<Node | null>(node)) {
    const children = node.items.map((item) => ({ mark: read(item, reader), keyOffset: offsetOf(item) }))
    return collection(
      node,
      children.map(({ mark }) => mark.value),
      new Map(children.entries()),
    )
  }
  if (isMap<Node, Node | null>(node)) {
    const value: Record<string, unknown> = {}
    const children = new Map<string, Child>()
    for (const pair of node.items) {
      const name = readKey(pair, children, reader)
      const mark = read(pair.value, reader)
      if (name === null) continue
      value[name] = mark.value
      children.set(name, { mark, keyOffset: offsetOf(pair.key) })
    }
    return collection(node, value, children)
  }
  return { value: isScalar(node) ? node.value : null, node, children: new Map(), size: 1, depth: 1 }
}

function collection(node: Node, value: unknown, children: ReadonlyMap<string | number, Child>): Mark {
  let size = 1
  let depth = 0
  for (const { mark } of children.values()) {
    size += mark.size
    depth = Math.max(depth, mark.depth)
  }
  return { value, node, children, size, depth: depth + 1 }
}

/** The key's text; null, and a problem, where it cannot be one. */
function readKey(
  { key }: Pair<Node, Node | null>,
  before: ReadonlyMap<string, Child>,
  reader: Reader,
): string | null {
  if (!isScalar(key)) {
    reader.fail('syntax', offsetOf(key), 'a key must be text', 'put a value with { or [ in quotes')
    return null
  }
  const name = textOf(key)
  if (before.has(name)) {
    reader.fail('duplicate_key', offsetOf(key), `the key "${name}" is here twice`, 'keep one, or join them')
    return null
  }
  if (name === '__proto__') {
    reader.fail('unknown_key', offsetOf(key), 'a key cannot be named "__proto__"', 'choose another name')
    return null
  }
  return name
}

/** A scalar as written: `012` stays so. */
