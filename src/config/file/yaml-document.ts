/** What was read from a YAML file, asked by path: values, and where they stand. */
import { isScalar, type Node, type Scalar } from 'yaml'
import type { Position, YamlValue } from '../../channels/channel.ts'
import type { Path } from '../problem.ts'

/** A document read without a problem. Places are those of the file, also within what an alias stands for. */
export interface YamlDocument extends YamlValue {
  readonly file: string
  /** The place of the value; of its key where the value is empty; of what would hold it where it is missing. */
  at(path: Path): Position
  /** The place of the key, or of the list item. */
  keyAt(path: Path): Position
  /** The place of a text within the value as it is written in the file; of the value if it is not there. */
  textAt(path: Path, text: string): Position
  has(path: Path): boolean
  /** The value of a text, number or boolean; undefined for anything else. */
  scalar(path: Path): unknown
  /** Whether the value is there and is null, written or not. */
  isEmpty(path: Path): boolean
  /** What stands in the file for a scalar, without quotes; null for anything else. */
  written(path: Path): string | null
  /** Whether nothing but a comment stands where the value should. */
  isCommentedOut(path: Path): boolean
}

/** A node with what a reader of it needs. Aliases share the node they stand for. */
export interface Mark {
  readonly value: unknown
  readonly node: Node | null
  readonly children: ReadonlyMap<string | number, Child>
  /** How many nodes it has, and how deep they go, once its aliases are written out. */
  readonly size: number
  readonly depth: number
}

export interface Child {
  readonly mark: Mark
  readonly keyOffset: number
}

/** The document of a root that was read; `place` turns an offset in the text into one in the file. */
export function toDocument(
  file: string,
  text: string,
  root: Mark,
  place: (offset: number) => Position,
): YamlDocument {
  /** The place of the longest part of the path that exists. */
  const find = (path: Path) => {
    let child: Child = { mark: root, keyOffset: 0 }
    let found = 0
    for (const part of path) {
      const next = child.mark.children.get(part)
      if (next === undefined) break
      child = next
      found += 1
    }
    return { ...child, complete: found === path.length, found }
  }
  const offset = (path: Path): number => {
    const { mark, keyOffset, complete, found } = find(path)
    if (!complete) return found === 0 ? 0 : keyOffset
    if (mark.node === null || (isScalar(mark.node) && mark.node.source === '')) return keyOffset
    return valueOffset(text, mark.node)
  }
  return {
    file,
    value: root.value,
    at: (path) => place(offset(path)),
    keyAt: (path) => place(find(path).keyOffset),
    textAt(path, part) {
      const { node } = find(path).mark
      const [start, end] = node?.range ?? [0, 0]
      const at = text.slice(start, end).indexOf(part)
      return place(at === -1 ? offset(path) : start + at)
    },
    has: (path) => find(path).complete,
    written(path) {
      const { mark, complete } = find(path)
      return complete && isScalar(mark.node) ? textOf(mark.node) : null
    },
    scalar(path) {
      const { mark, complete } = find(path)
      return complete && isScalar(mark.node) && mark.value !== null ? mark.value : undefined
    },
    isEmpty(path) {
      const { mark, complete } = find(path)
      return complete && mark.value === null
    },
    isCommentedOut(path) {
      const { mark, complete } = find(path)
      return (
        complete &&
        isScalar(mark.node) &&
        mark.value === null &&
        /^[ \t]*#/.test(text.slice(offsetOf(mark.node)))
      )
    },
  }
}

/** Where a value starts; for a block scalar its first line of text, not the `|` in front of it. */
function valueOffset(text: string, node: Node): number {
  const [start, end] = node.range ?? [0, 0]
  if (!isScalar(node) || (node.type !== 'BLOCK_LITERAL' && node.type !== 'BLOCK_FOLDED')) return start
  const lineEnd = text.indexOf('\n', start)
  if (lineEnd === -1 || lineEnd >= end) return start
  const indent = /^(?:[ \t]*\r?\n)*( *)/.exec(text.slice(lineEnd + 1, end))?.[1]?.length ?? 0
  // The first line may be empty, and shorter than the indent of the others.
  const firstLine = /^[^\r\n]*/.exec(text.slice(lineEnd + 1, end))?.[0].length ?? 0
  return lineEnd + 1 + Math.min(indent, firstLine)
}

export function textOf(scalar: Scalar): string {
  return typeof scalar.value === 'string' ? scalar.value : (scalar.source ?? String(scalar.value))
}

export function offsetOf(node: Node | null): number {
  return node?.range?.[0] ?? 0
}
