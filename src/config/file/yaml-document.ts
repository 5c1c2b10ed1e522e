/** The values of a YAML file and their places, by path. */
import { type Document, isMap, isNode, isScalar, isSeq, type Node, type Pair, type Scalar } from 'yaml'
import type { Position, YamlValue } from '../../channels/channel.ts'
import type { Path } from '../problem.ts'

/** A document without mistakes. A value that came from an alias has the place of its anchor. */
export interface YamlDocument extends YamlValue {
  readonly file: string
  /** The place of the value; of its key if the value is empty; of its parent if it is missing. */
  at(path: Path): Position
  /** The place of the key, or of the list item. */
  keyAt(path: Path): Position
  /** The place of a text within the value as written in the file; of the value if it does not contain the text. */
  textAt(path: Path, text: string): Position
  has(path: Path): boolean
  /** Null for a mapping, a list, or a missing value. */
  scalar(path: Path): WrittenScalar | null
}

export interface WrittenScalar {
  /** Text, a number or a boolean; null if the value is empty or null. */
  readonly value: unknown
  /** As written in the file, without quotes. */
  readonly text: string
  /** There is only a comment instead of a value. */
  readonly isCommentedOut: boolean
}

/** The pairs of each mapping, by the text of their keys. */
export type Pairs = Map<Node, ReadonlyMap<string, Pair>>

/** `document` has no aliases; `place` turns an offset in the text into one in the file. */
export function toDocument(
  file: string,
  text: string,
  document: Document,
  pairs: Pairs,
  place: (offset: number) => Position,
): YamlDocument {
  /** The longest part of the path that exists. */
  const find = (path: Path) => {
    let node: unknown = document.contents
    let keyOffset = 0
    for (const [found, part] of path.entries()) {
      const pair = isMap(node) ? pairs.get(node)?.get(String(part)) : undefined
      const item: unknown = isSeq(node) ? node.items[Number(part)] : undefined
      if (pair === undefined && item === undefined) return { node: null, keyOffset, missing: true, found }
      keyOffset = offsetOf(pair === undefined ? item : pair.key)
      node = pair === undefined ? item : pair.value
    }
    return { node, keyOffset, missing: false, found: path.length }
  }
  const offset = (path: Path) => {
    const { node, keyOffset } = find(path)
    return !isNode(node) || (isScalar(node) && node.source === '') ? keyOffset : valueOffset(text, node)
  }
  return {
    file,
    value: document.toJS(),
    at: (path) => place(offset(path)),
    keyAt: (path) => place(find(path).keyOffset),
    textAt(path, part) {
      const { node } = find(path)
      const [start, end] = (isNode(node) && node.range) || [0, 0]
      const at = text.slice(start, end).indexOf(part)
      return place(at === -1 ? offset(path) : start + at)
    },
    has: (path) => !find(path).missing,
    scalar(path) {
      const { node } = find(path)
      if (!isScalar(node)) return null
      const isCommentedOut = node.value === null && /^[ \t]*#/.test(text.slice(offsetOf(node)))
      return { value: node.value, text: textOf(node), isCommentedOut }
    },
  }
}

/** Where a value starts; for a block scalar its first line of text, not the `|` in front of it. */
function valueOffset(text: string, node: Node): number {
  const [start, end] = node.range ?? [0, 0]
  if (!isScalar(node) || !node.type?.startsWith('BLOCK')) return start
  return start + (/^[^\n]*\n */.exec(text.slice(start, end))?.[0].length ?? 0)
}

export function textOf(scalar: Scalar): string {
  return typeof scalar.value === 'string' ? scalar.value : (scalar.source ?? String(scalar.value))
}

export function offsetOf(node: unknown): number {
  return (isNode(node) && node.range?.[0]) || 0
}
