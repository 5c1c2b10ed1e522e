import * as z from 'zod'
import { duration } from './kinds.ts'

// A signed timestamp may be five minutes off in both directions: a captured request verifies for ten minutes.
const LEAST_DEDUPE_MS = 15 * 60_000

const sqliteUrl = /^sqlite:(?!\/\/)./

const storeUrl = z.string().superRefine((url, context) => {
  if (/^postgres(ql)?:/.test(url)) {
    context.addIssue({
      code: 'custom',
      message: 'PostgreSQL is not supported by this version',
      params: { code: 'unsupported', hint: 'write sqlite:PATH' },
    })
  } else if (!sqliteUrl.test(url)) {
    context.addIssue({ code: 'custom', message: 'must be sqlite:PATH, such as sqlite:data/hookbridge.db' })
  }
})

export const store = z
  .strictObject({
    url: storeUrl
      .default('sqlite:data/hookbridge.db')
      .describe('sqlite:PATH, relative to the configuration file. One machine, one file.')
      .meta({
        pattern: sqliteUrl.source,
        examples: ['sqlite:data/hookbridge.db', 'sqlite:/var/lib/hookbridge/hookbridge.db'],
      }),
    retain: duration().prefault('30d').describe('How long finished events are kept.'),
    retain_unresolved: duration()
      .prefault('365d')
      .describe(
        'How long events are kept that have a parked or dead delivery, unless it is resent or dismissed before.',
      ),
    dedupe: duration()
      .refine((ms) => ms >= LEAST_DEDUPE_MS, {
        error: 'must be at least 15m: a captured request can be sent again until its timestamp is too old',
      })
      .prefault('72h')
      .describe('How long a message id is remembered; a later request with the same id is a new event.'),
  })
  .refine((settings) => settings.retain >= settings.dedupe, {
    error: 'must not be below store.dedupe (72h by default)',
    path: ['retain'],
  })
  .refine((settings) => settings.retain_unresolved >= settings.retain, {
    error: 'must not be below store.retain (30d by default)',
    path: ['retain_unresolved'],
  })
  .describe('Where events and deliveries are stored, and for how long.')
