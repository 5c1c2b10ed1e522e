/** `POST /-/reload`, where Prometheus and its kin have it: for whoever has the admin token. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Secret } from '../core/secret.ts'
import type { Observe } from '../pipeline/fact.ts'
import { sendError } from './errors.ts'
import type { Gate } from './limits/gate.ts'

export interface AdminDeps extends ReloadDeps {
  /** Undefined where nobody may. */
  readonly adminToken: () => Secret | undefined
}

export interface ReloadDeps {
  readonly reload: () => Promise<ReloadAnswer>
}

const RELOAD = '/-/reload'

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

export function adminRoutes(
  scope: FastifyInstance,
  { adminToken, reload, gate, observe }: AdminDeps & { readonly gate: Gate; readonly observe: Observe },
): void {
  scope.addHook('onRequest', (request, reply, done) => {
    const token = adminToken()
    if (token !== undefined && isBearer(request.headers.authorization, token)) return done()
    if (!gate.admit(request, reply, request.ip, false, () => false)) return
    // The body was not read: the connection cannot be used again.
    reply.header('connection', 'close')
    if (token === undefined) {
      gate.refuse(request, reply, 'not_found')
      return
    }
    observe({ kind: 'rejected', source: RELOAD, code: 'unauthorized', address: request.ip })
    reply.header('www-authenticate', 'Bearer')
    gate.refuse(request, reply, 'unauthorized')
  })
  reloadRoute(scope, { reload })
}

/** For whoever reaches it. */
export function reloadRoute(scope: FastifyInstance, { reload }: ReloadDeps): void {
  // There is nothing to say in a body; whatever a client puts there is read and forgotten.
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null))
  scope.post(RELOAD, async (_request, reply) => {
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
