/** What the failure of an attempt means for the delivery. */
import type { Outcome } from '../../../core/outcome.ts'
import type { Secret } from '../../../core/secret.ts'
import { remoteWords } from '../../remote-words.ts'
import type { SmtpFailure } from './session.ts'

/** Something that a person must correct: trying again does not help. */
export interface MailSetupError {
  /** The code of the doctor's finding. */
  readonly code: string
  readonly summary: string
  readonly hint: string
}

const setupErrors = {
  login: {
    code: 'smtp_login_refused',
    summary: 'the mail server does not accept the login',
    hint: 'correct user and password in channels.email.smtp',
  },
  noLogin: {
    code: 'smtp_no_login',
    summary: 'the mail server offers no login on this connection',
    hint: 'remove user and password from channels.email.smtp, or let it encrypt (channels.email.tls: required)',
  },
  loginNeeded: {
    code: 'smtp_login_needed',
    summary: 'the mail server requires a login',
    hint: 'put user and password into channels.email.smtp',
  },
  sender: {
    code: 'smtp_sender_refused',
    summary: 'the mail server refuses the sender',
    hint: 'correct channels.email.from, or allow it there',
  },
  relay: {
    code: 'smtp_relay_denied',
    summary: 'the mail server does not take mail for this address from us',
    hint: 'check channels.email.smtp and its login',
  },
  hello: {
    code: 'smtp_client_refused',
    summary: 'the mail server refuses mail from this machine',
    hint: 'ask who runs it',
  },
  encryption: {
    code: 'smtp_tls',
    summary: 'no encrypted connection to the mail server',
    hint: 'check channels.email.smtp: smtp:// or smtps://, and the port',
  },
} as const satisfies Readonly<Record<string, MailSetupError>>

/** Replies that ask for a login or refuse one (RFC 4954), and Exchange's refusal to send as this sender. */
const LOGIN_NEEDED = [530, 538]
const LOGIN_REFUSED = [534, 535]
const NOT_AS_THIS_SENDER = /^\d{3}[ -]5\.7\.60\b/
const TLS_ERROR = /^(?:ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH)/
/** Bad sequence of commands: the session was at fault, not the mail. */
const BAD_SEQUENCE = 503
const TOO_LARGE = 552

type FailedOutcome =
  | Exclude<Outcome, { kind: 'sent' | 'park' }>
  | { kind: 'park'; error: MailSetupError; reason: string }

export function outcomeOf(failure: SmtpFailure, secrets: readonly Secret[]): Outcome {
  const outcome = classify(failure, secrets)
  if (outcome.kind !== 'park') return outcome
  const { error, reason } = outcome
  return { kind: 'park', reason: `${error.summary}: ${error.hint} (${reason})` }
}

/** The same for a failure of a session that carried no mail; `error` is null where it may pass by itself. */
export function diagnose(
  failure: SmtpFailure,
  secrets: readonly Secret[],
): { readonly error: MailSetupError | null; readonly reason: string } {
  const outcome = classify(failure, secrets)
  return { error: outcome.kind === 'park' ? outcome.error : null, reason: outcome.reason }
}

function classify(failure: SmtpFailure, secrets: readonly Secret[]): FailedOutcome {
  const { certificate, originalCode = '' } = failure
  if (certificate !== undefined) {
    const { code, message: summary, hint, permanent } = certificate
    if (!permanent) return { kind: 'retry', reason: summary }
    return park({ code: `smtp_${code}`, summary, hint }, originalCode)
  }
  const reason = remoteWords(failure.response ?? failure.message, secrets)
  const code = failure.responseCode ?? 0
  if (code >= 500 && code < 600 && code !== BAD_SEQUENCE) return refused(failure, code, reason)
  if (code >= 400) return { kind: 'retry', reason }
  if (failure.begun) return { kind: 'ambiguous', reason: `no answer to the message: ${reason}` }
  return withoutReply(failure, reason)
}

function refused(failure: SmtpFailure, code: number, reason: string): FailedOutcome {
  const { command = '' } = failure
  if (LOGIN_NEEDED.includes(code)) return park(setupErrors.loginNeeded, reason)
  if (failure.code === 'EAUTH' || LOGIN_REFUSED.includes(code)) return park(setupErrors.login, reason)
  if (failure.code === 'ETLS') return park(setupErrors.encryption, reason)
  if (command === 'EHLO' || command === 'HELO') return park(setupErrors.hello, reason)
  if (NOT_AS_THIS_SENDER.test(reason)) return park(setupErrors.sender, reason)
  if (command === 'MAIL FROM' && code !== TOO_LARGE) return park(setupErrors.sender, reason)
  if (command === 'RCPT TO' && /relay/i.test(reason)) return park(setupErrors.relay, reason)
  // Often a block list or an overload, which pass.
  if (command === 'CONN') return { kind: 'retry', reason }
  return { kind: 'refuse', reason }
}

/** None of the message was sent, and no server said why. */
function withoutReply(failure: SmtpFailure, reason: string): FailedOutcome {
  const { code, originalCode = '' } = failure
  if (code === 'ENOAUTH') return park(setupErrors.noLogin, reason)
  if (code === 'EAUTH' || code === 'ECONFIG') return park(setupErrors.login, reason)
  if (TLS_ERROR.test(originalCode)) return park(setupErrors.encryption, `${reason} (${originalCode})`)
  // Larger than the server takes, or an address that SMTP cannot carry: found before anything was sent.
  if (code === 'EMESSAGE' || code === 'EENVELOPE') return { kind: 'refuse', reason }
  return { kind: 'retry', reason }
}

function park(error: MailSetupError, reason: string): FailedOutcome {
  return { kind: 'park', error, reason }
}
