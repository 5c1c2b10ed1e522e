/** What the failure of an attempt means for the delivery, and for the operator. */
import type { Outcome } from '../../../core/delivery/outcome.ts'
import type { Secret } from '../../../core/secret.ts'
import { remoteWords } from '../../remote-words.ts'
import type { LoginProblem } from '../oauth/problem.ts'
import { causeOfFailure } from './connection-failure.ts'
import { type Cause, type CauseName, type Concern, causes } from './replies/causes.ts'
import { parseReply, replyWords } from './replies/reply.ts'
import { classify, type Verdict } from './replies/verdict.ts'
import type { SmtpFailure } from './smtp-failure.ts'

/** What the outcome of a failure depends on, besides the failure itself. */
export interface MailSetup {
  readonly server: { readonly port: number; readonly secure: boolean }
  readonly hasLogin: boolean
  readonly secrets: readonly Secret[]
}

export interface Diagnosis {
  /** Null if it is unknown, and may be temporary. */
  readonly cause: Cause | null
  readonly concern: Concern
  readonly outcome: Exclude<Outcome, { kind: 'sent' }>
  /** What the server said, or the system. */
  readonly words: string
}

/** Refusals of the login itself. If a token was refused, its claims say more than these. */
const ABOUT_LOGIN: readonly (CauseName | null)[] = [
  'login',
  'appPassword',
  'passwordsOff',
  'smtpOff',
  'loginMethod',
  'loginNeeded',
  'notForThisLogin',
]

export function diagnose(failure: SmtpFailure, setup: MailSetup): Diagnosis {
  if (failure.certificate !== undefined) return ofCertificate(failure.certificate, failure.originalCode)
  const reply = failure.response === undefined ? null : parseReply(failure.response, failure.names)
  const words = wordsOf(failure, reply === null ? failure.response : replyWords(reply), setup.secrets)
  if (reply === null && failure.begun) {
    const outcome = { kind: 'ambiguous', reason: `no answer to the message: ${words}` } as const
    return { cause: null, concern: 'moment', outcome, words }
  }
  const verdict = reply ? classify(reply, failure.step, setup.hasLogin) : withoutReply(failure, setup)
  const { login } = failure
  if (login !== undefined && (reply === null || ABOUT_LOGIN.includes(verdict.cause))) return ofLogin(login)
  const cause = verdict.cause === null ? null : causes[verdict.cause]
  const reason = cause === null ? words : `${cause.summary}: ${cause.hint} (${words})`
  const { concern } = verdict
  if (verdict.kind !== 'retry') return { cause, concern, outcome: { kind: verdict.kind, reason }, words }
  const after = verdict.after === undefined ? {} : { after: verdict.after }
  return { cause, concern, outcome: { kind: 'retry', reason, ...after }, words }
}

function ofLogin({ kind, after, reason: words, code, summary, hint }: LoginProblem): Diagnosis {
  const cause = { concern: 'account', code, summary, hint } as const
  if (kind === 'park')
    return { cause, concern: 'account', outcome: { kind, reason: `${summary}: ${hint} (${words})` }, words }
  const outcome = { kind, reason: `${summary} (${words})`, ...(after !== undefined && { after }) }
  return { cause, concern: 'moment', outcome, words }
}

function ofCertificate(
  { code, message: summary, hint, permanent }: NonNullable<SmtpFailure['certificate']>,
  words = '',
): Diagnosis {
  const concern = 'client'
  const cause = { concern, code: `smtp_${code}`, summary, hint } as const
  if (!permanent) return { cause, concern, outcome: { kind: 'retry', reason: summary }, words }
  return { cause, concern, outcome: { kind: 'park', reason: `${summary}: ${hint} (${words})` }, words }
}

/** None of the message was sent, and no server said why. */
function withoutReply(failure: SmtpFailure, { server }: MailSetup): Verdict {
  const cause = causeOfFailure(failure, server)
  if (cause === null) return { kind: 'retry', concern: 'moment', cause: null }
  const { concern } = causes[cause]
  return { kind: concern === 'message' || concern === 'recipient' ? 'refuse' : 'park', concern, cause }
}

function wordsOf(failure: SmtpFailure, said: string | undefined, secrets: readonly Secret[]): string {
  const { message, originalCode } = failure
  const detail = originalCode === undefined || message.includes(originalCode) ? '' : ` (${originalCode})`
  return remoteWords(said ?? `${message}${detail}`, secrets)
}
