import { Server, type Socket } from 'node:net'
import fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import { type ErrorCode, errors } from '../core/errors.ts'
import type { Observe } from '../pipeline/fact.ts'
import { type AdminDeps, adminRoutes } from './admin.ts'
import { sendError, statuses } from './errors.ts'
import { HardenedResponse, hardeningLines } from './hardening.ts'
import { type HealthDeps, healthRoutes } from './health.ts'
import { affordableConnections } from './limits/connections.ts'
import { createFailures, type Failures, type FailuresDeps } from './limits/failures.ts'
import { watchPipelining } from './limits/pipelining.ts'
import { intendedPath, methodsOf } from './paths.ts'
import { addressOf, createRefuse, hintOf, observeRefusal, pathOf } from './refuse.ts'
import { passedOn, watchUnmet } from './unmet.ts'
import { type WebhookDeps, webhookRoutes } from './webhooks.ts'

export interface ServerDeps extends HealthDeps, WebhookDeps, AdminDeps, FailuresDeps {
  readonly log: FastifyBaseLogger
  readonly observe: Observe
  /** Whether `server.trust_proxy` lists a peer: the client's address is then in X-Forwarded-For. */
  readonly isProxy: (peer: string) => boolean
  /** Counts error responses. */
  readonly countError: (code: ErrorCode) => void
  readonly limits: ServerLimits
}

export interface ServerLimits {
  /** Bytes. */
  readonly bodyLimit: number
  /** Milliseconds in which a whole request must have arrived. */
  readonly requestTimeout: number
  /** Connections at once; further ones are closed immediately. */
  readonly maxConnections: number
}

/** No route has a schema, so that Fastify need not load its schema compilers, which are not in the package. */
export const withoutSchemas = { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } }

function noSchemas(): never {
  throw new Error('routes have no schemas here')
}

const KEEP_ALIVE_TIMEOUT_MS = 5_000
// Proxies keep connections for their next request. If they send it on one that is just being closed, they answer 502. Caddy
// keeps connections for two minutes, Google's load balancer for ten.
const PROXY_KEEP_ALIVE_TIMEOUT_MS = 620_000
const TIMEOUT_CHECK_INTERVAL_MS = 1_000
// How long requests that are on their way may still arrive while the server stops.
const ARRIVAL_GRACE_MS = 100
// Added to the time that a request may take, for a client that does not read its answer.
const UNREAD_GRACE_MS = 5_000

const fastifyErrors: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad_request',
  FST_ERR_BAD_URL: 'bad_request',
  FST_ERR_MAX_PARAM_LENGTH: 'not_found',
}

/** Builds the HTTP server; the caller listens. */
export function createServer(deps: ServerDeps): FastifyInstance {
  const { log, limits, observe } = deps
  const failures = createFailures(deps)
  const refuse = createRefuse(failures, observe)
  const refuseMalformed = createRefuseMalformed(deps, failures)
  const isTooMany = watchPipelining()
  const server = fastify({
    loggerInstance: log,
    // Every refusal and every event is logged once, as a fact of the pipeline.
    logController: new LogController({ disableRequestLogging: true }),
    // Each log line names its subject; a logger for each request would be relatively expensive.
    childLoggerFactory: (logger) => logger,
    bodyLimit: limits.bodyLimit,
    trustProxy: deps.isProxy,
    requestTimeout: limits.requestTimeout,
    connectionTimeout: limits.requestTimeout + UNREAD_GRACE_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    // Requests that come while the server stops are still answered; preClose makes each the last of its connection.
    return503OnClosing: false,
    schemaController: withoutSchemas,
    http: {
      headersTimeout: limits.requestTimeout,
      connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
      ServerResponse: HardenedResponse,
      ...passedOn,
    },
    clientErrorHandler: (error, socket) => answerRaw(error, socket, deps.countError, refuseMalformed),
    frameworkErrors: (error, request, reply) => {
      if (isCutOff(request, reply)) return reply
      const code = codeOf(error)
      refuseMalformed(request.socket, code, request)
      return sendError(reply.header('connection', 'close'), code)
    },
  })
  server.server.maxConnections = affordableConnections(limits.maxConnections)
  // Node looks the peer's address up when it is first read, which is too late once the client has disconnected.
  server.server.on('connection', (socket) => socket.remoteAddress)
  server.server.on('drop', (dropped) => {
    observe({ kind: 'rejected', source: '', code: 'overloaded', address: dropped?.remoteAddress ?? '' })
    deps.countError('overloaded')
  })

  // After Node has set its own timeout for the time until the next request.
  server.addHook('onResponse', ({ raw: { socket } }, _reply, done) => {
    if (deps.isProxy(socket.remoteAddress ?? '')) socket.setTimeout(PROXY_KEEP_ALIVE_TIMEOUT_MS)
    done()
  })

  server.decorate('countError', deps.countError)
  server.decorateRequest('messageId', '')
  lastAnswersOnClose(server)
  const unmetBy = watchUnmet(server.server)
  server.addHook('onRequest', (request, reply, done) => {
    if (isCutOff(request, reply)) return
    const unmet = unmetBy(request.raw)
    if (unmet === null && !request.is404) return done()
    // The body of a request that no route handles is not read.
    refuseUnrouted(request, reply, unmet)
  })
  // The hook above has answered already; this replaces Fastify's own answer in any other case.
  server.setNotFoundHandler((request, reply) => refuseUnrouted(request, reply, null))
  server.setErrorHandler((error: FastifyError, request, reply) => {
    if (error.code === 'ECONNRESET') {
      // The connection ended before the body was complete.
      reply.hijack()
      observeRefusal(request, 'request_timeout', failures, observe)
      return
    }
    const code = codeOf(error)
    if (code === 'internal') request.log.error({ err: error, path: pathOf(request.url) }, 'unexpected error')
    return refuse(request, reply, code)
  })
  healthRoutes(server, deps)
  server.register(async (scope) => webhookRoutes(scope, { ...deps, failures, refuse }))
  server.register(async (scope) => adminRoutes(scope, { ...deps, failures, refuse }))
  return server

  /** Ends a connection with too many requests at once; those that arrived with them are not handled. */
  function isCutOff(request: FastifyRequest, reply: FastifyReply): boolean {
    const { socket } = request.raw
    if (!socket.destroyed) {
      if (!isTooMany(request.raw, reply.raw)) return false
      refuseMalformed(socket, 'bad_request', request)
      deps.countError('bad_request')
      socket.destroy()
    }
    reply.hijack()
    return true
  }

  /**
   * Refuses a request for the reason that `unmet` gives, for a path that does not exist, or for a method that its path does not
   * support.
   */
  function refuseUnrouted(
    request: FastifyRequest,
    reply: FastifyReply,
    unmet: ErrorCode | null,
  ): FastifyReply {
    request.messageId = deps.readSignature(request.headers).messageId
    if (failures.wait(addressOf(request)) > 0) return refuse(request, reply, 'rate_limited')
    if (unmet !== null) return refuse(request, reply, unmet)
    const path = pathOf(request.url)
    const isOff = path === '/-/reload' && deps.adminToken() === undefined
    const allow = isOff ? undefined : methodsOf(path)
    if (allow !== undefined) return refuse(request, reply.header('allow', allow), 'method_not_allowed')
    const intended = intendedPath(path, deps.settings().sources.keys())
    return refuse(request, reply, 'not_found', hintOf(intended))
  }
}

