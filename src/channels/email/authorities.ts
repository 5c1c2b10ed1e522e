/** `channels.email.ca`: certificates of authorities, in PEM. */
import { X509Certificate } from 'node:crypto'
import * as z from 'zod'

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g
const WANTED = 'name the PEM file of the authority, which begins with -----BEGIN CERTIFICATE-----'

/** The certificates of a bundle, or what is wrong with it; the message contains none of the text. */
export function readAuthorities(
  text: string,
  now: number,
):
  | { readonly ok: true; readonly certificates: readonly string[] }
  | { readonly ok: false; readonly message: string } {
  const refuse = (message: string) => ({ ok: false, message }) as const
  const blocks = [...text.matchAll(BLOCK)].map(([block, label = '']) => ({ block, label }))
  if (blocks.some(({ label }) => label.endsWith('PRIVATE KEY'))) {
    return refuse('holds a private key: name a file with certificates alone')
  }
  const found = blocks.filter(({ label }) => label === 'CERTIFICATE' || label === 'TRUSTED CERTIFICATE')
  if (found.length === 0) {
    const isRequest = blocks.some(({ label }) => label.endsWith('CERTIFICATE REQUEST'))
    return refuse(`${isRequest ? 'is a request for a certificate' : 'has no certificate in PEM'}: ${WANTED}`)
  }
  const ends: number[] = []
  for (const [index, { block }] of found.entries()) {
    try {
      ends.push(Date.parse(new X509Certificate(block).validTo))
    } catch {
      return refuse(
        `has a certificate that cannot be read, number ${index + 1} of ${found.length}: ${WANTED}`,
      )
    }
  }
  const last = Math.max(...ends)
  if (last < now) {
    const day = new Date(last).toISOString().slice(0, 10)
    return refuse(
      `has no certificate that is still valid: the last one expired on ${day}; ask for the new one`,
    )
  }
  return { ok: true, certificates: found.map(({ block }) => block) }
}

export function authorities(): z.ZodType<readonly string[], string> {
  return z
    .string({ error: WANTED })
    .transform((text, context) => {
      const read = readAuthorities(text, Date.now())
      if (read.ok) return read.certificates
      context.addIssue({ code: 'custom', message: read.message })
      return z.NEVER
    })
    .describe(
      'CA certificates (PEM, one or more) to trust for the mail server, in addition to those of the system and of Node.js.',
    )
    .meta({ examples: [{ file: '/etc/hookbridge/company-ca.pem' }] })
}
