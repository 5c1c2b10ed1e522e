import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'

export type Listening =
  | { readonly host: string; readonly port: number }
  /** A listening socket that was passed to this process, and stays open after it. */
  | { readonly fd: number }

// Node calls listen() on the socket again, and its own default would shorten the backlog. The kernel caps it.
const BACKLOG = 65_535

/** Resolves when the server accepts connections, with its URL. Fails with the code EINVAL for a descriptor that is not a TCP socket. */
export async function accept(server: FastifyInstance, where: Listening): Promise<string> {
  if ('host' in where) {
    await server.listen(where)
    const bound = server.server.address()
    return typeof bound === 'object' && bound !== null ? urlOf(bound) : where.host
  }
  await server.ready()
  const listening = once(server.server, 'listening')
  server.server.listen(where, BACKLOG)
  await listening
  const address = server.server.address()
  if (address === null || typeof address === 'string') {
    await server.close()
    // The code that Node gives for a file that is not a socket.
    throw Object.assign(new Error('not a TCP socket'), { code: 'EINVAL' })
  }
  return urlOf(address)
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
