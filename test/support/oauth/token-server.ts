/**
 * A token server on the loopback interface. It answers as those of Microsoft, of Google, and of RFC 6749 do, with the bodies of
 * their errors, and as RFC 7662 asks it about the tokens that it issued.
 */
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Server, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { google, microsoft, standard } from './providers.ts'

export interface TokenRequest {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly form: Readonly<Record<string, string>>
}

export interface TokenAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string | object
}

export interface TokenServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly port: number
  /** Requests for tokens, in order. */
  readonly requests: TokenRequest[]
  /** Tokens that it issued and that are good, and whom each is for. */
  readonly tokens: Map<string, string>
  /** Whom the tokens are for that a client gets for itself. */
  readonly subject: string
  /** Is asked first; undefined is the usual answer. A promise delays it, and `drop` closes the connection. */
  behave: (
    request: TokenRequest,
  ) => TokenAnswer | 'drop' | undefined | Promise<TokenAnswer | 'drop' | undefined>
  /** Seconds that a token is good for; null leaves them out. */
  expiresIn: number | null
  close(): Promise<void>
}

export async function startTokenServer(): Promise<TokenServer> {
  const requests: TokenRequest[] = []
  const tokens = new Map<string, string>()

  async function answer(request: IncomingMessage): Promise<TokenAnswer | 'drop'> {
    const { pathname: path, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    const form = Object.fromEntries(new URLSearchParams(await text(request)))
    if (path === '/introspect') {
      const token = form.token ?? searchParams.get('token') ?? ''
      const user = tokens.get(token)
      return {
        status: 200,
        body: user === undefined ? { active: false } : { active: true, username: user, email: user },
      }
    }
    const tokenRequest = { path, headers: request.headers, form }
    requests.push(tokenRequest)
    const behaviour = await server.behave(tokenRequest)
    if (behaviour !== undefined) return behaviour
    if (path.endsWith('/oauth2/v2.0/token')) return microsoft(server, tokenRequest)
    if (path === '/token') return google(server, tokenRequest)
    if (path === '/oauth2/token') return standard(server, tokenRequest)
    return {
      status: 404,
      headers: { 'content-type': 'text/html' },
      body: '<html><body>Not found</body></html>',
    }
  }

  const http = createHttpServer((request, response) => {
    answer(request).then((result) => {
      if (result === 'drop') return request.socket.destroy()
      const { status, headers = {}, body } = result
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    })
  })
  const { port, close } = await listen(http)
  const server: TokenServer = {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    tokens,
    subject: 'alerts@example.org',
    behave: () => undefined,
    expiresIn: 3_599,
    close,
  }
  return server
}

/** On a port of 127.0.0.1; `close` cuts what is open. */
export async function listen(
  server: Server,
  port = 0,
): Promise<{ port: number; close: () => Promise<void> }> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
