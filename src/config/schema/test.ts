/** The schema of an entry of `tests:`. */
import * as z from 'zod'

export const test = z
  .strictObject({
    name: z
      .string()
      .min(1, { error: 'must not be empty' })
      .optional()
      .describe('A name for the test, shown where it fails.')
      .meta({ examples: ['a completed analysis reaches the partners'] }),
    event: z
      .record(z.string(), z.unknown())
      .optional()
      .describe("The event's body, as the sender posts it.")
      .meta({ examples: [{ event: 'analysis.completed', data: { id: '0191e29a' } }] }),
    file: z
      .string()
      .min(1, { error: 'must not be empty' })
      .optional()
      .describe('A file with the body instead, relative to this one.')
      .meta({ examples: ['events/completed.json'] }),
    stored: z
      .string()
      .min(1, { error: 'must not be empty' })
      .optional()
      .describe('The id of a stored event instead.')
      .meta({ examples: ['evt_01K9ZZZZZZZZZZZZZZZZZZZZZZ'] }),
    source: z
      .string()
      .optional()
      .describe('The source that receives it. Default: the first.')
      .meta({ examples: ['cuuro'] }),
    at: z.iso
      .datetime({ offset: true, error: 'must be a time such as 2026-11-24T09:00:00Z' })
      .transform((text) => Date.parse(text))
      .optional()
      .describe('When it is received. Default: 2026-01-01T12:00:00Z.')
      .meta({ examples: ['2026-11-24T09:00:00Z'] }),
    enriched: z
      .record(z.string(), z.unknown())
      .optional()
      .describe(
        'What enrichment fetched for it, by step. Default: nothing, or what is stored with the event.',
      )
      .meta({ examples: [{ analysis: { score: 91 } }] }),
    expect: z
      .strictObject({
        routes: z
          .array(z.string())
          .optional()
          .describe('The routes that take it, in order, by name or path; none: [].')
          .meta({ examples: [['completed analyses']] }),
        receivers: z
          .array(z.string())
          .optional()
          .describe('The receivers that get it, in any order; none: [].')
          .meta({ examples: [['deal-flow', 'partners']] }),
        rendered: z
          .record(z.string(), z.array(z.string().min(1, { error: 'must not be empty' })))
          .optional()
          .describe('By receiver: texts that its messages contain.')
          .meta({ examples: [{ 'deal-flow': ['analysis is complete'] }] }),
      })
      .refine((expected) => Object.keys(expected).length > 0, {
        error: 'must have at least one of routes, receivers and rendered',
      })
      .meta({ minProperties: 1 })
      .describe('What is expected of it.'),
  })
  .refine(
    ({ event, file, stored }) => [event, file, stored].filter((given) => given !== undefined).length === 1,
    { error: 'must have one of event, file and stored' },
  )
  .meta({ oneOf: [{ required: ['event'] }, { required: ['file'] }, { required: ['stored'] }] })
  .describe('An event, and what is expected of it.')
