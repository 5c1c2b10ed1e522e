/** Turns Slack's answers, and failures without an answer, into outcomes. */
import {
  WebAPIHTTPError,
  WebAPIPlatformError,
  WebAPIRateLimitedError,
  WebAPIRequestError,
} from '@slack/web-api'
import { isObject, ownProperty } from '../../../core/json.ts'
import type { Outcome } from '../../../core/outcome.ts'
import { redact, type Secret } from '../../../core/secret.ts'
import { ConnectFailure } from '../../../network/connect-failure.ts'
import { remoteWords } from '../../remote-words.ts'
import { UnrecognisedAnswer, type WebhookResponse } from './transport.ts'

/** What a person does about an error that trying again does not fix. `{target}` is the delivery's. */
const hints: Readonly<Record<string, string>> = {
  not_in_channel: 'invite the app to {target}: /invite @app',
  channel_not_found: 'correct the channel of the receiver, or invite the app if {target} is private',
  is_archived: 'unarchive {target}, or name another channel',
  channel_is_archived: 'unarchive the channel, or make a new webhook',
  missing_scope: 'give the app the scope chat:write and reinstall it',
  invalid_auth: 'put a valid bot token into channels.slack.token',
  not_authed: 'put a bot token into channels.slack.token',
  account_inactive: 'the app was removed; install it again and use its new token',
  token_expired: 'put a fresh bot token into channels.slack.token',
  token_revoked: 'install the app again and use its new token',
  no_permission: "ask an administrator to allow the app's token to post",
  restricted_action: 'ask an administrator who may post in {target}',
  message_limit_exceeded: "the workspace is over its plan's number of messages",
  team_access_not_granted: 'ask an administrator to grant the app this workspace',
  ekm_access_denied: 'ask an administrator: access to the encryption keys is suspended',
  access_denied: 'ask an administrator to allow the app',
  action_prohibited: 'ask an administrator to allow the webhook',
  posting_to_general_channel_denied: 'choose a channel that everyone may post in',
  no_service: 'the webhook was removed; put a new one into webhook_url',
  no_service_id: 'the webhook is incomplete; copy webhook_url again',
  no_active_hooks: 'the webhook is switched off; put a new one into webhook_url',
  no_team: 'the workspace is gone; put a webhook of another into webhook_url',
  team_disabled: 'the workspace is switched off',
  invalid_token: 'the webhook is no longer valid; put a new one into webhook_url',
  user_not_found: "the webhook's user is gone; put a new one into webhook_url",
}

const refused: ReadonlySet<string> = new Set([
  'invalid_blocks',
  'invalid_blocks_format',
  'msg_blocks_too_long',
  'msg_too_long',
  'no_text',
  'invalid_arguments',
  'metadata_too_large',
  'invalid_metadata_format',
  'too_many_attachments',
  'invalid_payload',
])

// Slack may have posted the message before it failed.
const ambiguous: ReadonlySet<string> = new Set(['internal_error', 'fatal_error'])

const temporary: ReadonlySet<string> = new Set([
  'ratelimited',
  'rate_limited',
  'service_unavailable',
  'team_added_to_org',
  'org_login_required',
  'request_timeout',
])

// Errors of a connection that was never made: nothing was sent. Certificates have too many codes to list.
const NEVER_SENT =
  /^(ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EPROTO|ERR_SSL_\w+|UND_ERR_CONNECT_TIMEOUT|UND_ERR_CLOSED|UND_ERR_DESTROYED|CERT_\w+|ERR_TLS_CERT_\w+|\w*SELF_SIGNED\w*|UNABLE_TO_\w+)$/

// Node's words for a connection that ended during the TLS handshake; its code is that of any broken connection.
const TLS_NEVER_MADE = /before secure TLS connection was established/

export interface AttemptContext {
  readonly target: string
  /** Milliseconds. */
  readonly timeout: number
  readonly secrets: readonly Secret[]
}

/** Why a call failed that carried no message. */
export interface FailedCall {
  /** Slack's name for it; null where it gave none. */
  readonly name: string | null
  readonly reason: string
  /** Empty where it may pass by itself. */
  readonly hint: string
}

type FailedOutcome = Exclude<Outcome, { kind: 'sent' }>

/** What an attempt that ended with WebClient's exception means. */
export function fromException(error: unknown, context: AttemptContext): Outcome {
  const failure = connectFailure(error)
  if (failure !== null) return failure.outcome
  return clean(classify(error, context), context.secrets)
}

/** What a failed call means that carried no message: nothing of it can have arrived. */
export function failedCall(error: unknown, context: AttemptContext): FailedCall {
  const failure = connectFailure(error)
  if (failure !== null) return { name: null, reason: failure.message, hint: failure.hint }
  const { kind, reason } = clean(classify(error, context), context.secrets)
  const given = error instanceof WebAPIPlatformError ? ownProperty(error.data, 'error') : undefined
  const name = isName(given) ? redact(given, context.secrets) : null
  if (kind === 'retry' || kind === 'ambiguous') return { name, reason, hint: '' }
  return { name, reason: name ?? reason, hint: (name !== null && hintOf(name, context.target)) || '' }
}

/** What a person does about an error that trying again does not fix; null for any other. */
export function hintOf(name: string, target: string): string | null {
  const hint = Object.hasOwn(hints, name) ? hints[name] : undefined
  return hint?.replace('{target}', target) ?? null
}

