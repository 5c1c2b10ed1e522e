/** The headers that every answer carries, whoever makes it. Nothing here is for a browser. */
import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http'

// An import of node:http would ask for all that it has, and so load Node's WebSocket at each start.
const { ServerResponse } = process.getBuiltinModule('node:http')

const hardening = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const

/** As lines of a raw answer. */
export const hardeningLines = Object.entries(hardening)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('')

type Head = OutgoingHttpHeaders | OutgoingHttpHeader[]

/**
 * Adds them where every answer passes: Fastify's, its errors', and Node's own, for a missing Host or an Expect that it
 * does not know. An object given to writeHead is the cheapest way that Node has.
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
