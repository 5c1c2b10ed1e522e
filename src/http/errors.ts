import type { FastifyReply } from 'fastify'
import { type ErrorCode, errors } from '../core/errors.ts'

/** The HTTP status of every error code. Never 410: Svix would disable the endpoint. */
export const statuses = {
  bad_request: 400,
  invalid_utf8: 400,
  invalid_json: 400,
  no_event_type: 400,
  not_planned: 500,
  missing_signature: 401,
  malformed_signature: 401,
  timestamp_out_of_range: 401,
  wrong_signature: 401,
  unauthorized: 401,
  address_not_allowed: 403,
  unknown_source: 404,
  not_found: 404,
  method_not_allowed: 405,
  body_too_large: 413,
  unsupported_media_type: 415,
  unsupported_encoding: 415,
  expectation_failed: 417,
  reload_failed: 422,
  request_timeout: 408,
  rate_limited: 429,
  overloaded: 429,
  store_unavailable: 503,
  stopping: 503,
  internal: 500,
} as const satisfies Record<ErrorCode, number>

declare module 'fastify' {
  interface FastifyInstance {
    /** Counts an error response. */
    countError(code: ErrorCode): void
  }
}

const RETRY_AFTER_SECONDS = 5

/**
 * Answers with an error. `details`: further fields, for clients that are authorized, or a more precise message.
 * `retryAfter`: seconds.
 */
export function sendError(
  reply: FastifyReply,
  code: ErrorCode,
  details: Readonly<Record<string, unknown>> = {},
  retryAfter = RETRY_AFTER_SECONDS,
): FastifyReply {
  const status = statuses[code]
  reply.server.countError(code)
  if (status === 429 || status === 503) reply.header('retry-after', retryAfter)
  return reply.code(status).send({ error: code, message: errors[code], ...details })
}
