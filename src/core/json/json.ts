import { ExactNumber, type Numeric } from './number.ts'

/** A value of JSON, with numbers as they were written. */
export type Json = null | boolean | Numeric | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

export function isObject(value: unknown): value is JsonObject {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber)
  )
}

/** Reads an own property; names on the prototype chain do not count. */
export function ownProperty(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
}

/** DEL, the C1 controls, and characters that change the direction of text or break its line; part of a character class. */
export const STEERING = '\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069'

const STEERING_CHARACTERS = new RegExp(`[${STEERING}]`, 'g')

/** The same JSON with these characters escaped, which JSON.stringify does not do. */
export function withoutSteering(json: string): string {
  return json.replace(STEERING_CHARACTERS, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Undefined if the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Array.isArray would lose the type of the elements. */
export function isList(value: unknown): value is readonly Json[] {
  return Array.isArray(value)
}
