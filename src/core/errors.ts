/**
 * Every error code of an answer, and its message. The HTTP status of each is in http/errors.ts; docs/errors.md lists
 * them, and a test compares the three.
 */
export const errors = {
  bad_request: 'the request is not valid HTTP',
  invalid_utf8: 'the request verified, but its body is not valid UTF-8; it is kept in quarantine',
  invalid_json: 'the request verified, but its body is not a JSON object; it is kept in quarantine',
  no_event_type:
    "the request verified, but has no event type at the place that the source's event_type names; it is kept in quarantine",
  not_planned:
    'the request verified, but could not be routed because of an unexpected error; it is kept in quarantine',
  missing_signature:
    'the request has no complete set of svix-* or webhook-* headers (id, timestamp, signature)',
  malformed_signature: 'a signature header is malformed',
  timestamp_out_of_range:
    "the request was signed more than five minutes before or after the service's time; check both clocks",
  wrong_signature: "no signature matches any of the source's secrets",
  unauthorized: "the Authorization header does not contain the running service's server.admin_token",
  address_not_allowed: "the source's allow_ips does not list the sender's address",
  unknown_source: 'no source of this name is configured',
  not_found: 'there is nothing at this path',
  method_not_allowed:
    'this path accepts only the methods in the Allow header; a webhook URL accepts only signed POST requests from its sender',
  body_too_large: 'the body is larger than server.body_limit',
  unsupported_media_type: 'the body must be application/json',
  unsupported_encoding: 'the body is compressed (Content-Encoding); send it uncompressed, as it was signed',
  expectation_failed: 'the only supported value of the Expect header is 100-continue',
  reload_failed: 'the configuration on disk has mistakes; the one in effect stays',
  request_timeout: 'the request did not arrive in time',
  rate_limited:
    'too many requests from this address failed verification; try again after the time in Retry-After',
  overloaded: 'too many requests at once; try again after the time in Retry-After',
  store_unavailable: 'the event cannot be stored now; try again after the time in Retry-After',
  stopping: 'the service is stopping; try again after the time in Retry-After',
  internal: "an unexpected error; the service's log has the details",
} as const

export type ErrorCode = keyof typeof errors

/** The errors of requests that were not verified: each counts against the client's address. */
export const unverified: ReadonlySet<ErrorCode> = new Set([
  'bad_request',
  'missing_signature',
  'malformed_signature',
  'timestamp_out_of_range',
  'wrong_signature',
  'unauthorized',
  'address_not_allowed',
  'unknown_source',
  'not_found',
  'method_not_allowed',
  'body_too_large',
  'unsupported_media_type',
  'unsupported_encoding',
  'expectation_failed',
  'request_timeout',
])
