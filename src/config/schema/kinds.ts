/** Kinds of settings that several keys share. */
import { isIP } from 'node:net'
import * as z from 'zod'
import { secret } from '../../channels/settings.ts'
import {
  durationPattern,
  likelyDuration,
  likelySize,
  parseDuration,
  parseSize,
  sizePattern,
} from './units.ts'

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/
const NAME_MISTAKE =
  'is not a valid name: use up to 64 letters, digits, ".", "_" and "-", starting with a letter or digit'
const SECRET_MISTAKE =
  "must be a signing secret, whsec_ followed by base64: copy all of it from the endpoint's page, without spaces or line breaks"

function withLikely(mistake: string, likely: string): string {
  return likely === '' ? mistake : `${mistake}; write ${likely}`
}

const DURATION_MISTAKE = 'must be a duration, such as 30s, 5m, 1h30m or 30d'
const durationText = z
  .string({ error: ({ input }) => withLikely(DURATION_MISTAKE, likelyDuration(input)) })
  .regex(durationPattern, {
    abort: true,
    error: ({ input }) => withLikely(DURATION_MISTAKE, likelyDuration(input)),
  })
  .meta({
    id: 'duration',
    patternErrorMessage: DURATION_MISTAKE,
    description:
      'One or more whole numbers with units, larger units first: d (days), h (hours), m (minutes), s (seconds), ' +
      'ms (milliseconds).',
    examples: ['30s', '5m', '1h30m', '30d', '500ms'],
  })

/** Parsed into milliseconds. */
export function duration() {
  return durationText.transform((text) => parseDuration(text) ?? 0)
}

const SIZE_MISTAKE = 'must be a size, such as 256kb or 1mb'
const sizeText = z
  .string({ error: ({ input }) => withLikely(SIZE_MISTAKE, likelySize(input)) })
  .regex(sizePattern, { abort: true, error: ({ input }) => withLikely(SIZE_MISTAKE, likelySize(input)) })
  .meta({
    id: 'size',
    patternErrorMessage: SIZE_MISTAKE,
    description: 'A whole number with a unit: b (bytes), kb (1,024 bytes), mb (1,024 kb).',
    examples: ['256kb', '1mb'],
  })

/** Parsed into bytes. */
export function size() {
  return sizeText.transform((text) => parseSize(text) ?? 0)
}

function name() {
  return z.string().regex(namePattern, { error: NAME_MISTAKE })
}

/** A mapping of names with at least one entry. */
export function named<T extends z.ZodType>(value: T, what: string) {
  return z
    .record(name(), value)
    .refine((entries) => Object.keys(entries).length > 0, { error: `must have at least one ${what}` })
    .meta({ minProperties: 1 })
}

export function jsonPointer(examples: string) {
  return z
    .string()
    .regex(/^(?:\/(?:[^~/]|~[01])*)+$/, { error: `must be a JSON pointer, such as ${examples}` })
}

/** A URL of scheme, host and path alone. */
export function isBare(text: string): boolean {
  const { username, password, search, hash } = new URL(text)
  return username + password + search + hash === '' && !/[?#]/.test(text)
}

/** An address, or a network such as 10.0.0.0/8. */
export function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

const svixSecretPattern = /^whsec_([A-Za-z0-9+/]+={0,2})$/

// The old and the new one in one variable.
const SEVERAL_SECRETS = /whsec_[\s\S]*whsec_/

/** A hint for secrets in the format in which some senders show them. */
function hintFor(text: string): string | undefined {
  if (/^v1, *whsec_/.test(text)) return 'leave out "v1,", so that the secret begins with whsec_'
  if (text.includes('whsec_') || text === '') return undefined
  return 'put whsec_ before a secret in base64; encode one in plain text, such as polar_whs_…, in base64 first'
}

export const svixSecret = secret()
  .superRefine((value, context) => {
    const text = value.reveal()
    if (isSvixSecret(text)) return
    if (!SEVERAL_SECRETS.test(text)) {
      const params = { hint: hintFor(text) }
      return context.addIssue({ code: 'custom', message: SECRET_MISTAKE, params })
    }
    const hint = 'give each a variable of its own, and list them: ["${OLD_SECRET}", "${NEW_SECRET}"]'
    context.addIssue({
      code: 'custom',
      message: 'must be one signing secret, but contains several',
      params: { hint },
    })
  })
  .describe("The endpoint's signing secret, whsec_…; use a variable or a file rather than the secret itself.")
  .meta({
    pattern: svixSecretPattern.source,
    patternErrorMessage: SECRET_MISTAKE,
    examples: ['${CUURO_WEBHOOK_SECRET}'],
  })

// Characters that an Authorization header can contain; long enough that it cannot be guessed over the network.
const adminTokenPattern = /^[\x21-\x7e]{16,}$/

export const adminToken = secret().refine((value) => adminTokenPattern.test(value.reveal()), {
  error: 'must have at least 16 characters, without spaces: `openssl rand -hex 32` prints a good one',
})

function isSvixSecret(text: string): boolean {
  const [, encoded = ''] = svixSecretPattern.exec(text) ?? []
  return encoded !== '' && Buffer.from(encoded, 'base64').toString('base64') === encoded
}
