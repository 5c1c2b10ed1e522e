/** Requests that Node would refuse by itself, with an empty answer and without any record. The service refuses them instead. */
import type { IncomingMessage, Server } from 'node:http'
import type { ErrorCode } from '../core/errors.ts'

/** For Fastify's option `http`. */
export const passedOn = { requireHostHeader: false } as const

/** The error with which a request must be refused; null for nearly all requests. */
export type Unmet = (request: IncomingMessage) => ErrorCode | null

export function watchUnmet(server: Server): Unmet {
  const expecting = new WeakSet<IncomingMessage>()
  // Emitted in place of `request`, for any expectation but 100-continue.
  server.on('checkExpectation', (request, response) => {
    expecting.add(request)
    server.emit('request', request, response)
  })
  return (request) => {
    if (expecting.has(request)) return 'expectation_failed'
    // RFC 9112, section 3.2.
    return request.headers.host === undefined && request.httpVersion === '1.1' ? 'bad_request' : null
  }
}
