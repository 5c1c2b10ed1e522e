/** The events that sources are known to send, from Cuuro's documentation and from the events of the configuration's tests. */
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

/** An event of this type as Cuuro sends it, which contains only an id; null if the source would read it as another type. */
export function cuuroEvent(config: Config, source: string, type: string): Event | null {
  const body = Buffer.from(JSON.stringify({ data: { id: ID }, event: type }))
  const event = sampleEvent(config, body, source, AT)
  return typeof event !== 'string' && event.type === type ? event : null
}

/** By source. A source that is not listed may send anything. */
export type KnownEvents = ReadonlyMap<string, readonly Event[]>

export function knownEvents(compiled: CompiledConfig): KnownEvents {
  const { config } = compiled
  const tested = eventsOfTests(compiled)
  return new Map(
    Object.keys(config.sources)
      // Other senders may also use `/event`, with other types.
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

// A typing mistake; with more differences, it is another word.
const MOST_CHANGES = 2

/** The type that was probably meant; undefined if the type is known, or is not similar to a known one. */
export function misspelt(type: string, types: readonly string[] = cuuroTypes): string | undefined {
  return types.includes(type) ? undefined : nearest(type, types, MOST_CHANGES)
}
