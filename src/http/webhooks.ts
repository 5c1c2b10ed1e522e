import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode } from '../core/errors.ts'
import type { Observe } from '../pipeline/fact.ts'
import type { Receive, Received, SourceDeps } from '../pipeline/receive.ts'
import { sendError, statuses } from './errors.ts'
import type { Connections } from './limits/connections.ts'
import { type Gate, targetOf } from './limits/gate.ts'
import { createPlaces } from './limits/places.ts'

export interface WebhookDeps {
  /** Whether a sender says that it sends from there. */
  readonly isPublished: (address: string) => boolean
  readonly receive: Receive
  readonly now: () => number
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
  readonly sources: ReadonlyMap<string, SourceDeps>
}

interface RoutesDeps extends WebhookDeps {
  readonly gate: Gate
  readonly connections: Connections
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
export function webhookRoutes(scope: FastifyInstance, deps: RoutesDeps): void {
  const { gate, observe, now, load, isPublished } = deps
  const places = createPlaces<FastifyRequest>((request) => {
    gate.failed(request.ip)
    observe({
      kind: 'rejected',
      source: targetOf(request),
      code: 'request_timeout',
      address: request.ip,
    })
    request.raw.destroy()
  })

  function leave(request: FastifyRequest): void {
    places.leave(request)
    load.pending = places.size
  }

  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(
    /^application\/(?:[\w.-]+\+)?json\b/,
    { parseAs: 'buffer' },
    (_request, body, done) => done(null, body),
  )
  scope.addHook<SourceParams>('onRequest', (request, reply, done) => {
    const { allowLists, sources, maxPending } = deps.settings()
    const { source } = request.params
    // Fastify works it out anew each time it is asked.
    const address = request.ip
    const allows = allowLists.get(source)
    const unfit = misfit(allows, address)
    const mayVerify = unfit === null && sources.get(source)?.verifier.claims(request.headers) === true
    const isVouched = () => (allows !== undefined && allows !== null) || isPublished(address)
    if (!gate.admit(request, reply, address, mayVerify, isVouched)) return
    const known = mayVerify && (gate.knows(address) || isVouched())
    const refusal = unfit ?? (places.take(request, known, maxPending, now()) ? null : 'overloaded')
    if (refusal !== null) {
      observe({ kind: 'rejected', source, code: refusal, address })
      // The body was not read: the connection cannot be used again.
      reply.header('connection', 'close')
      gate.refuse(request, reply, refusal)
      return
    }
    load.pending = places.size
    reply.raw.once('close', () => leave(request))
    done()
  })
  // Not when the answer has been read: whoever reads none would keep the place.
  scope.addHook('onSend', (request, _reply, payload, done) => {
    leave(request)
    done(null, payload)
  })
  scope.post<SourceParams>('/webhooks/:source', async (request, reply) => {
    places.arrived(request)
    const address = request.ip
    const received = await deps.receive({
      source: request.params.source,
      headers: request.headers,
      body: Buffer.isBuffer(request.body) ? request.body : NO_BODY,
      address,
      age: reply.elapsedTime,
    })
    if (received.kind === 'rejected') return gate.refuse(request, reply, received.code)
    gate.verified(address)
    deps.connections.touch(request.raw.socket)
    return answer(reply, received)
  })
}

function misfit(
  allows: ((address: string) => boolean) | null | undefined,
  address: string,
): ErrorCode | null {
  if (allows === undefined) return 'unknown_source'
  return allows === null || allows(address) ? null : 'address_not_allowed'
}

function answer(reply: FastifyReply, received: Exclude<Received, { kind: 'rejected' }>): FastifyReply {
  switch (received.kind) {
    case 'stored':
      return reply.code(accepted.stored).send({ id: received.id })
    case 'duplicate':
      return reply.code(accepted.duplicate).send({ id: received.id, duplicate: true })
    case 'quarantined':
      // The body will not get better: ask the sender, which has proven who it is, not to repeat it.
      reply.header('webhook-delivery', 'abort-message')
      return sendError(reply, received.code)
  }
}
