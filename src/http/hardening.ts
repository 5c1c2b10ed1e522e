/** Security headers on every answer. No answer is meant for a browser. */
import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http'

// An import of node:http reads all its exports, one of which loads Node's WebSocket.
const { ServerResponse } = process.getBuiltinModule('node:http')

const hardening = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const

/** As header lines, for an answer that is written to a socket. */
export const hardeningLines = Object.entries(hardening)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('')

type Head = OutgoingHttpHeaders | OutgoingHttpHeader[]

/**
 * Adds the headers to every answer, Fastify's and Node's own. Passing them to writeHead is the cheapest way in Node.
 */
export class HardenedResponse<
  Request extends IncomingMessage = IncomingMessage,
> extends ServerResponse<Request> {
  override writeHead(status: number, phrase?: string | Head, headers?: Head): this {
    const given = typeof phrase === 'string' ? headers : phrase
    const all = Array.isArray(given)
      ? [...Object.entries(hardening).flat(), ...given]
      : { ...hardening, ...given }
    return typeof phrase === 'string' ? super.writeHead(status, phrase, all) : super.writeHead(status, all)
  }
}
