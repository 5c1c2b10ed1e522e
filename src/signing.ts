/** The package for tests and senders: signs requests as Svix and Standard Webhooks do. */
import { Secret } from './core/secret.ts'
import { sign } from './sources/svix.ts'

export interface EventToSign {
  /** The source's signing secret: `whsec_` and base64. */
  readonly secret: string
  /** The body exactly as it is sent: the signature covers its UTF-8 bytes. */
  readonly body: string
  /** The message's id; the same id is the same event. By default a new one, `msg_` and a UUID. */
  readonly id?: string
  /** The time of sending, truncated to whole seconds. Default: now. A source refuses requests that are more than five minutes off. */
  readonly at?: Date
}

/** Headers for `fetch`, for example; names in lower case. */
export interface SignedHeaders {
  readonly 'content-type': 'application/json'
  readonly 'svix-id': string
  readonly 'svix-timestamp': string
  readonly 'svix-signature': string
}

/** The headers that sign the body. Throws if the secret is malformed, without repeating it. */
export function signEvent({ secret, body, id, at = new Date() }: EventToSign): SignedHeaders {
  const messageId = id ?? `msg_${crypto.randomUUID()}`
  return { 'content-type': 'application/json', ...sign(new Secret(secret), messageId, at, body) }
}
