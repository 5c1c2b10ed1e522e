import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'

export type Listening =
  | { readonly host: string; readonly port: number }
  /** A socket that somebody else opened, and goes on listening on when this process ends. */
  | { readonly fd: number }

// Node would shorten the queue of the socket that it was given, and with it what waits while nobody accepts.
const AS_LONG_AS_THE_KERNEL_ALLOWS = 65_535

/** Resolves when the server accepts connections. Fails with the code EINVAL for what is no TCP socket. */
export async function accept(server: FastifyInstance, where: Listening): Promise<void> {
  if ('host' in where) {
    await server.listen(where)
    return
  }
  await server.ready()
  const listening = once(server.server, 'listening')
  server.server.listen(where, AS_LONG_AS_THE_KERNEL_ALLOWS)
  await listening
  const address = server.server.address()
  if (address === null || typeof address === 'string') {
    await server.close()
    // As Node says of a file that is no socket at all.
    throw Object.assign(new Error('not a TCP socket'), { code: 'EINVAL' })
  }
}
