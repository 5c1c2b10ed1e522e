import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode } from '../core/errors.ts'
import type { Observe } from '../pipeline/fact.ts'
import type { Receive, Received } from '../pipeline/receive.ts'
import { sendError, statuses } from './errors.ts'

export interface WebhookParts {
  readonly receive: Receive
  /** Asked once for each request. */
  readonly settings: () => WebhookSettings
  readonly observe: Observe
  readonly load: Load
}

export interface Load {
  /** Requests being handled now. */
  pending: number
}

/** What the configuration says of who may send, and how much at once. */
export interface WebhookSettings {
  /** By source: whether an address may send; null where every address may. */
  readonly allowLists: ReadonlyMap<string, ((address: string) => boolean) | null>
  /** Requests being handled at once, before others are told to come back. */
  readonly maxPending: number
}

interface SourceParams {
  readonly Params: { readonly source: string }
}

const NO_BODY = Buffer.alloc(0)
const accepted = { stored: 202, duplicate: 200 } as const

/** What a request is answered that ends so. */
export function statusOf(end: keyof typeof accepted | ErrorCode): number {
  return end === 'stored' || end === 'duplicate' ? accepted[end] : statuses[end]
}

/** `POST /webhooks/<source>`: the raw body, checked from the cheapest test to the dearest. */
export function webhookRoutes(scope: FastifyInstance, parts: WebhookParts): void {
  const { load } = parts

  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(
    /^application\/(?:[\w.-]+\+)?json\b/,
    { parseAs: 'buffer' },
    (_request, body, done) => done(null, body),
  )
  scope.addHook<SourceParams>('onRequest', (request, reply, done) => {
    const refusal = refuse(request)
    if (refusal !== null) {
      parts.observe({ kind: 'rejected', source: request.params.source, code: refusal, address: request.ip })
      // The body was not read: the connection cannot be used again.
      reply.header('connection', 'close')
      sendError(reply, refusal)
      return
    }
    load.pending += 1
    reply.raw.once('close', () => {
      load.pending -= 1
    })
    done()
  })
  scope.post<SourceParams>('/webhooks/:source', async (request, reply) => {
    const received = await parts.receive({
      source: request.params.source,
      headers: request.headers,
      body: Buffer.isBuffer(request.body) ? request.body : NO_BODY,
      address: request.ip,
      age: reply.elapsedTime,
    })
    return answer(reply, received)
  })

  function refuse(request: FastifyRequest<SourceParams>): ErrorCode | null {
    const { allowLists, maxPending } = parts.settings()
    const allows = allowLists.get(request.params.source)
    if (allows === undefined) return 'unknown_source'
    if (allows !== null && !allows(request.ip)) return 'address_not_allowed'
    return load.pending >= maxPending ? 'overloaded' : null
  }
}

function answer(reply: FastifyReply, received: Received): FastifyReply {
  switch (received.kind) {
    case 'stored':
      return reply.code(accepted.stored).send({ id: received.id })
    case 'duplicate':
      return reply.code(accepted.duplicate).send({ id: received.id, duplicate: true })
    case 'quarantined':
      // The body will not get better: ask the sender, which has proven who it is, not to repeat it.
      reply.header('webhook-delivery', 'abort-message')
      return sendError(reply, received.code)
    case 'rejected':
      return sendError(reply, received.code)
  }
}
