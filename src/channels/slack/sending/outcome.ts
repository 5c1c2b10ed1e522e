/** Turns Slack's answers, and failures without an answer, into outcomes. */
import { WebAPIRequestError } from '@slack/web-api'
import type { Outcome } from '../../../core/delivery/outcome.ts'
import { LONGEST_RETRY_AFTER_MS } from '../../../core/delivery/retry-after.ts'
import { ownProperty, parseJson } from '../../../core/json/json.ts'
import type { Secret } from '../../../core/secret.ts'
import { ConnectFailure } from '../../../network/connect-failure.ts'
import { remoteWords } from '../../remote-words.ts'
import { WEBHOOK } from '../target.ts'
import { isSuccess, shownStatus, wordsOf } from './answer-words.ts'
import {
  type HintContext,
  hintOf,
  isErrorName,
  isKnownError,
  type Meaning,
  meaningOf,
  unknownError,
} from './errors.ts'
import { NotSent } from './exchange.ts'
import { meaningOfStatus } from './statuses.ts'
import { type Answer, FailedAnswer } from './transport.ts'

export interface AttemptContext {
  readonly target: string
  /** Milliseconds. */
  readonly timeout: number
  readonly secrets: readonly Secret[]
}

/** Why a call that sent no message failed. */
export interface FailedCall {
  /** Slack named an error; an HTTP answer named none; or there was no answer. */
  readonly from: 'slack' | 'answer' | 'network'
  /** Slack's name for it; null if it gave none. */
  readonly name: string | null
  readonly reason: string
  /** Empty if it may be temporary. */
  readonly hint: string
  /** The scope that is missing, in Slack's words; null if none is. */
  readonly needed: string | null
  /** Milliseconds to wait before another call; null if it did not ask for that. */
  readonly after: number | null
}

interface Failure {
  readonly kind: 'retry' | 'ambiguous' | 'park' | 'refuse'
  readonly from: FailedCall['from']
  readonly name: string | null
  /** The name, or the status, or what happened to the connection. */
  readonly what: string
  readonly hint: string
  /** What the remote said; empty if it said no more than `what`. */
  readonly words: string
  /** Milliseconds that it asked us to wait, however long. */
  readonly after: number | null
  readonly needed: string | null
  /** Slack itself has answered: the request is no longer in progress. */
  readonly answered: boolean
}

// Slack always asks to wait for at least a second.
const SHORTEST_PAUSE_MS = 1_000
// The number of seconds in the message adds nothing, and may be Infinity.
const YEAR_MS = 365 * 24 * 60 * 60_000

/** The outcome of an attempt that ended with an exception of WebClient or the transport. */
export function fromException(error: unknown, context: AttemptContext): Outcome {
  const failure = connectFailure(error)
  if (failure !== null) return failure.outcome
  return toOutcome(classify(error, context), context.secrets)
}

/** The outcome of a failed call that sent no message: nothing can have arrived. */
export function failedCall(error: unknown, context: AttemptContext): FailedCall {
  const blocked = connectFailure(error)
  if (blocked !== null) {
    const { message: reason, hint } = blocked
    return { from: 'network', name: null, reason, hint, needed: null, after: null }
  }
  const failure = classify(error, context)
  const { from, name, what, words, hint, needed } = failure
  const reason = remoteWords(words === '' ? what : `${what} (${words})`, context.secrets)
  const after = failure.after === null ? null : Math.min(failure.after, LONGEST_RETRY_AFTER_MS)
  return { from, name, reason, hint, needed, after }
}

/**
 * What a webhook's answer means. Slack answers `ok`; a trigger of Workflow Builder, or a server that imitates
 * Slack's webhooks, answers JSON or nothing at all. An HTML page comes from a proxy in between.
 * `isSlack`: the webhook is one of Slack's own.
 */
export function fromWebhook(answer: Answer, isSlack: boolean, context: AttemptContext): Outcome {
  const words = answer.text.trim()
  const body = parseJson(words)
  const said = successIn(body)
  const isRefused = said === false || nameIn(answer, body) !== null
  const isTaken = words === 'ok' || said === true || !(isSlack || answer.isHtml)
  if (!isSuccess(answer.status) || isRefused || !isTaken) {
    return toOutcome(fromAnswer(answer, context), context.secrets)
  }
  const channel = context.target
  if (words === 'ok') return { kind: 'sent', reference: { channel } }
  return { kind: 'sent', reference: { channel, response: remoteWords(words, context.secrets) } }
}

/** For failures of a proxy or a certificate, not of Slack. */
function connectFailure(error: unknown): ConnectFailure | null {
  const original = originalOf(error)
  const cause = original instanceof NotSent ? original.cause : original
  return cause instanceof ConnectFailure ? cause : null
}

/** WebClient wraps what its fetch threw. */
function originalOf(error: unknown): unknown {
  return error instanceof WebAPIRequestError ? error.original : error
}

