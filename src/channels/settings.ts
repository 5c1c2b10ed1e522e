/** Types of settings that the channels and the configuration share. */
import * as z from 'zod'
import { Secret } from '../core/secret.ts'
import { isLoopback } from '../network/loopback.ts'

/** A secret: plain text in the file and in the JSON schema, parsed to a Secret. */
export function secret(): z.ZodType<Secret, string> {
  const error = 'must be text and not empty'
  return (
    z
      .string({ error })
      .min(1, { error })
      // Marks the value in the JSON schema as one that must not be shown.
      .meta({ writeOnly: true })
      .transform((value) => new Secret(value))
  )
}

const SECONDS = { s: 1, m: 60, h: 3_600 } as const
const RATE = /^(\d{1,9}(?:\.\d{1,3})?)\/([smh])$/

const RATE_MISTAKE = 'must be a rate above zero, such as 1/s, 30/m or 1000/h'
const rateText = z
  .string({ error: ({ input }) => rateMistake(input) })
  .regex(RATE, { error: ({ input }) => rateMistake(input) })
  .refine((text) => Number.parseFloat(text) > 0, { error: RATE_MISTAKE })
  .meta({
    id: 'rate',
    patternErrorMessage: RATE_MISTAKE,
    description: 'A number above zero in a second (s), a minute (m) or an hour (h).',
    examples: ['1/s', '0.5/s', '30/m', '1000/h'],
  })

const OTHER_RATE = /^(\d{1,9}(?:\.\d{1,3})?)\s*(?:(?:r|req|requests?)\s*)?(?:\/|p|per)\s*(s|m|h)[a-z]*$/i

/** Includes what was probably meant, such as `60/m` for "60 per minute". */
function rateMistake(written: unknown): string {
  const [, count, unit = ''] = OTHER_RATE.exec(String(written).trim()) ?? []
  if (count !== undefined && Number(count) > 0) return `${RATE_MISTAKE}; write ${count}/${unit.toLowerCase()}`
  const bare = /^[1-9]\d{0,8}$/.exec(String(written))?.[0]
  return bare === undefined ? RATE_MISTAKE : `${RATE_MISTAKE}; write ${bare}/s, ${bare}/m or ${bare}/h`
}

/** A rate such as `1/s`, `30/m` or `1000/h`; parsed to a number a second. */
export function rate(): z.ZodType<number, string> {
  return rateText.transform((text) => {
    const [, count, unit] = RATE.exec(text) ?? []
    return Number(count) / SECONDS[unit === 'm' || unit === 'h' ? unit : 's']
  })
}

/** Messages are confidential, and often sent with a token: they must not cross a network without encryption. */
export function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  if (protocol === 'https:') return true
  return protocol === 'http:' && isLoopback(hostname)
}

// RFC 2606 and RFC 6761: nobody has such a domain.
const RESERVED = /(?:^|\.)(?:example\.(?:com|net|org)|example|invalid|test)$/i

/** Whether a name is reserved for examples and tests, so that nothing can be reached there. */
export function isReservedName(host: string): boolean {
  return RESERVED.test(host)
}
