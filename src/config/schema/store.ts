import * as z from 'zod'
import { isPostgres, parseUrl } from '../../postgres-url/url.ts'
import { duration } from './kinds.ts'

// A signed timestamp may be five minutes off in both directions: a captured request verifies for ten minutes.
const LEAST_DEDUPE_MS = 15 * 60_000

const sqliteUrl = /^sqlite:(?!\/\/)./

const storeUrl = z.string().superRefine((url, context) => {
  const parsed = isPostgres(url) ? parseUrl(url) : null
  if (parsed !== null) {
    if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.problem })
  } else if (!sqliteUrl.test(url)) {
    const likely = likelyUrl(url)
    const message =
      likely === null
        ? 'must be sqlite:PATH, such as sqlite:data/hookbridge.db, or postgres://USER@HOST/DATABASE'
        : `must be sqlite:PATH or postgres://USER@HOST/DATABASE; write ${likely}`
    context.addIssue({ code: 'custom', message })
  }
})

/** What was probably meant by a plain file path, or by a URL in another program's format; null if that is unclear. */
function likelyUrl(text: string): string | null {
  const [, slashes, path] = /^sqlite:\/\/(\/*)([^/].*)$/.exec(text) ?? []
  if (path !== undefined) return `sqlite:${slashes === '' ? '' : '/'}${path}`
  const [, file] = /^(?:file:)?([\w./-]+\.(?:db|sqlite3?))$/i.exec(text) ?? []
  return file === undefined ? null : `sqlite:${file}`
}

export const store = z
  .strictObject({
    url: storeUrl
      .default('sqlite:data/hookbridge.db')
      .describe(
        'sqlite:PATH, a file that one instance uses (relative to this file), or postgres://USER@HOST/DATABASE, which several instances can share (see docs/postgresql.md).',
      )
      .meta({
        pattern: `${sqliteUrl.source}|^postgres(ql)?://`,
        examples: [
          'sqlite:data/hookbridge.db',
          'sqlite:/var/lib/hookbridge/hookbridge.db',
          'postgres://hookbridge@db.example.com/hookbridge',
        ],
      }),
    retain: duration()
      .prefault('30d')
      .describe(
        'How long finished events are kept after they were received, or after their last replay, resend or dismissal. Unfinished events are kept.',
      ),
    retain_unresolved: duration()
      .prefault('365d')
      .describe(
        'How long events with a parked or dead delivery, and requests in quarantine, are kept if nobody deals with them.',
      ),
    dedupe: duration()
      .refine((ms) => ms >= LEAST_DEDUPE_MS, {
        error: 'must be at least 15m: a captured request can be sent again until its timestamp is too old',
      })
      .prefault('72h')
      .describe(
        'How long message ids are remembered to recognize duplicates. After that, a request with the same id is a new event. At least 15m, and at most `retain`.',
      ),
  })
  .refine((settings) => settings.retain >= settings.dedupe, {
    error: 'must be at least as long as store.dedupe (72h by default)',
    path: ['retain'],
  })
  .refine((settings) => settings.retain_unresolved >= settings.retain, {
    error: 'must be at least as long as store.retain (30d by default)',
    path: ['retain_unresolved'],
  })
  .describe('Where events and deliveries are stored, and for how long.')
