/**
 * The trace of an event. It is derived from the event's id alone, so that an attempt hours later, after a restart or by
 * another process joins the trace of the receipt, without any data in the store.
 */
import { hash } from 'node:crypto'

/** Lower-case hexadecimal digits: 32 and 16. */
export interface SpanId {
  readonly traceId: string
  readonly spanId: string
}

export interface RemoteSpan extends SpanId {
  readonly sampled: boolean
}

/**
 * The root span of an event's trace. Hashed, because ids of the same millisecond are similar, and a sampler by trace id
 * would keep or drop a whole burst.
 */
export function rootOf(eventId: string): SpanId {
  const digest = hash('sha256', eventId, 'hex')
  return { traceId: digest.slice(0, 32), spanId: digest.slice(32, 48) }
}

const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/
const SAMPLED = 1

/** Reads a W3C `traceparent`; undefined if it is not valid. Later versions may add to it. */
export function readTraceparent(header: string | undefined): RemoteSpan | undefined {
  // Far longer than a version, three fields and anything that a later version may add.
  if (header === undefined || header.length > 256) return undefined
  const [, version, traceId = '', spanId = '', flags = '', more] = TRACEPARENT.exec(header.trim()) ?? []
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 }
}
