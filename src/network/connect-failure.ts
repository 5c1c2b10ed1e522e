import type { Outcome } from '../core/delivery/outcome.ts'

/** What went wrong, for programs: the code of a finding of `hookbridge doctor`. */
export type ConnectFailureCode =
  | 'proxy_unreachable'
  | 'proxy_timeout'
  | 'proxy_login'
  | 'proxy_refused'
  | 'proxy_failing'
  | 'proxy_not_http'
  | 'proxy_tls'
  | 'certificate_untrusted'
  | 'certificate_wrong_host'
  | 'certificate_expired'
  | 'certificate_not_yet_valid'
  | 'certificate_invalid'
  | 'address_refused'

export interface ConnectProblem {
  readonly code: ConnectFailureCode
  /** One line, without secrets and control characters. */
  readonly message: string
  readonly hint: string
  /** Waiting does not help: a person must act. */
  readonly permanent: boolean
}

/**
 * No connection was made, because of a proxy or a certificate: nothing of a request was sent, and the cause is what the message
 * names, not the destination.
 */
export class ConnectFailure extends Error {
  override readonly name = 'ConnectFailure'
  readonly code: ConnectFailureCode
  readonly hint: string
  readonly permanent: boolean

  constructor({ code, message, hint, permanent }: ConnectProblem, cause?: unknown) {
    super(message, { cause })
    this.code = code
    this.hint = hint
    this.permanent = permanent
  }

  /** The outcome of an attempt that ended with this failure. */
  get outcome(): Extract<Outcome, { kind: 'retry' | 'park' }> {
    return this.permanent
      ? { kind: 'park', reason: `${this.message}: ${this.hint}` }
      : { kind: 'retry', reason: this.message }
  }
}

const LONGEST_NAME = 120

/** Text from the other side, shortened to one line of a message. */
export function oneLine(text: string, longest = LONGEST_NAME): string {
  const line = text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
  return line.length <= longest ? line : `${line.slice(0, longest - 1).toWellFormed()}…`
}

/** The code of an error from the system, TLS or undici; empty if it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** What an error says; for one of several addresses, what each of them said. */
export function wordsOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(wordsOf).join('; ')
  return oneLine(error instanceof Error ? error.message : String(error))
}
