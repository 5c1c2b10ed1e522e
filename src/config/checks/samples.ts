/** Whether the templates of Cuuro's event types fit the events that Cuuro sends. */
import type { CompiledConfig } from '../compiled.ts'
import { type Problem, warning } from '../problem.ts'
import { sampleEvent, simulate } from './simulate.ts'

// All that Cuuro's events carry is an id.
const CUURO = ['startup.created', 'analysis.created', 'analysis.completed']
const ID = '0191e29a-1644-7972-9466-18ada4a3636e'

/** Warns of variables that those events do not have, and of text that is cut. */
export function checkSamples(compiled: CompiledConfig): readonly Problem[] {
  const cuuro = Object.entries(compiled.config.sources).filter(
    ([name, { event_type }]) => name === 'cuuro' || event_type === '/event',
  )
  return cuuro.flatMap(([source]) =>
    CUURO.flatMap((type) => {
      const body = Buffer.from(JSON.stringify({ data: { id: ID }, event: type }))
      const event = sampleEvent(compiled.config, body, source, Date.UTC(2026, 0, 1, 12))
      if (typeof event === 'string' || event.type !== type) return []
      return simulate(compiled, event).messages.flatMap(({ rendered }) =>
        rendered.ok && rendered.template === type
          ? rendered.notes.map((note) => sampleNote(compiled, `${type} as Cuuro sends it: ${note}`))
          : [],
      )
    }),
  )
}

function sampleNote({ file, document }: CompiledConfig, message: string): Problem {
  const hint = message.includes('unknown variable') ? 'its payload holds only an id' : ''
  return warning('sample_note', file, document.keyAt(['templates']), message, hint)
}
