import { Server, type Socket } from 'node:net'
import fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  LogController,
} from 'fastify'
import { type ErrorCode, errors } from '../core/errors.ts'
import { type AdminDeps, adminRoutes } from './admin.ts'
import { sendError, statuses } from './errors.ts'
import { HardenedResponse, hardeningLines } from './hardening.ts'
import { type HealthDeps, healthRoutes } from './health.ts'
import { affordable, boundConnections } from './limits/connections.ts'
import { createGate, type GateDeps, targetOf } from './limits/gate.ts'
import { type WebhookDeps, webhookRoutes } from './webhooks.ts'

export interface ServerDeps extends HealthDeps, WebhookDeps, AdminDeps, GateDeps {
  readonly log: FastifyBaseLogger
  /** Whether `limits.trustProxy` lists the peer. */
  readonly isProxy: (peer: string) => boolean
  /** Counts the errors that requests are answered with. */
  readonly refused: (code: ErrorCode) => void
  readonly limits: ServerLimits
}

export interface ServerLimits {
  /** Bytes. */
  readonly bodyLimit: number
  /** Milliseconds in which a whole request must have arrived. */
  readonly requestTimeout: number
  /** Addresses whose X-Forwarded-For is believed. */
  readonly trustProxy: string | string[] | false
  readonly maxConnections: number
}

/** No route has a schema. Fastify would load its compilers for them at each start, which are not in the package. */
export const withoutSchemas = { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } }

function noSchemas(): never {
  throw new Error('routes are not described by schemas here')
}

const KEEP_ALIVE_TIMEOUT = 5_000
const TIMEOUTS_CHECKED_EVERY = 1_000
const ARRIVES_WITHIN = 100
// Past the time that a request may take: for a client that does not read its answer.
const IDLE_GRACE = 5_000

const fastifyErrors: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad_request',
  FST_ERR_BAD_URL: 'bad_request',
  FST_ERR_MAX_PARAM_LENGTH: 'not_found',
}

/** Builds the HTTP server; the caller listens. */
export function createServer(deps: ServerDeps): FastifyInstance {
  const { log, limits, observe, isProxy } = deps
  const gate = createGate(deps)
  // Behind a proxy nobody knows whose request it was.
  const mayGoOn = ({ remoteAddress }: Socket) =>
    remoteAddress === undefined || isProxy(remoteAddress) || gate.failed(remoteAddress)
  const server = fastify({
    loggerInstance: log,
    // Every request's fate is logged once, as a fact of the pipeline.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.bodyLimit,
    trustProxy: limits.trustProxy,
    requestTimeout: limits.requestTimeout,
    connectionTimeout: limits.requestTimeout + IDLE_GRACE,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
    // Requests that come while the server stops are still answered; preClose makes each the last of its connection.
    return503OnClosing: false,
    schemaController: withoutSchemas,
    http: {
      headersTimeout: limits.requestTimeout,
      connectionsCheckingInterval: TIMEOUTS_CHECKED_EVERY,
      ServerResponse: HardenedResponse,
    },
    clientErrorHandler: (error, socket) => answerRaw(error, socket, mayGoOn, deps.refused),
    frameworkErrors: (error, request, reply) => {
      // Fastify gives such a request no address but its connection's.
      mayGoOn(request.socket)
      return sendError(reply.header('connection', 'close'), codeOf(error))
    },
  })
  const connections = boundConnections(
    server.server,
    affordable(limits.maxConnections),
    (address) => isProxy(address) || gate.knows(address),
  )

  server.decorate('refused', deps.refused)
  lastAnswersOnClose(server)
  server.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) return done()
    // Nobody reads a body for which there is nothing.
    if (!gate.admit(request, reply, request.ip, false, () => false)) return
    reply.header('connection', 'close')
    gate.refuse(request, reply, 'not_found')
  })
  // What the hook has not answered: never, but Fastify's own words would be others.
  server.setNotFoundHandler((request, reply) => gate.refuse(request, reply, 'not_found'))
  server.setErrorHandler((error: FastifyError, request, reply) => {
    const source = targetOf(request)
    if (error.code === 'ECONNRESET') {
      // The body did not come whole: nobody hears an answer, and what came too late has had its own.
      reply.hijack()
      gate.failed(request.ip)
      observe({ kind: 'rejected', source, code: 'request_timeout', address: request.ip })
      return
    }
    const code = codeOf(error)
    if (code === 'internal') request.log.error({ err: error }, 'unexpected error')
    observe({ kind: 'rejected', source, code, address: request.ip })
    return gate.refuse(request, reply, code)
  })
  healthRoutes(server, deps)
  server.register(async (scope) => webhookRoutes(scope, { ...deps, gate, connections }))
  server.register(async (scope) => adminRoutes(scope, { ...deps, gate }))
  return server
}

/** While it stops, each answer is the last of its connection. */
export function lastAnswersOnClose(server: FastifyInstance): void {
  let closing = false
  server.addHook('preClose', (done) => {
    closing = true
    // Accepts no more, and closes nothing yet: Node takes a connection whose first request it has not read for an idle one.
    Server.prototype.close.call(server.server)
    server.server.getConnections((_error, open) => setTimeout(done, open === 0 ? 0 : ARRIVES_WITHIN))
  })
  server.addHook('onSend', (_request, reply, payload, done) => {
    if (closing) reply.header('connection', 'close')
    done(null, payload)
  })
}

export function codeOf(error: FastifyError): ErrorCode {
  return fastifyErrors[error.code] ?? (error.statusCode === 400 ? 'bad_request' : 'internal')
}

/** A request that is not HTTP, or never arrived whole, has no reply object: this writes the answer itself. */
function answerRaw(
  error: Error & { code?: string },
  socket: Socket,
  mayGoOn: (socket: Socket) => boolean,
  refused: ServerDeps['refused'],
): void {
  if (error.code === 'ECONNRESET' || !socket.writable || !mayGoOn(socket)) {
    socket.destroy()
    return
  }
  const code: ErrorCode = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request_timeout' : 'bad_request'
  refused(code)
  const status = statuses[code]
  const body = JSON.stringify({ error: code, message: errors[code] })
  const phrase = status === 408 ? 'Request Timeout' : 'Bad Request'
  socket.end(
    `HTTP/1.1 ${status} ${phrase}\r\n${hardeningLines}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}
