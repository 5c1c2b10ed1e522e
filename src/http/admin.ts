/** `POST /-/reload`, where Prometheus and its kin have it: for whoever has the admin token. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Secret } from '../core/secret.ts'
import { sendError } from './errors.ts'

export interface AdminParts {
  /** Undefined where nobody may. */
  readonly adminToken: () => Secret | undefined
  readonly reload: () => Promise<ReloadAnswer>
}

/** How a reload ended, as it is answered. */
export type ReloadAnswer =
  | {
      readonly ok: true
      /** The keys of the configuration that are different and take effect. */
      readonly changed: readonly string[]
      /** What takes effect only at the next start, and what is odd, in sentences. */
      readonly notices: readonly string[]
    }
  | {
      readonly ok: false
      readonly code: 'reload_failed' | 'stopping' | 'internal'
      /** One line a mistake. */
      readonly problems: readonly string[]
    }

export function adminRoutes(scope: FastifyInstance, { adminToken, reload }: AdminParts): void {
  // There is nothing to say in a body; whatever a client puts there is read and forgotten.
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null))
  scope.addHook('onRequest', (request, reply, done) => {
    const token = adminToken()
    if (token !== undefined && isBearer(request.headers.authorization, token)) return done()
    // The body was not read: the connection cannot be used again.
    reply.header('connection', 'close')
    if (token === undefined) {
      sendError(reply, 'not_found')
      return
    }
    request.log.warn({ address: request.ip }, 'reload refused: a wrong admin token, or none')
    reply.header('www-authenticate', 'Bearer')
    sendError(reply, 'unauthorized')
  })
  scope.post('/-/reload', async (_request, reply) => {
    const answer = await reload()
    if (!answer.ok) return sendError(reply, answer.code, { problems: answer.problems })
    return answer
  })
}

/** In a time that does not depend on how much of the token is right, or how long it is. */
function isBearer(header: string | undefined, token: Secret): boolean {
  const [, given = ''] = /^Bearer +(\S+) *$/i.exec(header ?? '') ?? []
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(token.reveal()))
}
