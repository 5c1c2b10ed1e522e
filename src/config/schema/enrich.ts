/** The schema of a step of `enrich`. */
import * as z from 'zod'
import { isSafeUrl } from '../../channels/settings.ts'
import { compileSteps } from '../../core/enrichment/step.ts'
import { Secret } from '../../core/secret.ts'
import { mayReachHost, reachOfHost } from '../../network/address-guard.ts'
import { duration, jsonPointer } from './kinds.ts'
import { match } from './match.ts'

const LEAST_TIMEOUT_MS = 100
const LONGEST_TIMEOUT_MS = 60_000
const LONGEST_WITHIN_MS = 24 * 3_600_000
const LONGEST_GET = 4_000

// A name in a template: enriched.NAME.FIELD.
const namePattern = /^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/
const NAME_MISTAKE =
  'is not a valid name: use up to 64 letters, digits, "_" and "-", starting with a letter, so that templates can use it'
const name = () => z.string().regex(namePattern, { error: NAME_MISTAKE })

// RFC 9110, without those that belong to the connection.
const headerPattern =
  /^(?!(?:host|connection|content-length|transfer-encoding|upgrade|expect|keep-alive|te|trailer)$)[!#$%&'*+.^_`|~0-9a-z-]+$/i
const SECRET_HEADER = /auth|key|token|secret|cookie|password|signature/i

/** Whether a header holds a secret, judged by its name. */
export function isSecretHeader(name: string): boolean {
  return SECRET_HEADER.test(name)
}

const SECRET_PARAMETER =
  /(?:^|[-_.])(?:api[-_]?key|token|secret|password|passwd|pwd|signature|credentials?)$/i
const SHORTEST_SECRET = 8

/** Whether a parameter of a URL holds a secret, judged by its name. */
export function isSecretParameter(name: string): boolean {
  return SECRET_PARAMETER.test(name)
}

/** The parameters of a URL that hold a secret, judged by their names and by the length of what is in them. */
export function secretParametersOf(url: string): readonly string[] {
  return parametersOf(url).flatMap(([name, value]) =>
    isSecretParameter(name) && !value.includes('{{') && value.length >= SHORTEST_SECRET ? name : [],
  )
}

const get = z
  .string()
  .min(1, { error: 'must not be empty' })
  .max(LONGEST_GET, { error: `must have ${LONGEST_GET} characters at most` })
  .superRefine((text, context) => {
    const fail = (message: string, hint = '') =>
      context.addIssue({ code: 'custom', message, params: { code: 'wrong_value', hint } })
    const [origin = '', authority = ''] = /^[a-z]+:\/\/([^/?#]*)/i.exec(text) ?? []
    // A host with variables is reported when the template is compiled.
    if (origin === '' || authority.includes('{')) return
    if (authority.includes('@'))
      return fail(
        'must not contain a user or a password',
        'send them in the authorization header, under headers',
      )
    if (!isSafeUrl(origin))
      fail('must be an https URL, unless the host is a loopback address', 'write https://')
    for (const parameter of secretParametersOf(text))
      fail(
        `must not contain a secret, as in the parameter ${parameter}: URLs end up in logs`,
        'send it in headers',
      )
  })
  .describe(
    'The URL to request with GET: a template that can use the event and the results of earlier steps. The host must be plain text, and the scheme https unless the host is a loopback address.',
  )
  .meta({ examples: ['https://api.example.com/v1/analyses/{{ data.id }}'] })

/** The names and values in the query of a URL, as written. */
export function parametersOf(url: string): (readonly [string, string])[] {
  const [, query = ''] = /\?([^#]*)/.exec(url) ?? []
  return query.split('&').map((part) => {
    const [key = '', ...rest] = part.split('=')
    return [key, rest.join('=')]
  })
}

const headers = z
  .record(
    z.string().regex(headerPattern, {
      error: 'cannot be set as a header: it is not a valid name, or HTTP itself sets it',
    }),
    z.string({ error: 'must be text' }).min(1, { error: 'must not be empty' }).meta({ writeOnly: true }),
  )
  .transform((entries) =>
    Object.fromEntries(
      Object.entries(entries).map(([key, value]) => [key, isSecretHeader(key) ? new Secret(value) : value]),
    ),
  )

const step = z
  .strictObject({
    name: name()
      .describe('The name of the step. Templates and matches find its result under `enriched.NAME`.')
      .meta({ examples: ['analysis'] }),
    match: match.optional().describe('Which events this step runs for. Default: all.'),
    get,
    headers: headers
      .prefault({})
      .describe('Headers of the request; their values are templates too. Put keys and tokens here.')
      .meta({ examples: [{ authorization: 'Bearer ${CUURO_API_KEY}' }] }),
    pick: z
      .record(name(), jsonPointer('/score'))
      .refine((fields) => Object.keys(fields).length > 0, { error: 'must have at least one field' })
      .optional()
      .describe(
        'The fields to keep: a name for each, and its JSON pointer in the response. Default: the whole response.',
      )
      .meta({ examples: [{ score: '/score', company: '/target_company/name' }], minProperties: 1 }),
    require: z
      .array(z.string())
      .default([])
      .describe('Fields that the response must have. While one is missing or null, the request is repeated.')
      .meta({ examples: [['score']] }),
    within: duration()
      .refine((ms) => ms <= LONGEST_WITHIN_MS, { error: 'must be at most 24h' })
      .prefault('30s')
      .describe(
        'How long an event may wait for this step, counted from when it was received, at most 24h. After that the message is sent without these fields.',
      ),
    timeout: duration()
      .refine((ms) => ms >= LEAST_TIMEOUT_MS && ms <= LONGEST_TIMEOUT_MS, {
        error: 'must be between 100ms and 1m',
      })
      .prefault('5s')
      .describe('The timeout of one request, from 100ms to 1m.'),
    cache: duration()
      .optional()
      .describe(
        'How long a response is reused for other events with the same URL and headers. Default: it is not reused.',
      )
      .meta({ examples: ['5m'] }),
    allow_private: z
      .boolean()
      .default(false)
      .describe('Allow a host with a private address, such as a service in your own network.'),
  })
  .superRefine(({ get: text, allow_private: allowPrivate }, context) => {
    // The addresses of a name are checked for each connection.
    const host = URL.parse(/^https?:\/\/[^/?#]+/i.exec(text)?.[0] ?? '')?.hostname ?? ''
    if (mayReachHost(host, allowPrivate)) return
    const isPrivate = reachOfHost(host) === 'private'
    const message = `requests to ${isPrivate ? 'a private' : 'a link-local or reserved'} address are not allowed`
    const hint = isPrivate ? 'if the host is in your own network, set allow_private: true' : ''
    const params = { code: 'wrong_value', hint }
    context.addIssue({ code: 'custom', path: ['get'], message, params })
  })
  .superRefine(({ pick, require }, context) => {
    if (pick === undefined) return
    for (const [index, field] of require.entries()) {
      if (Object.hasOwn(pick, field)) continue
      const hint = `known: ${Object.keys(pick).join(', ')}`
      const params = { code: 'wrong_value', hint }
      context.addIssue({
        code: 'custom',
        path: ['require', index],
        message: 'is not a field of pick',
        params,
      })
    }
  })
  .describe('An HTTP GET request for JSON that the payload leaves out.')

export const enrich = z
  .array(step)
  .superRefine((steps, context) => {
    for (const [index, { name }] of steps.entries()) {
      if (steps.findIndex((other) => other.name === name) === index) continue
      const params = { code: 'wrong_value', hint: 'choose another name' }
      const message = 'is already the name of an earlier step'
      context.addIssue({ code: 'custom', path: [index, 'name'], message, params })
    }
  })
  .transform((steps, context) => {
    const compiled = compileSteps(steps)
    if (compiled.ok) return compiled.steps
    for (const { path, message } of compiled.problems) {
      context.addIssue({ code: 'custom', path: [...path], message, params: { code: 'wrong_value' } })
    }
    return z.NEVER
  })
  .prefault([])
  .describe('HTTP requests that fetch more data about an event before it is routed. They run in this order.')
  .meta({
    examples: [
      [
        {
          name: 'analysis',
          match: { type: 'analysis.*' },
          get: 'https://api.example.com/v1/analyses/{{ data.id }}',
          headers: { authorization: 'Bearer ${CUURO_API_KEY}' },
          pick: { score: '/score' },
        },
      ],
    ],
  })
