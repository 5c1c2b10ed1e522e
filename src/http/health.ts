import type { FastifyInstance } from 'fastify'

export interface HealthParts {
  /** What keeps the service from doing its work now, in words; empty when it is ready. */
  readonly notReady: () => readonly string[]
  readonly metrics: { readonly contentType: string; readonly text: () => Promise<string> }
}

export function healthRoutes(server: FastifyInstance, parts: HealthParts): void {
  server.get('/livez', async () => ({ status: 'ok' }))
  server.get('/readyz', async (_request, reply) => {
    const problems = parts.notReady()
    if (problems.length === 0) return { status: 'ready' }
    return reply.code(503).send({ status: 'not ready', problems })
  })
  server.get('/metrics', async (_request, reply) => {
    return reply.type(parts.metrics.contentType).send(await parts.metrics.text())
  })
}
