/** The admin endpoints on a Unix socket, without a token: the file's permissions decide who may use them. */
import { lstatSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import fastify, { type FastifyBaseLogger, type FastifyError, LogController } from 'fastify'
import type { ErrorCode } from '../core/errors.ts'
import { type ReloadRouteDeps, reloadRoute } from './admin.ts'
import { sendError } from './errors.ts'
import { HardenedResponse } from './hardening.ts'
import { type HealthDeps, healthRoutes } from './health.ts'
import { codeOf, lastAnswersOnClose, type ServerLimits, withoutSchemas } from './server.ts'

/** The message says why the socket cannot be opened, and is for the operator. */
export class AdminSocketRefused extends Error {}

interface AdminSocketDeps extends HealthDeps, ReloadRouteDeps {
  readonly log: FastifyBaseLogger
  readonly limits: Pick<ServerLimits, 'requestTimeout'>
  /** Counts error responses. */
  readonly countError: (code: ErrorCode) => void
}

export interface AdminSocket {
  /** Answers requests that have arrived, and removes the socket. */
  close(): Promise<void>
  closeAllConnections(): void
}

/** Listens at a path, only for the service's user and root. Throws AdminSocketRefused. */
export async function openAdminSocket(path: string, deps: AdminSocketDeps): Promise<AdminSocket> {
  const server = fastify({
    loggerInstance: deps.log,
    logController: new LogController({ disableRequestLogging: true }),
    requestTimeout: deps.limits.requestTimeout,
    return503OnClosing: false,
    schemaController: withoutSchemas,
    http: { headersTimeout: deps.limits.requestTimeout, ServerResponse: HardenedResponse },
    frameworkErrors: (error, _request, reply) => sendError(reply, codeOf(error)),
  })
  server.decorate('countError', deps.countError)
  lastAnswersOnClose(server)
  server.setNotFoundHandler((_request, reply) => sendError(reply, 'not_found'))
  server.setErrorHandler((error: FastifyError, request, reply) => {
    const code = codeOf(error)
    if (code === 'internal') request.log.error({ err: error }, 'unexpected error')
    return sendError(reply, code)
  })
  healthRoutes(server, deps)
  server.register(async (scope) => reloadRoute(scope, deps))
  await removeStaleSocket(path)
  await server.ready()
  // The socket is created within the call to listen, with its final permissions from the first moment.
  const umask = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.server.once('error', reject)
      server.server.listen(path, resolve)
      process.umask(umask)
    })
  } catch (error) {
    process.umask(umask)
    await server.close()
    throw new AdminSocketRefused(
      `cannot listen on server.admin_socket ${path} (${reasonOf(error)}): its folder must exist, and this user must be allowed to write there`,
    )
  }
  return {
    close: () => server.close(),
    closeAllConnections: () => server.server.closeAllConnections(),
  }
}

/** Removes a socket that a killed process left behind. One that is in use, or any other file, is kept. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) {
    throw new AdminSocketRefused(
      `server.admin_socket: ${path} exists and is not a socket; move it, or name another path`,
    )
  }
  const code = await tryConnecting(path)
  if (code === null) {
    throw new AdminSocketRefused(
      `another process answers at server.admin_socket ${path}; stop it, or name another path`,
    )
  }
  if (code !== 'ECONNREFUSED' && code !== 'ENOENT') {
    throw new AdminSocketRefused(
      `server.admin_socket: cannot find out whether ${path} is in use (${code}); remove it, or name another path`,
    )
  }
  if (code === 'ECONNREFUSED') unlinkSync(path)
}

/** Null if something answers, else the error's code. */
function tryConnecting(path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(null)
    })
    socket.once('error', (error) => resolve(reasonOf(error)))
  })
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
