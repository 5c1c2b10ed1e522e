/** Which events sources send, where that is known: Cuuro's documentation, and the events of the configuration's tests. */
import type { Event } from '../../../core/event.ts'
import { nearest } from '../../../core/text/nearest.ts'
import type { CompiledConfig } from '../../compiled.ts'
import type { Config } from '../../schema/schema.ts'
import { sampleEvent } from '../tests/simulate.ts'
import { eventsOfTests } from '../tests/tests.ts'

/** What Cuuro documents, November 2026. */
export const cuuroTypes: readonly string[] = ['startup.created', 'analysis.created', 'analysis.completed']

const ID = '0191e29a-1644-7972-9466-18ada4a3636e'
const AT = Date.UTC(2026, 0, 1, 12)

/** The event of a type as Cuuro sends it, which carries only an id; null where the source would not read it so. */
export function cuuroEvent(config: Config, source: string, type: string): Event | null {
  const body = Buffer.from(JSON.stringify({ data: { id: ID }, event: type }))
  const event = sampleEvent(config, body, source, AT)
  return typeof event !== 'string' && event.type === type ? event : null
}

/** By source. A source that is not there may send anything. */
export type KnownEvents = ReadonlyMap<string, readonly Event[]>

export function knownEvents(compiled: CompiledConfig): KnownEvents {
  const { config } = compiled
  const tested = eventsOfTests(compiled)
  return new Map(
    Object.keys(config.sources)
      // Others may well have Cuuro's `/event`, and types of their own.
      .filter((name) => /^cuuro(?![a-z])/i.test(name))
      .flatMap((name) => {
        const documented = cuuroTypes
          .map((type) => cuuroEvent(config, name, type))
          .filter((event) => event !== null)
        if (documented.length === 0) return []
        const ofTests = tested.filter((event) => event.source === name && misspelt(event.type) === undefined)
        return [[name, [...documented, ...ofTests]] as const]
      }),
  )
}

// A typing mistake; more differences make another word.
const MOST_CHANGES = 2

/** The type that was meant; undefined where it is one of those, or is not similar to any. */
export function misspelt(type: string, types: readonly string[] = cuuroTypes): string | undefined {
  return types.includes(type) ? undefined : nearest(type, types, MOST_CHANGES)
}
