import type { FastifyReply, FastifyRequest } from 'fastify'
import { type ErrorCode, unverified } from '../core/errors.ts'
import { bareAddress } from '../core/receiving/addresses.ts'
import type { Observe } from '../pipeline/fact.ts'
import { sendError } from './errors.ts'
import type { Failures } from './limits/failures.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The sender's id of the message, unverified, for the log; empty if its headers name none. */
    messageId: string
  }
}

/** What is reported about a refusal, in addition to its code. */
export interface RefusalDetails {
  /** More precise than the code's message; sent to the client. */
  readonly message?: string
  /** Only for the log. */
  readonly hint?: string
}

/** Refuses a request: observes it, counts it against its address if it was not verified, and answers. */
export type Refuse = (
  request: FastifyRequest,
  reply: FastifyReply,
  code: ErrorCode,
  details?: RefusalDetails,
) => FastifyReply

export function createRefuse(failures: Failures, observe: Observe): Refuse {
  return (request, reply, code, { message, hint } = {}) => {
    observeRefusal(request, code, failures, observe, hint ?? message)
    // If the body was not read, the connection cannot be used again.
    if (!request.raw.complete) reply.header('connection', 'close')
    if (code !== 'rate_limited') return sendError(reply, code, message === undefined ? {} : { message })
    return sendError(reply, code, {}, Math.ceil(failures.wait(addressOf(request)) / 1000))
  }
}

/** Refuses a request that cannot be answered because its client has disconnected. */
export function observeRefusal(
  request: FastifyRequest,
  code: ErrorCode,
  failures: Failures,
  observe: Observe,
  hint?: string,
): void {
  const { messageId, method } = request
  const address = addressOf(request)
  if (unverified.has(code)) failures.failed(address)
  observe({
    kind: 'rejected',
    source: nameOf(request),
    code,
    address,
    ...(messageId !== '' && { messageId }),
    method,
    path: pathOf(request.url),
    ...(hint !== undefined && { hint }),
  })
}

/** For a path that is nearly that of a source. */
export function hintOf(intended: string | undefined): RefusalDetails {
  return intended === undefined ? {} : { hint: `the sender should use the path ${intended}` }
}

// Longer than the path of any webhook.
const MAX_PATH_LENGTH = 200

/** Without the query, which may hold a secret. */
export function pathOf(url: string): string {
  return (url.split('?', 1)[0] ?? '').slice(0, MAX_PATH_LENGTH)
}

/** The client's address; empty if the connection ended before it was read. */
export function addressOf({ ip }: { readonly ip: string | undefined }): string {
  return ip === undefined ? '' : bareAddress(ip)
}

/** The source, or the route of a request that is for none. */
function nameOf({ params, routeOptions }: FastifyRequest): string {
  const source = typeof params === 'object' && params !== null && 'source' in params ? params.source : null
  return typeof source === 'string' ? source : (routeOptions.url ?? '')
}
