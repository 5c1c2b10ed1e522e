import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode } from '../core/errors.ts'
import type { Receive, Received, ReceiveSettings } from '../pipeline/receive.ts'
import type { RequestHeaders, SignatureHeaders } from '../sources/svix.ts'
import { sendError, statuses } from './errors.ts'
import type { Failures } from './limits/failures.ts'
import { intendedPath } from './paths.ts'
import { addressOf, hintOf, pathOf, type RefusalDetails, type Refuse } from './refuse.ts'

export interface WebhookDeps {
  readonly readSignature: (headers: RequestHeaders) => SignatureHeaders
  /** Whether Svix publishes the address as one of its own. */
  readonly isPublished: (address: string) => boolean
  /** Whether the address is a private one, not routed on the internet. */
  readonly isPrivate: (address: string) => boolean
  readonly receive: Receive
  /** Called once for each request. */
  readonly settings: () => WebhookSettings
  readonly inFlight: InFlight
}

/** Webhook requests being handled now. */
export interface InFlight {
  count: number
}

export interface WebhookSettings extends ReceiveSettings {
  /** The in-flight limit: beyond it, requests are answered 429. */
  readonly maxPending: number
}

interface RoutesDeps extends WebhookDeps {
  readonly failures: Failures
  readonly refuse: Refuse
}

interface SourceParams {
  readonly Params: { readonly source: string }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** For a webhook request that was admitted; null for others. */
    webhook: Head | null
  }
}

/** What is read once for each request, before its body. */
interface Head {
  readonly settings: WebhookSettings
  readonly signature: SignatureHeaders
  readonly address: string
  /** The bytes reserved for its body. */
  readonly bytes: number
  isInFlight: boolean
}

const NO_BODY = Buffer.alloc(0)
const accepted = { stored: 202, duplicate: 200 } as const

/** The HTTP status of every outcome. */
export function statusOf(outcome: keyof typeof accepted | ErrorCode): number {
  return outcome === 'stored' || outcome === 'duplicate' ? accepted[outcome] : statuses[outcome]
}

// Bodies up to this size are always accepted: the in-flight limit bounds them.
const SMALL_BODY_BYTES = 16_384
/** Larger bodies may use this much memory at once, however many requests are in flight. */
const LARGE_BODIES_BYTES = 64 * 1_024 * 1_024

