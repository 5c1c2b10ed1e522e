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

/** Reads an own property; a name on the prototype chain is as missing as any other. */
export function ownProperty(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
}
