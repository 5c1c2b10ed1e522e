/** The fields of an event and of what was fetched for it, in the order in which they matter to a reader. */
import type { View } from '../../event.ts'
import { isObject, type Json, type JsonObject } from '../../json/json.ts'
import { wordsOf } from './fact.ts'

export interface Field {
  /** The key, as snake_case. */
  readonly key: string
  /** The key as it is written. */
  readonly written: string
  /** The key of what it is in: a step of `enrich`, or a mapping; empty in the payload itself. */
  readonly parent: string
  /** 1 within a step or the payload, 2 in a mapping there. */
  readonly depth: number
  readonly value: Json
}

// A payload may be hundreds of kilobytes; what matters to a reader is near the top.
const MOST_FIELDS = 300
const DEEPEST = 4

// What the payload says about itself, where it has no `data`.
export const ENVELOPE_TIMES = ['timestamp', 'event_time', 'eventTime', 'occurred_at', 'occurredAt']
const ENVELOPE = ['type', 'event', ...ENVELOPE_TIMES]

/** What was fetched before what was sent, and what is near the top before what is nested. Lists are not entered. */
export function fieldsOf({ enriched, data, payload }: View): readonly Field[] {
  const own = isObject(data)
    ? data
    : Object.fromEntries(Object.entries(payload).filter(([key]) => !ENVELOPE.includes(key)))
  let level: Field[] = Object.entries(enriched).flatMap(([step, answer]) => {
    const field = fieldOf(step, answer, '', 1)
    return isObject(answer) ? within(field, 1) : [field]
  })
  level.push(...fieldsIn(own))
  const fields: Field[] = []
  for (let depth = 1; depth <= DEEPEST && level.length > 0 && fields.length < MOST_FIELDS; depth += 1) {
    fields.push(...level)
    level = level.slice(0, MOST_FIELDS).flatMap((field) => within(field, depth + 1))
  }
  return fields.slice(0, MOST_FIELDS)
}

/** Those of a mapping, without those nested in it. */
export function fieldsIn(mapping: JsonObject): readonly Field[] {
  return Object.entries(mapping).map(([key, value]) => fieldOf(key, value, '', 1))
}

function within({ key, value }: Field, depth: number): Field[] {
  if (!isObject(value)) return []
  return Object.entries(value).map(([inner, item]) => fieldOf(inner, item, key, depth))
}

function fieldOf(written: string, value: Json, parent: string, depth: number): Field {
  return { key: wordsOf(written).join('_').toLowerCase(), written, parent, depth, value }
}
