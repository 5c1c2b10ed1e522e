import type { CompiledConfig } from '../config/compiled.ts'
import { accept } from '../http/accept.ts'
import { type AdminSocket, openAdminSocket } from '../http/admin-socket.ts'
import { countConnections } from '../http/limits/connections.ts'
import type { Metrics } from '../http/metrics/metrics.ts'
import { createServer, type ServerDeps } from '../http/server.ts'
import { compileTrust, isPrivate, isPublished } from '../sources/addresses.ts'
import { readSignature } from '../sources/svix.ts'

type Listen = CompiledConfig['config']['server']
type FromConfig = 'isProxy' | 'isPrivate' | 'isPublished' | 'limits' | 'readSignature' | 'countError'

export interface ServersOptions extends Omit<ServerDeps, FromConfig> {
  /** From the configuration that the service starts with. */
  readonly listen: Listen
  /** The file descriptor of a socket that already listens; server.host and server.port are then not used. */
  readonly socket: number | undefined
  readonly metrics: Metrics
  readonly now: () => number
}

export interface Servers {
  /** Where the service listens. */
  readonly url: string
  /** The server for webhooks, and that of server.admin_socket. */
  readonly servers: readonly AdminSocket[]
}

/** If it throws, nothing is left open. */
export async function openServers(options: ServersOptions): Promise<Servers> {
  const { listen, socket, metrics, now } = options
  const deps: ServerDeps = {
    ...options,
    // Fastify logs every address that it listens on, at the level info; `serve` logs the URL itself.
    log: options.log.child({}, { level: 'warn' }),
    countError: metrics.countError,
    isProxy: compileTrust(listen.trust_proxy),
    isPrivate,
    isPublished,
    readSignature: (headers) => readSignature(headers, now()),
    limits: {
      bodyLimit: listen.body_limit,
      requestTimeout: listen.request_timeout,
      maxConnections: listen.max_connections,
    },
  }
  const server = createServer(deps)
  metrics.measureConnections(() => countConnections(server.server))
  const servers: AdminSocket[] = [
    { close: () => server.close(), closeAllConnections: () => server.server.closeAllConnections() },
  ]
  try {
    if (listen.admin_socket !== undefined) servers.push(await openAdminSocket(listen.admin_socket, deps))
    const where = socket === undefined ? { host: listen.host, port: listen.port } : { fd: socket }
    return { url: await accept(server, where), servers }
  } catch (error) {
    await Promise.all(servers.map((one) => one.close()))
    throw error
  }
}
