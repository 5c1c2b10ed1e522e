/** What Node would refuse by itself: with an empty answer, and without anyone hearing of it. The service does so instead. */
import type { IncomingMessage, Server } from 'node:http'
import type { ErrorCode } from '../core/errors.ts'

/** For Fastify's option `http`. */
export const passedOn = { requireHostHeader: false } as const

/** Says which error a request must be refused with; null for nearly all. */
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
