/** Verifies requests that are signed as Svix and Standard Webhooks do, and signs such requests. */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'
import { Webhook } from 'svix'
import type { Secret } from '../core/secret.ts'

export interface Verifier {
  /** `body` is what was received, byte for byte. */
  verify(signature: SignatureHeaders, body: Buffer): Verified
}

export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>

/** The parsed headers of the signature. `ok`: they are well-formed; `verify` decides whether the signature is genuine. */
export type SignatureHeaders =
  | {
      readonly ok: true
      readonly messageId: string
      readonly timestamp: string
      /** May be several, separated by spaces. */
      readonly signatures: string
      /** By how many seconds our clock was ahead of the timestamp when the headers were read. */
      readonly skewSeconds: number
      /** Whether the timestamp is close enough to our clock. */
      readonly isRecent: boolean
    }
  | {
      readonly ok: false
      readonly reason: 'missing_headers' | 'malformed_headers'
      /** The first well-formed id in the headers, for the log; empty if there is none. */
      readonly messageId: string
    }

type Verified =
  | {
      readonly ok: true
      readonly messageId: string
      /** The signed timestamp, in milliseconds. */
      readonly sentAt: number
      /** Which secret signed, counted from 0. */
      readonly secretIndex: number
    }
  | {
      readonly ok: false
      readonly reason: 'missing_headers' | 'malformed_headers' | 'no_matching_signature'
    }
  /** The signature is genuine, but it was made long ago, or one of the clocks is wrong. Times as above. */
  | {
      readonly ok: false
      readonly reason: 'timestamp_out_of_range'
      readonly sentAt: number
      readonly skewSeconds: number
    }

export type SignedHeaders = Readonly<Record<'svix-id' | 'svix-timestamp' | 'svix-signature', string>>

interface Signer {
  readonly webhook: Webhook
  readonly key: KeyObject
}

type Signature = Omit<Extract<SignatureHeaders, { ok: true }>, 'ok' | 'skewSeconds' | 'isRecent'>

const PREFIX = 'whsec_'
const TOLERANCE_S = 300
// During a rotation there are at most twelve signatures; each takes 48 characters, an asymmetric one 92.
const MAX_SIGNATURES_LENGTH = 4_096
// Dots are allowed, although they also separate the parts of the signed text: if it is split elsewhere, the body is never JSON.
const MESSAGE_ID = /^[\x21-\x7e]{1,256}$/
// No sign and no leading zero: a timestamp has only one spelling, since the signed text contains it.
const TIMESTAMP = /^[1-9]\d{0,10}$/
const HMAC_SIGNATURE = /^v1,[A-Za-z\d+/]{43}=$/

const headerSets = ['svix', 'webhook'].map((brand) => ({
  id: `${brand}-id`,
  timestamp: `${brand}-timestamp`,
  signature: `${brand}-signature`,
}))

/**
 * Makes a verifier for one source. A request is verified by any of the secrets, so that they can be rotated.
 * Throws if a secret is malformed, without repeating it.
 */
export function createVerifier(secrets: readonly Secret[]): Verifier {
  const signers = secrets.map((secret, index) => createSigner(secret, `secrets[${index}]`))
  for (const signer of signers) assertAgreement(signer)

  return {
    verify(signature, body) {
      if (!signature.ok) return signature
      const secretIndex = findSigner(signers, signature, body)
      if (secretIndex === -1) return { ok: false, reason: 'no_matching_signature' }
      const { messageId, timestamp, skewSeconds, isRecent } = signature
      const sentAt = Number(timestamp) * 1000
      if (!isRecent) return { ok: false, reason: 'timestamp_out_of_range', sentAt, skewSeconds }
      return { ok: true, messageId, sentAt, secretIndex }
    },
  }
}

/** Signs a body as Svix does. The timestamp is truncated to whole seconds. */
export function sign(secret: Secret, messageId: string, at: Date, body: string | Buffer): SignedHeaders {
  const { webhook } = createSigner(secret, 'the secret')
  return {
    'svix-id': messageId,
    'svix-timestamp': String(Math.floor(at.getTime() / 1000)),
    'svix-signature': webhook.sign(messageId, at, body),
  }
}

function createSigner(secret: Secret, name: string): Signer {
  const text = secret.reveal()
  try {
    const webhook = new Webhook(text)
    const base64 = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text
    return { webhook, key: createSecretKey(base64, 'base64') }
  } catch {
    throw new Error(
      `${name} is not a signing secret: copy it exactly as the sender shows it, ${PREFIX} and base64`,
    )
  }
}

/** Reads the `svix-*` or `webhook-*` headers; names are in lower case, as Node gives them. `now`: milliseconds since the epoch. */
export function readSignature(headers: RequestHeaders, now: number): SignatureHeaders {
  for (const names of headerSets) {
    const messageId = headers[names.id]
    const timestamp = headers[names.timestamp]
    const signatures = headers[names.signature]
    if (!messageId || !timestamp || !signatures) continue
    const isWellFormed =
      typeof messageId === 'string' &&
      typeof timestamp === 'string' &&
      typeof signatures === 'string' &&
      MESSAGE_ID.test(messageId) &&
      TIMESTAMP.test(timestamp) &&
      signatures.length <= MAX_SIGNATURES_LENGTH
    if (!isWellFormed) return { ok: false, reason: 'malformed_headers', messageId: namedId(headers) }
    const skewSeconds = Math.floor(now / 1000) - Number(timestamp)
    const isRecent = Math.abs(skewSeconds) <= TOLERANCE_S
    return { ok: true, messageId, timestamp, signatures, skewSeconds, isRecent }
  }
  return { ok: false, reason: 'missing_headers', messageId: namedId(headers) }
}

function namedId(headers: RequestHeaders): string {
  const ids = headerSets.map(({ id }) => headers[id])
  return ids.find((id) => typeof id === 'string' && MESSAGE_ID.test(id))?.toString() ?? ''
}

/**
 * The index of the secret that signed exactly these bytes, or -1. Node's own HMAC is much cheaper than the svix
 * package's, throws nothing for a secret that does not match, and sees bytes that are not UTF-8.
 */
function findSigner(signers: readonly Signer[], signature: Signature, body: Buffer): number {
  const given = signature.signatures.split(' ').filter((text) => HMAC_SIGNATURE.test(text))
  if (given.length === 0) return -1
  const candidates = given.map((text) => Buffer.from(text))
  const head = `${signature.messageId}.${signature.timestamp}.`
  return signers.findIndex(({ key }) => {
    const hmac = createHmac('sha256', key).update(head).update(body).digest('base64')
    const expected = Buffer.from(`v1,${hmac}`)
    return candidates.some((candidate) => timingSafeEqual(candidate, expected))
  })
}

/** Checks our verification against the sender's own package: we must accept what it signs with this secret. */
function assertAgreement(signer: Signer): void {
  const [messageId, body, at] = ['msg_agreement', '{"é":"漢"}', new Date()]
  const signature = {
    messageId,
    timestamp: String(Math.floor(at.getTime() / 1000)),
    signatures: signer.webhook.sign(messageId, at, body),
  }
  if (findSigner([signer], signature, Buffer.from(body)) !== 0) {
    throw new Error('the svix package signs differently from what this version of hookbridge verifies')
  }
}
