import { isList, isObject, type Json, type JsonObject } from './json/json.ts'
import { isNumber, withExactNumbers } from './json/number.ts'
import { resolvePointer } from './json/pointer.ts'
import { likelyTypeAt } from './receiving/likely-type.ts'

/** One verified webhook, stored. Times are milliseconds since the epoch. */
export interface Event {
  /** Ours: `evt_` and a ULID, so that ids sort by the time of receipt. */
  readonly id: string
  /** The sender's id (svix-id, webhook-id): the same on every retry of one message. */
  readonly messageId: string
  readonly source: string
  readonly type: string
  /** What it is about, such as the id of an analysis; null if the source's `subject` finds nothing. */
  readonly subject: string | null
  readonly receivedAt: number
  /** The timestamp that was signed: when this attempt was sent, not when the event happened. */
  readonly sentAt: number
  /** Which of the source's secrets verified the request, counted from 0. */
  readonly secretIndex: number
  readonly payload: JsonObject
  /** What the steps of `enrich` fetched, by their names; empty if none did. */
  readonly enriched: JsonObject
}

/** What matches and templates see of an event; `route` and `receiver` join it at rendering. */
export interface View {
  readonly event: {
    readonly id: string
    readonly type: string
    readonly source: string
    readonly subject: string | null
    readonly received_at: string
    readonly sent_at: string
  }
  readonly data: Json
  readonly payload: JsonObject
  readonly enriched: JsonObject
  /** Null if the event is not a stage of a lifecycle. */
  readonly lifecycle: LifecycleView | null
}

/**
 * Times are in ISO 8601. Routes see only the name, the stage and whether it is the last: the rest is known only when a message is
 * sent.
 */
export interface LifecycleView {
  readonly name: string
  readonly stage: string
  readonly is_last: boolean
  /** When the first stage happened; null if it has not arrived. */
  readonly started_at: string | null
  /** The time from the first stage to this one: `12 min`. Null for the first stage, or if it is not known. */
  readonly elapsed: string | null
  /** These are times of receipt, because no better ones are known. */
  readonly approximate: boolean
  /** All stages; `at` is null for one that has not arrived. */
  readonly stages: readonly { readonly name: string; readonly at: string | null }[]
}

/** An event or a quarantined request, as a store keeps it; the type of the latter is null. */
export interface StoredEvent extends Omit<Event, 'type' | 'payload'> {
  readonly type: string | null
  /** The request's body as it was signed. */
  readonly body: Uint8Array
}

/** The event of a stored record; null for a quarantined request. */
export function eventOf({ type, body, ...origin }: StoredEvent): Event | null {
  if (type === null) return null
  const { id, messageId, source, subject, receivedAt, sentAt, secretIndex, enriched } = origin
  // It was read as JSON when it was received.
  const payload = readPayload(utf8.decode(body))
  if (!isObject(payload)) throw new Error(`the body of ${id} is not a JSON object`)
  return { id, messageId, source, type, subject, receivedAt, sentAt, secretIndex, payload, enriched }
}

/** Why a verified request cannot become an event. */
export type UnreadableCode = 'invalid_utf8' | 'invalid_json' | 'no_event_type'

export type ReadBody =
  | {
      readonly ok: true
      readonly type: string
      readonly subject: string | null
      readonly payload: JsonObject
    }
  | { readonly ok: false; readonly code: UnreadableCode; readonly message: string }

const DEFAULT_POINTERS = ['/type', '/event']
const MAX_TYPE_LENGTH = 256
const MAX_SUBJECT_LENGTH = 256
// Deeper than any sender nests, and far from exhausting the stack of a recursive function.
const DEEPEST = 200
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Where a source's events say what they are: JSON pointers (RFC 6901). */
export interface Pointers {
  /** If it is not set, /type is tried, then /event. */
  readonly eventType?: string | undefined
  readonly subject: string
}

