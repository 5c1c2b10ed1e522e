/** The schema of an entry of `tests:`. */
import * as z from 'zod'

export const test = z
  .strictObject({
    name: z
      .string()
      .min(1, { error: 'must not be empty' })
      .optional()
      .describe('The name of the test, shown if it fails.')
      .meta({ examples: ['a completed analysis reaches the partners'] }),
    event: z
      .record(z.string(), z.unknown())
      .optional()
      .describe(
        'The body of the event, as the sender posts it. A test has one of `event`, `file` and `stored`.',
      )
      .meta({ examples: [{ event: 'analysis.completed', data: { id: '0191e29a' } }] }),
    file: z
      .string()
      .min(1, { error: 'must not be empty' })
      .optional()
      .describe('A file with the body of the event, relative to this file.')
      .meta({ examples: ['events/completed.json'] }),
    stored: z
      .string()
      .min(1, { error: 'must not be empty' })
      .optional()
      .describe('The id of a stored event.')
      .meta({ examples: ['evt_01K9ZZZZZZZZZZZZZZZZZZZZZZ'] }),
    source: z
      .string()
      .optional()
      .describe('The source of the event. Default: the first.')
      .meta({ examples: ['cuuro'] }),
    at: z.iso
      .datetime({ offset: true, error: 'must be a time such as 2026-11-24T09:00:00Z' })
      .transform((text) => Date.parse(text))
      .optional()
      .describe('The time at which the event is received. Default: 2026-01-01T12:00:00Z.')
      .meta({ examples: ['2026-11-24T09:00:00Z'] }),
    enriched: z
      .record(z.string(), z.unknown())
      .optional()
      .describe(
        'What enrichment fetches for the event, for each step. Default: what is stored with a `stored` event, else nothing.',
      )
      .meta({ examples: [{ analysis: { score: 91 } }] }),
    expect: z
      .strictObject({
        routes: z
          .array(z.string())
          .optional()
          .describe('The routes that take the event, in order, by name or path; [] for none.')
          .meta({ examples: [['completed analyses']] }),
        receivers: z
          .array(z.string())
          .optional()
          .describe('The receivers that get the event, in any order; [] for none.')
          .meta({ examples: [['deal-flow', 'partners']] }),
        muted: z
          .array(z.string())
          .optional()
          .describe(
            'The receivers whose messages wait or are dropped, because their route is muted at the time `at`, in any order; [] for none.',
          )
          .meta({ examples: [['partners']] }),
        rendered: z
          .record(z.string(), z.array(z.string().min(1, { error: 'must not be empty' })))
          .optional()
          .describe('Texts that the messages must contain, for each receiver.')
          .meta({ examples: [{ 'deal-flow': ['analysis is complete'] }] }),
      })
      .refine((expected) => Object.keys(expected).length > 0, {
        error: 'must have at least one of routes, receivers, muted and rendered',
      })
      .meta({ minProperties: 1 })
      .describe('What is expected.'),
  })
  .refine(
    ({ event, file, stored }) => [event, file, stored].filter((given) => given !== undefined).length === 1,
    { error: 'must have exactly one of event, file and stored' },
  )
  .meta({ oneOf: [{ required: ['event'] }, { required: ['file'] }, { required: ['stored'] }] })
  .describe('An event, and what is expected to happen to it.')