function classify(error: unknown, context: AttemptContext): Failure {
  const original = originalOf(error)
  return original instanceof FailedAnswer ? fromAnswer(original.answer, context) : noAnswer(original, context)
}

/** The name of an error says more than the status. */
function fromAnswer(answer: Answer, { target, secrets }: AttemptContext): Failure {
  const body = parseJson(answer.text)
  const name = nameIn(answer, body)
  const scope = name === 'missing_scope' ? scopeIn(body) : null
  const context: HintContext = {
    target,
    isWebhook: target.startsWith(WEBHOOK),
    ...(scope !== null && { scope }),
  }
  const words = wordsOf(answer, body)
  const meaning = (name === null ? null : meaningOf(name)) ?? meaningOfUnnamed(answer, words, body, context)
  return {
    kind: meaning.kind,
    from: name === null ? 'answer' : 'slack',
    name,
    what: name ?? shownStatus(answer, secrets),
    hint: name === null && isSuccess(answer.status) ? anotherAnswers(context) : hintOf(meaning, context),
    words: words === name ? '' : words,
    after: answer.status === 429 ? Math.max(SHORTEST_PAUSE_MS, answer.retryAfter ?? 0) : answer.retryAfter,
    needed: scope,
    // A gateway may answer (502, 504) while the request continues behind it.
    answered: name !== null || answer.status === 500,
  }
}

/**
 * A webhook answers the bare name, of which a part may be the name of another error. A name that no table has counts only where the answer
 * has the Web API's form.
 */
function nameIn({ text, isWhole }: Answer, body: unknown): string | null {
  const error = ownProperty(body, 'error')
  if (isErrorName(error) && (isKnownError(error) || ownProperty(body, 'ok') === false)) return error
  const word = text.trim()
  return isWhole && isErrorName(word) && isKnownError(word) ? word : null
}

/** Rocket.Chat says `success`. */
function successIn(body: unknown): unknown {
  return ownProperty(body, 'ok') ?? ownProperty(body, 'success')
}

function scopeIn(body: unknown): string | null {
  const needed = ownProperty(body, 'needed')
  return typeof needed === 'string' && /^[\w:.,-]{1,100}$/.test(needed) ? needed : null
}

function meaningOfUnnamed(answer: Answer, words: string, body: unknown, context: HintContext): Meaning {
  if (!isSuccess(answer.status)) return meaningOfStatus(answer, words, context)
  if (successIn(body) === false) return unknownError
  // The message may have been accepted, and the answer lost or replaced on its way.
  return { kind: 'ambiguous' }
}

function anotherAnswers({ isWebhook }: HintContext): string {
  return `check the proxy in between, and ${isWebhook ? 'webhook_url' : 'channels.slack.api_url'}`
}

function noAnswer(error: unknown, { timeout }: AttemptContext): Failure {
  const wasSent = !(error instanceof NotSent)
  const cause = wasSent ? error : error.cause
  const code = codeOf(cause)
  const text = cause instanceof Error ? cause.message : String(cause)
  const isTimeout = /Timeout/.test(cause instanceof Error ? cause.name : '') || /TIMEOUT/.test(code)
  const failure = {
    from: 'network',
    name: null,
    hint: '',
    words: '',
    after: null,
    needed: null,
    answered: false,
  } as const
  if (!wasSent) {
    const what =
      code === '' && isTimeout ? `cannot connect within ${timeout} ms` : `cannot connect: ${code || text}`
    return { ...failure, kind: 'retry', what }
  }
  if (isTimeout) return { ...failure, kind: 'ambiguous', what: `no answer within ${timeout} ms` }
  const what = `the connection was lost before the answer: ${code || text}`
  return { ...failure, kind: 'ambiguous', what }
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
  return typeof code === 'string' ? code : ''
}

function toOutcome(
  { kind, what, hint, words, after, answered }: Failure,
  secrets: readonly Secret[],
): Outcome {
  const said = words === '' ? '' : ` (${words})`
  const reason = (text: string) => remoteWords(text, secrets)
  switch (kind) {
    case 'park':
    case 'refuse':
      return { kind, reason: reason(`${what}: ${hint}; then resend${said}`) }
    case 'ambiguous':
    case 'retry':
      return {
        kind,
        reason: reason(what + (hint === '' ? '' : `: ${hint}`) + pauseWords(after) + said),
        ...(after !== null && { after: Math.min(after, LONGEST_RETRY_AFTER_MS) }),
        ...(kind === 'ambiguous' && answered && { answered }),
      }
  }
}

/** A remark about a pause that is cut; empty for any other pause. */
function pauseWords(after: number | null): string {
  if (after === null || after <= LONGEST_RETRY_AFTER_MS) return ''
  const asked = after > YEAR_MS ? 'more than a year' : `${Math.round(after / 1000)} s`
  return `; it asks for a pause of ${asked}, and gets one of an hour`
}