/** Turns the body of a verified request into an event's type, subject and payload. */
export function readBody(body: Uint8Array, { eventType, subject }: Pointers): ReadBody {
  let text: string
  try {
    text = utf8.decode(body)
  } catch {
    return unreadable('invalid_utf8', 'the body is not valid UTF-8')
  }
  let payload: unknown
  try {
    payload = readPayload(text)
  } catch {
    return unreadable('invalid_json', 'the body is not valid JSON')
  }
  if (!isObject(payload)) return unreadable('invalid_json', 'the body is JSON, but not an object')
  if (isTooDeep(text, payload)) {
    return unreadable('invalid_json', `the body is JSON nested more than ${DEEPEST} levels deep`)
  }
  const pointers = eventType === undefined ? DEFAULT_POINTERS : [eventType]
  for (const pointer of pointers) {
    const type = resolvePointer(payload, pointer)
    if (typeof type === 'string' && type !== '' && type.length <= MAX_TYPE_LENGTH) {
      return { ok: true, type, subject: idAt(payload, subject), payload }
    }
  }
  const likely = likelyTypeAt(payload, pointers)
  const hint = likely === null ? '' : `; if it is at ${likely}, write event_type: ${likely} under the source`
  return unreadable('no_event_type', `no event type (a string) at ${pointers.join(' or ')}${hint}`)
}

export type ReadEvent =
  | { readonly ok: true; readonly event: Event }
  | Extract<ReadBody, { readonly ok: false }>

/** Reads a stored request again, under the present configuration; `newId` gives the event its id. */
export function readEvent(
  request: Omit<StoredEvent, 'id' | 'type' | 'subject' | 'enriched'>,
  pointers: Pointers,
  newId: () => string,
): ReadEvent {
  const read = readBody(request.body, pointers)
  if (!read.ok) return read
  const { messageId, source, receivedAt, sentAt, secretIndex } = request
  const { type, subject, payload } = read
  const origin = { id: newId(), messageId, source, receivedAt, sentAt, secretIndex }
  return { ok: true, event: { ...origin, type, subject, payload, enriched: {} } }
}

/** What was stored of an event's enrichment; null if nothing was. */
export function enrichedOf(text: string | null): JsonObject {
  const enriched = text === null ? {} : readPayload(text)
  if (!isObject(enriched)) throw new Error('what was fetched for an event is not a JSON object')
  return enriched
}

/** The value of JSON in UTF-8, with numbers as they were written; undefined if it is not JSON, or nested too deep. */
export function readJson(bytes: Uint8Array): Json | undefined {
  try {
    const text = utf8.decode(bytes)
    const value: Json = JSON.parse(text)
    return isTooDeep(text, value) ? undefined : exact(text, value)
  } catch {
    return undefined
  }
}

/** Parsed inside a list, so that a number by itself keeps its digits too. */
function exact(text: string, value: Json): Json {
  const list = withExactNumbers(`[${text}]`, [value])
  return isList(list) ? (list[0] ?? null) : value
}

/** The value of a JSON text. If it is nested too deeply, numbers are not kept exactly, because that is recursive. */
function readPayload(text: string): unknown {
  const value: Json = JSON.parse(text)
  return isTooDeep(text, value) ? value : withExactNumbers(text, value)
}

function isTooDeep(text: string, value: Json): boolean {
  return text.length > 2 * DEEPEST && isDeeper(value, DEEPEST)
}

/** Text, or a whole number as text; null if it is empty or too long for an id. */
export function idAt(payload: JsonObject, pointer: string): string | null {
  const found = resolvePointer(payload, pointer)
  const text = isNumber(found) && /^-?\d+$/.test(String(found)) ? String(found) : found
  return typeof text === 'string' && text !== '' && text.length <= MAX_SUBJECT_LENGTH ? text : null
}

/** Not recursive: such a value would exhaust the stack. */
function isDeeper(value: Json, levels: number): boolean {
  let level: readonly Json[] = [value]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > levels) return true
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []))
  }
  return false
}

function unreadable(code: UnreadableCode, message: string): ReadBody {
  return { ok: false, code, message }
}

// Many events in a row have the same time, and a lazily formatted property would cost more than this.
const receivedTime = isoTimes()
const sentTime = isoTimes()

/** Formats milliseconds as ISO 8601, and remembers the last result. */
function isoTimes(): (ms: number) => string {
  let last = Number.NaN
  let text = ''
  return (ms) => {
    if (ms !== last) {
      text = new Date(ms).toISOString()
      last = ms
    }
    return text
  }
}

export function viewOf(event: Event, lifecycle: LifecycleView | null = null): View {
  return {
    event: {
      id: event.id,
      type: event.type,
      source: event.source,
      subject: event.subject,
      received_at: receivedTime(event.receivedAt),
      sent_at: sentTime(event.sentAt),
    },
    data: event.payload.data ?? null,
    payload: event.payload,
    enriched: event.enriched,
    lifecycle,
  }
}
