/** Why a step of the dialogue with the mail server failed. */
import type { LoginProblem } from '../oauth/problem.ts'
import type { CertificateFailure } from './certificate.ts'
import { stepOfCommand } from './dialogue.ts'
import type { Step } from './replies/reply.ts'

/** Our own codes, in addition to nodemailer's. */
export const NO_UTF8_SENDER = 'EUTF8SENDER'
export const NO_UTF8_RECIPIENT = 'EUTF8RECIPIENT'

/** Why a step failed, as nodemailer reports it; see its errors.js for the codes. */
export interface SmtpFailure extends CertificateFailure {
  readonly message: string
  readonly code?: string | undefined
  /** The code of the system's or OpenSSL's error behind this one. */
  readonly originalCode?: string | undefined
  /** The server's own words. */
  readonly response?: string | undefined
  readonly responseCode?: number | undefined
  /** Full host names that these words may repeat. */
  readonly names?: readonly string[]
  /** Where in the dialogue it happened. */
  readonly step: Step
  /** What timed out, if something did. */
  readonly timeout?: 'connection' | 'greeting' | 'answer' | undefined
  /** Whether any of the message may have left this machine. */
  readonly begun: boolean
  /** Why no access token was issued or accepted, or why no login was tried. */
  readonly login?: LoginProblem | undefined
}

/** As nodemailer reports it: its errors.js has the codes. */
export interface StepError extends Error {
  readonly code?: string
  readonly originalCode?: string
  readonly command?: string
  readonly response?: string
  readonly responseCode?: number
}

/** Where in the dialogue it happened. `answered`: the step that the last reply answered. */
export function stepOf(
  { command = '', code, response }: StepError,
  begun: boolean,
  sending: boolean,
  answered: Step | null,
): Step {
  if (begun) return 'message'
  if (command === 'DATA') return code === 'EMESSAGE' ? 'message' : 'data'
  const step = stepOfCommand(command) ?? (response === undefined ? null : answered)
  // A reply that no command waited for, such as 421 between two commands.
  return step ?? (sending ? 'mail' : 'greeting')
}

/** A login that is not tried, or for which there is no token. */
export function withoutLogin(problem: LoginProblem): SmtpFailure {
  return { message: problem.reason, login: problem, step: 'auth', begun: false }
}
