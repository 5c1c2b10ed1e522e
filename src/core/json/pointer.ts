/** JSON pointers (RFC 6901), each parsed once. */
import { isList, isObject, type Json } from './json.ts'

/** Resolves a JSON pointer in a value; undefined if nothing is there. */
export function resolvePointer(value: Json, pointer: string): Json | undefined {
  let found: Json | undefined = value
  for (const key of keysOf(pointer)) {
    if (isList(found)) found = /^(0|[1-9]\d*)$/.test(key) ? found[Number(key)] : undefined
    else found = isObject(found) && Object.hasOwn(found, key) ? found[key] : undefined
    if (found === undefined) return undefined
  }
  return found
}

// A configuration has few pointers, and each event is read by several of them.
const MAX_PARSED = 100
const parsed = new Map<string, readonly string[]>()

function keysOf(pointer: string): readonly string[] {
  const known = parsed.get(pointer)
  if (known !== undefined) return known
  const tokens = pointer === '' ? [] : pointer.slice(1).split('/')
  const keys = tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (parsed.size < MAX_PARSED) parsed.set(pointer, keys)
  return keys
}
