/** Why the token server issued no token, and what to do about it. */

import { askedPause } from '../../../core/delivery/retry-after.ts'
import { isObject } from '../../../core/json/json.ts'
import { ConnectFailure, wordsOf } from '../../../network/connect-failure.ts'
import { remoteWords } from '../../remote-words.ts'
import type { LoginProblem } from './problem.ts'
import type { OAuth2Settings } from './settings.ts'
import { hintFor } from './token-hints.ts'

export interface HttpAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** False if the response broke off, so that its text is missing. */
  readonly isWhole: boolean
}

export interface TokenFailure {
  readonly settings: OAuth2Settings
  readonly url: string
  readonly user: string
  /** Null if there was none. */
  readonly answer: HttpAnswer | null
  readonly error: unknown
  /** Removes the secrets of the request. */
  readonly words: (text: string) => string
}

/** Errors of RFC 6749 and its extensions that are temporary; all others need a person. */
const PASSING = ['temporarily_unavailable', 'server_error', 'slow_down', 'rate_limit_exceeded']
const PASSING_STATUS = [408, 421, 425, 429]

export function tokenProblem(failure: TokenFailure): LoginProblem {
  const { answer, url, words } = failure
  const server = new URL(url).host
  if (answer === null) return unreachable(failure, server)
  const { error, description } = errorOf(answer)
  const said = [error, description].filter((part) => part !== '').join(': ')
  const reason = remoteWords(words(`${answer.status} ${said}`.trim()), [])
  if (answer.status >= 500 || PASSING_STATUS.includes(answer.status) || PASSING.includes(error)) {
    const limited = answer.status === 429
    return {
      kind: 'retry',
      ...afterOf(answer),
      code: limited ? 'oauth_limited' : 'oauth_unreachable',
      summary: limited
        ? `${server} issues no token now: it gets too many requests`
        : `${server} cannot issue a token now`,
      hint: limited
        ? 'wait; if this persists, find out what else requests tokens for this client'
        : 'try again in a few minutes; if this persists, ask the administrator of the token server',
      reason,
    }
  }
  // The missing text would have said what is wrong.
  if (!answer.isWhole) return unreachable(failure, server)
  if (error === '') return { ...notOAuth(failure, answer, server), kind: 'park' }
  return { kind: 'park', ...hintFor(failure, error, description), reason }
}

function unreachable({ error, words }: TokenFailure, server: string): LoginProblem {
  if (error instanceof ConnectFailure) {
    return {
      kind: error.permanent ? 'park' : 'retry',
      code: `oauth_${error.code}`,
      summary: `${server} cannot be reached for a token`,
      hint: error.hint,
      reason: error.message,
    }
  }
  return {
    kind: 'retry',
    code: 'oauth_unreachable',
    summary: `${server} cannot be reached for a token`,
    hint: 'check the network: the token server must be reachable over HTTPS from this machine',
    reason: remoteWords(words(wordsOf(error)), []),
  }
}

/** A response that cannot be from a token endpoint. */
function notOAuth({ settings, error }: TokenFailure, answer: HttpAnswer, server: string) {
  const { status, headers, text } = answer
  const target = headers.get('location') ?? undefined
  const type = headers.get('content-type') ?? 'no content type'
  const what =
    status >= 300 && status < 400
      ? `a redirect${target === undefined ? '' : ` to ${target}`}`
      : `${status} (${type})`
  const hints = {
    microsoft:
      'check channels.email.oauth2.microsoft (tenant, authority), and whether a proxy answers instead of it',
    google: 'check whether a proxy answers instead of it',
    generic:
      'correct channels.email.oauth2.generic.token_url: the token endpoint accepts a POST and answers in JSON',
  }
  // The body of a success may contain the token.
  const words = status === 200 ? wordsOf(error) : text
  return {
    code: 'oauth_url',
    summary: `${server} does not answer as a token server`,
    hint: hints[settings.provider],
    reason: remoteWords(`it answered ${what}: ${status === 200 ? words : withoutTags(words)}`, []),
  }
}

function withoutTags(text: string): string {
  return text.replaceAll(/<[^<>]*>/g, ' ')
}

function errorOf({ status, text }: HttpAnswer): { error: string; description: string } {
  const none = { error: '', description: '' }
  if (status < 400) return none
  try {
    const body: unknown = JSON.parse(text)
    if (!isObject(body) || typeof body.error !== 'string') return none
    const { error_description } = body
    return { error: body.error, description: typeof error_description === 'string' ? error_description : '' }
  } catch {
    return none
  }
}

function afterOf({ headers }: HttpAnswer): { after?: number } {
  const after = askedPause(headers, Date.now())
  return after === null ? {} : { after }
}