/** What a webhook's answer means. A success without the name of an error means that the message was taken. */
export function fromWebhook({ status, text, retryAfter }: WebhookResponse, context: AttemptContext): Outcome {
  const words = text.trim()
  if (status === 429) return { kind: 'retry', reason: 'ratelimited', after: milliseconds(retryAfter) }
  if (!isSuccess(status) || isKnown(words)) {
    return clean(byStatus(status, words, retryAfter, context), context.secrets)
  }
  const channel = context.target
  if (words === 'ok') return { kind: 'sent', reference: { channel } }
  return { kind: 'sent', reference: { channel, response: remoteWords(words, context.secrets) } }
}

/** Where a proxy or a certificate is at fault, and not Slack. */
function connectFailure(error: unknown): ConnectFailure | null {
  const original = error instanceof WebAPIRequestError ? error.original : error
  return original instanceof ConnectFailure ? original : null
}

function classify(error: unknown, context: AttemptContext): FailedOutcome {
  if (error instanceof WebAPIRateLimitedError) {
    return { kind: 'retry', reason: 'ratelimited', after: error.retryAfter * 1000 }
  }
  if (error instanceof WebAPIPlatformError) return platform(error, context)
  if (error instanceof WebAPIHTTPError) {
    const after = error.headers['retry-after']
    return byStatus(
      error.statusCode,
      ownProperty(error.body, 'error'),
      typeof after === 'string' ? after : null,
      context,
    )
  }
  return noAnswer(error instanceof WebAPIRequestError ? error.original : error, context)
}

function platform({ data }: WebAPIPlatformError, context: AttemptContext): FailedOutcome {
  const { messages, retryAfter } = data.response_metadata ?? {}
  const outcome = byName(ownProperty(data, 'error'), context)
  if (outcome === null) return unrecognised
  if (outcome.kind === 'retry' && retryAfter !== undefined) return { ...outcome, after: retryAfter * 1000 }
  if (messages === undefined || messages.length === 0) return outcome
  return { ...outcome, reason: `${outcome.reason}: ${messages.join('; ')}` }
}

/** The answer may not be Slack's, and the message may have been taken. */
const unrecognised = { kind: 'ambiguous', reason: 'unrecognised answer' } as const

/** An error name in an answer says more than its status. */
function byStatus(
  status: number,
  name: unknown,
  retryAfter: string | null,
  context: AttemptContext,
): FailedOutcome {
  const named = isKnown(name) ? byName(name, context) : null
  if (named !== null && named.kind !== 'retry') return named
  if (named === null && isSuccess(status)) return unrecognised
  const reason = isName(name) ? `HTTP ${status}: ${name}` : `HTTP ${status}`
  // A server or a gateway that fails may have passed the message on before. 503 says that it did not begin.
  if (named === null && status >= 500 && status !== 503) return { kind: 'ambiguous', reason }
  const outcome: FailedOutcome = { kind: 'retry', reason }
  const after = milliseconds(retryAfter)
  return after === 0 ? outcome : { ...outcome, after }
}

function byName(name: unknown, { target }: Pick<AttemptContext, 'target'>): FailedOutcome | null {
  if (!isName(name)) return null
  const hint = hintOf(name, target)
  if (hint !== null) return { kind: 'park', reason: `${name}: ${hint}` }
  if (name.startsWith('restricted_action')) return byName('restricted_action', { target })
  if (refused.has(name)) return { kind: 'refuse', reason: name }
  return { kind: ambiguous.has(name) ? 'ambiguous' : 'retry', reason: name }
}

function isKnown(name: unknown): boolean {
  return (
    isName(name) &&
    (Object.hasOwn(hints, name) || refused.has(name) || ambiguous.has(name) || temporary.has(name))
  )
}

// WebClient gives an answer that is not Slack's, such as a proxy's page, as the name of an error.
function isName(name: unknown): name is string {
  return typeof name === 'string' && /^[a-z0-9_]{1,64}$/.test(name)
}

function noAnswer(error: unknown, { timeout }: AttemptContext): FailedOutcome {
  if (error instanceof UnrecognisedAnswer) return unrecognised
  const code = codeOf(error)
  const text = error instanceof Error ? error.message : ''
  const call = isObject(error) ? ownProperty(error, 'syscall') : undefined
  if (NEVER_SENT.test(code) || call === 'connect' || call === 'getaddrinfo' || TLS_NEVER_MADE.test(text)) {
    return { kind: 'retry', reason: `cannot connect: ${code}` }
  }
  if (/Timeout/.test(error instanceof Error ? error.name : '') || /TIMEOUT|ETIMEDOUT/.test(code)) {
    return { kind: 'ambiguous', reason: `no answer within ${timeout} ms` }
  }
  const words = code === '' ? text : code
  return { kind: 'ambiguous', reason: `the connection was lost before the answer: ${words}` }
}

function codeOf(error: unknown): string {
  const code: unknown = isObject(error) ? ownProperty(error, 'code') : undefined
  return typeof code === 'string' ? code : ''
}

function milliseconds(retryAfter: string | null): number {
  return retryAfter !== null && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) * 1000 : 0
}

function clean<Kind extends FailedOutcome>(outcome: Kind, secrets: readonly Secret[]): Kind {
  return { ...outcome, reason: remoteWords(outcome.reason, secrets) }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}
