import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

export interface HealthDeps {
  /** Why the service is not ready, one sentence each; empty when it is. */
  readonly notReady: () => readonly string[]
  /** How the last reload ended; null before the first. */
  readonly lastReload: () => Readonly<Record<string, unknown>> | null
  readonly metrics: { readonly contentType: string; readonly text: () => Promise<string> }
}

// The answer is long, and Node buffers it until the client reads it: pipelined requests for it are bounded.
const MAX_UNREAD = 4

export function healthRoutes(server: FastifyInstance, deps: HealthDeps): void {
  server.get('/livez', async () => ({ status: 'ok' }))
  server.get('/readyz', async (_request, reply) => {
    const problems = deps.notReady()
    // A failed reload does not make the service unready: it keeps working with its old configuration.
    const last = deps.lastReload()
    const reload = last === null ? {} : { reload: last }
    if (problems.length === 0) return { status: 'ready', ...reload }
    return reply.code(503).send({ status: 'not ready', problems, ...reload })
  })
  const metricsText = shared(deps.metrics.text)
  const unread = new WeakMap<Socket, number>()
  server.get('/metrics', async (request, reply) => {
    const { socket } = request.raw
    const waiting = unread.get(socket) ?? 0
    if (waiting >= MAX_UNREAD) {
      socket.destroy()
      return reply.hijack()
    }
    unread.set(socket, waiting + 1)
    reply.raw.once('close', () => unread.set(socket, (unread.get(socket) ?? 1) - 1))
    return reply.type(deps.metrics.contentType).send(await metricsText())
  })
}

/** Callers that ask while the value is being computed share it. */
function shared<T>(make: () => Promise<T>): () => Promise<T> {
  let making: Promise<T> | undefined
  return () => {
    making ??= make().finally(() => {
      making = undefined
    })
    return making
  }
}
