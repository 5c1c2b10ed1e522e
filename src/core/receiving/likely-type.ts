/** Guesses where a payload has its event type, for a hint about `event_type`. */
import { isObject, type JsonObject } from '../json/json.ts'

const LIKELY_KEY = /^event|type$|^topic$|^action$/i
// Names that are the same as JSON pointers, and read well in a message.
const PLAIN_KEY = /^[a-z]\w{0,39}$/i

/**
 * The JSON pointer of the first text with a name that suggests an event type, in the payload or in a mapping in it; null if there is none.
 * `tried`: the pointers that did not find a type.
 */
export function likelyTypeAt(payload: JsonObject, tried: readonly string[]): string | null {
  const top = Object.entries(payload).filter(([key]) => PLAIN_KEY.test(key))
  const nested = top.flatMap(([outer, value]) =>
    isObject(value)
      ? Object.entries(value).map(([key, inner]) => [`${outer}/${key}`, key, inner] as const)
      : [],
  )
  const found = [...top.map(([key, value]) => [key, key, value] as const), ...nested].find(
    ([path, key, value]) =>
      PLAIN_KEY.test(key) &&
      LIKELY_KEY.test(key) &&
      !tried.includes(`/${path}`) &&
      typeof value === 'string' &&
      value !== '',
  )
  return found === undefined ? null : `/${found[0]}`
}
