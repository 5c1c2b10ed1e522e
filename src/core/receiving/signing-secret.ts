import type { Secret } from '../secret.ts'

/** Standard Webhooks asks for 24 to 64 bytes. */
export const SHORTEST_SECRET_BYTES = 24
export const SHORT_SECRET = 'A short secret can be guessed, and with it anyone could send events.'
export const LONGER_SECRET =
  'create a new secret at the sender (in Cuuro: rotate the secret), and list both until the old one has expired'

/** The bytes of a signing secret, which is written whsec_ and base64. */
export function sizeOfSecret(secret: Secret): number {
  return Buffer.from(secret.reveal().replace(/^whsec_/, ''), 'base64').length
}
