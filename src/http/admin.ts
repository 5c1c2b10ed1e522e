/** `POST /-/reload`, the path that Prometheus and Alertmanager use: for clients that have the admin token. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Secret } from '../core/secret.ts'
import { sendError } from './errors.ts'
import type { Failures } from './limits/failures.ts'
import { addressOf, type Refuse } from './refuse.ts'

export interface AdminDeps extends ReloadRouteDeps {
  /** Undefined if the route is off. */
  readonly adminToken: () => Secret | undefined
}

export interface ReloadRouteDeps {
  readonly reload: () => Promise<ReloadAnswer>
}

/** How a reload ended, as the response says it. */
export type ReloadAnswer =
  | {
      readonly ok: true
      /** The keys of the configuration that are different and take effect. */
      readonly changed: readonly string[]
      /** The keys that take effect only at the next start. */
      readonly pending: readonly string[]
      /** Sentences about each of `pending`, and about what needs attention. */
      readonly warnings: readonly string[]
    }
  | {
      readonly ok: false
      readonly code: 'reload_failed' | 'stopping' | 'internal'
      /** One line for each mistake. */
      readonly problems: readonly string[]
    }

export function adminRoutes(
  scope: FastifyInstance,
  {
    adminToken,
    reload,
    failures,
    refuse,
  }: AdminDeps & { readonly failures: Failures; readonly refuse: Refuse },
): void {
  scope.addHook('onRequest', (request, reply, done) => {
    const token = adminToken()
    // Checked before the limit, so that others who share an address cannot lock the operator out.
    if (token !== undefined && isBearer(request.headers.authorization, token)) return done()
    if (failures.wait(addressOf(request)) > 0) refuse(request, reply, 'rate_limited')
    else if (token === undefined) refuse(request, reply, 'not_found')
    else refuse(request, reply.header('www-authenticate', 'Bearer'), 'unauthorized')
  })
  reloadRoute(scope, { reload })
}

/** Without an authorization check of its own. */
export function reloadRoute(scope: FastifyInstance, { reload }: ReloadRouteDeps): void {
  // A body has no meaning here: it is read and ignored.
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null))
  scope.post('/-/reload', async (_request, reply) => {
    const answer = await reload()
    if (!answer.ok) return sendError(reply, answer.code, { problems: answer.problems })
    return answer
  })
}

/** Takes the same time whichever part of the token is right, and however long it is. */
function isBearer(header: string | undefined, token: Secret): boolean {
  const [, given = ''] = /^Bearer +(\S+) *$/i.exec(header ?? '') ?? []
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(token.reveal()))
}