/** `POST /webhooks/<source>`: runs the checks in order of their cost, then passes on the unchanged body. */
export function webhookRoutes(scope: FastifyInstance, deps: RoutesDeps): void {
  const { failures, refuse, inFlight } = deps
  const bodyLimit = scope.initialConfig.bodyLimit ?? 0
  let reserved = 0
  // Kept on the request itself: entries of a Map or WeakMap would survive minor garbage collections.
  scope.decorateRequest('webhook', null)
  const enter = (request: FastifyRequest, head: Head) => {
    request.webhook = head
    reserved += head.bytes
    inFlight.count += 1
  }
  const leave = ({ webhook: head }: FastifyRequest) => {
    if (!head?.isInFlight) return
    head.isInFlight = false
    reserved -= head.bytes
    inFlight.count -= 1
  }

  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(
    /^application\/(?:[\w.-]+\+)?json\b/,
    { parseAs: 'buffer' },
    (_request, body, done) => done(null, body),
  )
  scope.addHook<SourceParams>('onRequest', (request, reply, done) => {
    const settings = deps.settings()
    const signature = deps.readSignature(request.headers)
    const address = addressOf(request)
    request.messageId = signature.messageId
    const bytes = reservationFor(request.headers, bodyLimit)
    const refusal = refusalOf(request, address, signature, settings, bytes)
    if (refusal !== null) {
      refuse(request, reply, refusal, detailsOf(refusal, request, settings))
      return
    }
    enter(request, { settings, signature, address, bytes, isInFlight: true })
    reply.raw.once('close', () => leave(request))
    done()
  })
  // Not only when the answer has been read, or a client that does not read would count for as long as it stays connected.
  scope.addHook('onSend', (request, _reply, payload, done) => {
    leave(request)
    done(null, payload)
  })
  scope.post<SourceParams>('/webhooks/:source', async (request, reply) => {
    const head = request.webhook
    if (head === null) throw new Error('the onRequest hook did not run')
    const { traceparent } = request.headers
    const received = await deps.receive(
      {
        source: request.params.source,
        signature: head.signature,
        body: Buffer.isBuffer(request.body) ? request.body : NO_BODY,
        age: reply.elapsedTime,
        traceparent: typeof traceparent === 'string' ? traceparent : undefined,
      },
      head.settings,
    )
    if (received.kind === 'rejected') return refuse(request, reply, received.code, clockDetails(received))
    // Anyone can repeat a captured request: only a new one proves that the address belongs to the sender.
    const isNew = received.kind === 'quarantined' ? !received.repeated : received.kind === 'stored'
    if (isNew) failures.verified(head.address)
    return answer(reply, received)
  })

  function refusalOf(
    request: FastifyRequest<SourceParams>,
    address: string,
    signature: SignatureHeaders,
    { sources, maxPending }: WebhookSettings,
    bytes: number,
  ): ErrorCode | null {
    const source = sources.get(request.params.source)
    const isAllowed = source === undefined || source.allows === null || source.allows(address)
    if (failures.wait(address) > 0) {
      const looksSigned = source !== undefined && isAllowed && signature.ok && signature.isRecent
      if (!looksSigned || !(source.allows !== null || isTrusted(request, address))) return 'rate_limited'
    }
    if (source === undefined) return 'unknown_source'
    if (!isAllowed) return 'address_not_allowed'
    if (isEncoded(request.headers['content-encoding'])) return 'unsupported_encoding'
    const isFull = inFlight.count >= maxPending || (bytes > 0 && reserved + bytes > LARGE_BODIES_BYTES)
    return isFull ? 'overloaded' : null
  }

  /** Whether signed requests are known to come from an address: requests that look signed are then always verified. */
  function isTrusted(request: FastifyRequest, address: string): boolean {
    return failures.hasVerified(address) || deps.isPublished(address) || isUnlistedProxy(request, address)
  }

  /** A proxy that `trust_proxy` does not list: all clients, including the sender, then share its address. */
  function isUnlistedProxy({ headers, socket }: FastifyRequest, address: string): boolean {
    return (
      headers['x-forwarded-for'] !== undefined && socket.remoteAddress === address && deps.isPrivate(address)
    )
  }
}

/** The bytes to reserve for a body: its Content-Length, or else the limit. */
function reservationFor({ 'content-length': length }: IncomingHttpHeaders, bodyLimit: number): number {
  const bytes = length === undefined ? bodyLimit : Math.min(Number(length), bodyLimit)
  return bytes > SMALL_BODY_BYTES ? bytes : 0
}

function isEncoded(encoding: string | undefined): boolean {
  return encoding !== undefined && !/^(?:identity)?$/i.test(encoding.trim())
}

function clockDetails({ skewSeconds }: { readonly skewSeconds?: number }): RefusalDetails {
  if (skewSeconds === undefined) return {}
  const message =
    skewSeconds > 0
      ? `the request was signed ${skewSeconds} s before the time here: the clock here is ahead, or the request is an old one`
      : `the request was signed ${-skewSeconds} s after the time here: the clock here is behind, or the sender's is ahead`
  return { message }
}

function detailsOf(
  code: ErrorCode,
  { url }: FastifyRequest,
  { sources }: WebhookSettings,
): RefusalDetails | undefined {
  return code === 'unknown_source' ? hintOf(intendedPath(pathOf(url), sources.keys())) : undefined
}

function answer(reply: FastifyReply, received: Exclude<Received, { kind: 'rejected' }>): FastifyReply {
  switch (received.kind) {
    case 'stored':
      return reply.code(accepted.stored).send({ id: received.id })
    case 'duplicate':
      return reply.code(accepted.duplicate).send({ id: received.id, duplicate: true })
    case 'quarantined':
      // The same body would fail again: ask the sender, which is verified, not to repeat it.
      reply.header('webhook-delivery', 'abort-message')
      return sendError(reply, received.code)
  }
}
