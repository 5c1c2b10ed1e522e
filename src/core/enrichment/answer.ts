/** What the answer to a step's request leads to. */

import { isObject, type Json, type JsonObject, ownProperty } from '../json/json.ts'
import { resolvePointer } from '../json/pointer.ts'
import type { Step } from './step.ts'

/** How one request ended. */
export type Answer =
  | {
      readonly kind: 'answer'
      readonly status: number
      /** Undefined if it is not JSON. */
      readonly body: Json | undefined
      /** Milliseconds that it asks us to wait; null if it does not. */
      readonly retryAfter: number | null
    }
  /** There was no answer, or none that can be used. `permanent`: another request would end in the same way. */
  | { readonly kind: 'none'; readonly reason: string; readonly permanent: boolean }

export type Verdict =
  | { readonly kind: 'picked'; readonly value: Json; readonly fields: readonly string[] }
  /** The request is repeated: the answer is not ready, or the failure may pass. */
  | {
      readonly kind: 'again'
      readonly reason: string
      /** Milliseconds that the answer asks us to wait; null if it does not. */
      readonly after: number | null
      /** The API itself cannot serve requests: there was no answer, or one that says so. */
      readonly unavailable: boolean
    }
  /** `status`: 401 or 403, for which a person must act; null for any other reason. */
  | { readonly kind: 'failed'; readonly reason: string; readonly status: 401 | 403 | null }

/** Limit for what one step adds to an event, as JSON. */
const LARGEST_BYTES = 16 * 1024
// Timeouts and limits of the server, and resources that do not exist yet.
const PASSING: ReadonlySet<number> = new Set([404, 408, 409, 423, 425, 429])
const UNAVAILABLE: ReadonlySet<number> = new Set([403, 408, 429])

export function judge(step: Pick<Step, 'pick' | 'require'>, answer: Answer): Verdict {
  if (answer.kind === 'none') {
    const { reason, permanent } = answer
    return permanent ? failed(reason) : { kind: 'again', reason, after: null, unavailable: true }
  }
  const { status, body, retryAfter } = answer
  const said = `the answer was HTTP ${status}`
  // With Retry-After, a 403 is a rate limit: GitHub answers so.
  const isLimit = status === 403 && retryAfter !== null
  if ((status === 401 || status === 403) && !isLimit) {
    const hint = 'check the key in headers, and what it may read'
    return { kind: 'failed', reason: `${said}: ${hint}`, status }
  }
  if (status >= 500 || PASSING.has(status) || isLimit) {
    const unavailable = status >= 500 || UNAVAILABLE.has(status)
    return { kind: 'again', reason: said, after: retryAfter, unavailable }
  }
  if (status < 200 || status > 299) return failed(said)
  if (body === undefined) return notReady(`${said}, and no JSON`, retryAfter)
  return pickFrom(step, body, retryAfter)
}

/** `retryAfter`: milliseconds to wait if it is not ready. */
function pickFrom(
  { pick, require }: Pick<Step, 'pick' | 'require'>,
  body: Json,
  retryAfter: number | null,
): Verdict {
  const value = pick === undefined ? body : pickedFields(pick, body)
  const missing = require.filter((name) => (ownProperty(value, name) ?? null) === null)
  if (missing.length > 0) {
    return notReady(`not ready: the answer has no ${missing.join(', ')}`, retryAfter)
  }
  if (new TextEncoder().encode(JSON.stringify(value)).length > LARGEST_BYTES) {
    const hint = pick === undefined ? 'name what is needed in pick' : 'pick less of it'
    return failed(`more than 16 kB: ${hint}`)
  }
  return { kind: 'picked', value, fields: isObject(value) ? Object.keys(value) : [] }
}

/** Those fields that the answer has. */
function pickedFields(pick: Readonly<Record<string, string>>, body: Json): JsonObject {
  return Object.fromEntries(
    Object.entries(pick).flatMap(([name, pointer]): [string, Json][] => {
      const found = resolvePointer(body, pointer)
      return found === undefined ? [] : [[name, found]]
    }),
  )
}

function notReady(reason: string, after: number | null): Verdict {
  return { kind: 'again', reason, after, unavailable: false }
}

function failed(reason: string): Verdict {
  return { kind: 'failed', reason, status: null }
}