/** False if the peer is over its limit of failures, so that it gets no answer. */
type RefuseMalformed = (
  socket: Socket,
  code: ErrorCode,
  request?: Pick<FastifyRequest, 'method' | 'url' | 'headers'>,
) => boolean

/** For something that never became a request: it counts against the peer, unless that is a proxy, which has many clients. */
function createRefuseMalformed(
  { isProxy, observe, readSignature }: ServerDeps,
  failures: Failures,
): RefuseMalformed {
  return ({ remoteAddress = '' }, code, request) => {
    const messageId = request === undefined ? '' : readSignature(request.headers).messageId
    const asked = request && {
      method: request.method,
      path: pathOf(request.url),
      ...(messageId !== '' && { messageId }),
    }
    // A request whose body is late is observed by its route, which knows the source.
    if (code !== 'request_timeout')
      observe({ kind: 'rejected', source: '', code, address: remoteAddress, ...asked })
    if (remoteAddress === '' || isProxy(remoteAddress)) return true
    const isWithinLimit = failures.wait(remoteAddress) === 0
    failures.failed(remoteAddress)
    return isWithinLimit
  }
}

/** While the server stops, each answer is the last of its connection. */
export function lastAnswersOnClose(server: FastifyInstance): void {
  let closing = false
  server.addHook('preClose', (done) => {
    closing = true
    // Stops listening, but closes no connection yet: Node treats a connection whose first request is not read as idle.
    Server.prototype.close.call(server.server)
    server.server.getConnections((_error, open) => {
      // What came while the process was late is read before `done` closes its connection as idle.
      setTimeout(() => setImmediate(done), open === 0 ? 0 : ARRIVAL_GRACE_MS)
    })
  })
  server.addHook('onSend', (_request, reply, payload, done) => {
    if (closing) reply.header('connection', 'close')
    done(null, payload)
  })
}

export function codeOf(error: FastifyError): ErrorCode {
  return fastifyErrors[error.code] ?? (error.statusCode === 400 ? 'bad_request' : 'internal')
}

/** A request that is not HTTP, or did not arrive in time, has no reply object: this writes the answer itself. */
function answerRaw(
  error: Error & { code?: string },
  socket: Socket,
  countError: ServerDeps['countError'],
  refuseMalformed: RefuseMalformed,
): void {
  const code: ErrorCode = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request_timeout' : 'bad_request'
  if (error.code === 'ECONNRESET' || !socket.writable || !refuseMalformed(socket, code)) {
    socket.destroy()
    return
  }
  countError(code)
  const status = statuses[code]
  const body = JSON.stringify({ error: code, message: errors[code] })
  const phrase = status === 408 ? 'Request Timeout' : 'Bad Request'
  socket.end(
    `HTTP/1.1 ${status} ${phrase}\r\n${hardeningLines}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}
