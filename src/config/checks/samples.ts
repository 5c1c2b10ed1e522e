/** What the known senders' events would lack in the templates that are made for them. */
import type { CompiledConfig } from '../compiled.ts'
import type { Problem } from '../problem.ts'
import { outcomeOf, sampleEvent } from './tests.ts'

// All that Cuuro's events carry is an id.
const CUURO = ['startup.created', 'analysis.created', 'analysis.completed']
const ID = '0191e29a-1644-7972-9466-18ada4a3636e'

/** Warns of what the templates of Cuuro's event types ask of events in vain, and of what does not fit. */
export function checkSamples(compiled: CompiledConfig): readonly Problem[] {
  const cuuro = Object.entries(compiled.config.sources).filter(
    ([name, { event_type }]) => name === 'cuuro' || event_type === '/event',
  )
  return cuuro.flatMap(([source]) =>
    CUURO.flatMap((type) => {
      const body = Buffer.from(JSON.stringify({ data: { id: ID }, event: type }))
      const event = sampleEvent(compiled.config, body, source, Date.UTC(2026, 0, 1, 12))
      if (typeof event === 'string' || event.type !== type) return []
      return outcomeOf(compiled, event).messages.flatMap(({ rendered }) =>
        rendered.ok && rendered.template === type
          ? rendered.notes.map((note) => warning(compiled, `${type} as Cuuro sends it: ${note}`))
          : [],
      )
    }),
  )
}

function warning(compiled: CompiledConfig, message: string): Problem {
  return {
    severity: 'warning',
    code: 'sample_note',
    file: compiled.file,
    ...compiled.document.keyAt(['templates']),
    message,
    hint: message.includes('unknown variable') ? 'its payload holds only an id' : '',
  }
}
