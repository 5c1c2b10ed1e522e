/** Which events senders are known to send, and how to report a type that is not among them. */
import type { Event } from '../../../core/event.ts'
import { isObject } from '../../../core/json/json.ts'
import type { CompiledConfig } from '../../compiled.ts'
import { meant, quote } from '../../problem.ts'
import type { KnownEvents } from './known-events.ts'

/** The types of events that were received, by source. */
export type ReceivedTypes = ReadonlyMap<string, readonly string[]>

export interface Checker extends CompiledConfig {
  readonly known: KnownEvents
  readonly received: ReceivedTypes
}

/** The events of these sources; null if one of them may send others. */
export function eventsOf(sources: readonly string[], { known }: Checker): readonly Event[] | null {
  if (sources.length === 0 || sources.some((name) => !known.has(name))) return null
  return sources.flatMap((name) => known.get(name) ?? [])
}

/** The types that the store has received. */
export function receivedFrom(sources: readonly string[], { received }: Checker): readonly string[] {
  return sources.flatMap((name) => received.get(name) ?? [])
}

export function neverReceived(type: string): string {
  return `no event in the store has the type ${quote(type)}`
}

export function typesOf(events: readonly Event[]): readonly string[] {
  return [...new Set(events.map(({ type }) => type))]
}

/** How to correct a name, or to declare it as known. `otherwise`: what else may help. */
export function toName(name: string, known: readonly string[], otherwise = ''): string {
  const hint = meant(name, known)
  return hint.startsWith('did you mean')
    ? hint
    : `${hint}; ${otherwise}if it is new, add an event that has it under tests`
}

/** How to correct the path of a field, or to declare it as known. */
export function toField(path: string, events: readonly Event[]): string {
  const names = new Set(events.flatMap(({ payload }) => fieldsOf(payload.data, 'data')))
  return toName(
    path.replace(/^payload\.(?=data\.)/, ''),
    [...names],
    'enrich can fetch others (docs/enrichment.md); ',
  )
}

function fieldsOf(value: unknown, path: string): string[] {
  if (!isObject(value)) return [path]
  return Object.entries(value).flatMap(([key, item]) => fieldsOf(item, `${path}.${key}`))
}
