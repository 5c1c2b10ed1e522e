/** Whether the templates of Cuuro's event types fit the events that Cuuro sends. */
import type { CompiledConfig } from '../compiled.ts'
import { type Problem, warning } from '../problem.ts'
import { cuuroEvent, cuuroTypes } from './match/known-events.ts'
import { simulate } from './simulate.ts'

/** Warns of variables that those events do not have, and of text that is cut. */
export function checkSamples(compiled: CompiledConfig): readonly Problem[] {
  const cuuro = Object.entries(compiled.config.sources).filter(
    ([name, { event_type }]) => name === 'cuuro' || event_type === '/event',
  )
  return cuuro.flatMap(([source]) =>
    cuuroTypes.flatMap((type) => {
      const event = cuuroEvent(compiled.config, source, type)
      if (event === null) return []
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
