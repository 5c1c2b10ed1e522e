import { isObject } from '../../../core/json/json.ts'
import type { Path } from '../../problem.ts'

export interface TextAt {
  readonly path: Path
  readonly text: string
}

/** Every text within a value. */
export function textsIn(value: unknown, path: Path = []): TextAt[] {
  if (typeof value === 'string') return [{ path, text: value }]
  if (Array.isArray(value)) return value.flatMap((item, index) => textsIn(item, [...path, index]))
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([key, item]) => textsIn(item, [...path, key]))
}
