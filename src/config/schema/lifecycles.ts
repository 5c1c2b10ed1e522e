/** The schema of `lifecycles`. */
import * as z from 'zod'
import { jsonPointer, named } from './kinds.ts'

const lifecycle = z
  .strictObject({
    stages: z
      .array(
        z
          .string()
          .min(1, { error: 'must not be empty' })
          .refine((type) => !type.includes('*'), {
            error: 'must be one event type: each stage has a place in the order, and a wildcard has none',
          }),
      )
      .min(2, { error: 'must list at least two event types: a start and an end' })
      .meta({ uniqueItems: true })
      .describe('The event types of the lifecycle, in order.')
      .meta({ examples: [['analysis.created', 'analysis.completed']] }),
    key: jsonPointer('/data/id or /data/analysis/id')
      .optional()
      .describe(
        'The JSON pointer, in the body, of the id by which events belong together. Default: the subject of the event.',
      )
      .meta({ examples: ['/data/analysis_id'] }),
  })
  .describe('The stages of one subject. Their messages form one conversation in each destination.')

/** No event type is a stage twice. */
export const lifecycles = named(lifecycle, 'lifecycle').superRefine((value, context) => {
  const holders = new Map<string, string>()
  for (const [name, { stages }] of Object.entries(value)) {
    for (const [index, stage] of stages.entries()) {
      const holder = holders.get(stage)
      holders.set(stage, name)
      if (holder === undefined) continue
      const where = holder === name ? 'is listed twice' : `is a stage of ${holder} already`
      const message = `${stage} ${where}: an event has one place in one lifecycle`
      context.addIssue({ code: 'custom', path: [name, 'stages', index], message })
    }
  }
})
