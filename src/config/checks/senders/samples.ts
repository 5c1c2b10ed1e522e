/** Whether the templates of Cuuro's event types fit the events that Cuuro sends. */
import { channels } from '../../../channels/channels.ts'
import { FAILED_LINK } from '../../../core/template/render.ts'
import type { CompiledConfig } from '../../compiled.ts'
import { type Problem, warning } from '../../problem.ts'
import { cuuroEvent, cuuroTypes } from '../match/known-events.ts'
import { simulate } from '../tests/simulate.ts'
import { caught } from '../unexpected.ts'

/** Warns about variables that those events do not have, and about text that is cut. Tests verify the templates that ship. */
export function checkSamples(compiled: CompiledConfig): readonly Problem[] {
  const { file, document, templates } = compiled
  const types = cuuroTypes.filter((type) =>
    channels.some((channel) => !templates.isAsShipped(channel.name, type)),
  )
  const cuuro = Object.entries(compiled.config.sources).filter(
    ([name, { event_type }]) => name === 'cuuro' || event_type === '/event',
  )
  return cuuro.flatMap(([source]) =>
    types.flatMap((type) => {
      const event = cuuroEvent(compiled.config, source, type)
      if (event === null) return []
      const place = { severity: 'warning', file, ...document.keyAt(['routes']) } as const
      return caught(place, `${type} as Cuuro sends it was routed and rendered`, () =>
        simulate(compiled, event).messages.flatMap(({ rendered }) =>
          rendered.ok && rendered.template === type
            ? rendered.notes
                .filter(isNoLink)
                .map((note) => sampleNote(compiled, `${type} as Cuuro sends it: ${note}`))
            : [],
        ),
      )
    }),
  )
}

/** A link that fails is reported at its own place, with all its types. */
function isNoLink(note: string): boolean {
  return !note.startsWith(FAILED_LINK)
}

function sampleNote({ file, document }: CompiledConfig, message: string): Problem {
  const hint = message.includes('unknown variable') ? 'its payload holds only an id' : ''
  return warning('sample_note', file, document.keyAt(['templates']), message, hint)
}
