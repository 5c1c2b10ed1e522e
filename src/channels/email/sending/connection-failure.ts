/** Why a connection failed, if no reply of the server says it. Pure. */
import { TLS_PORT } from '../settings.ts'
import type { CauseName } from './replies/causes.ts'
import { NO_UTF8_RECIPIENT, NO_UTF8_SENDER, type SmtpFailure } from './smtp-failure.ts'

/** A server that answers in plain text to the first bytes of TLS. */
const PLAIN_TEXT = /^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$/
const OTHER_TLS = /^(?:ERR_TLS|ERR_SSL|EPROTO)/

/**
 * Null if it may be temporary. Not for certificates, which certificate.ts describes. `response` is what the server said
 * instead of a reply that refuses something.
 */
export function causeOfFailure(
  failure: Pick<SmtpFailure, 'code' | 'originalCode' | 'response' | 'timeout'>,
  { port, secure }: { readonly port: number; readonly secure: boolean },
): CauseName | null {
  const { code, originalCode = '', response, timeout } = failure
  // What arrived is not a reply, or one to another command: nothing was refused.
  if (response !== undefined) return null
  if (code === 'EAUTH' || code === 'ECONFIG') return 'login'
  if (secure && PLAIN_TEXT.test(originalCode)) return 'tlsUnexpected'
  if (OTHER_TLS.test(originalCode)) return 'tls'
  // The server waits for our TLS handshake while we wait for its greeting.
  if (!secure && port === TLS_PORT && timeout === 'greeting') return 'tlsExpected'
  // Larger than the server accepts, or an address that SMTP cannot transmit: found before anything was sent.
  if (code === 'EMESSAGE') return 'tooLarge'
  if (code === NO_UTF8_SENDER) return 'internationalSender'
  if (code === NO_UTF8_RECIPIENT) return 'internationalRecipient'
  return code === 'EENVELOPE' ? 'recipient' : null
}
