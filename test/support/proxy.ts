/** An HTTP proxy on the loopback interface: it tunnels to where a test says, and refuses as real ones do. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Certificate } from './certificates.ts'

/** What it does with a CONNECT: `hang`: no answer; `close`: none, and the end; a text is sent as it is. */
export type ProxyAnswer =
  | { readonly status: number; readonly words?: string; readonly headers?: Readonly<Record<string, string>> }
  | 'hang'
  | 'close'
  | { readonly raw: string }
  | undefined

export interface TestProxy {
  readonly port: number
  /** What was asked for, as `slack.test:443`, in order; `http://…` where no tunnel was asked for. */
  readonly asked: string[]
  /** The values of Proxy-Authorization, in order. */
  readonly logins: (string | undefined)[]
  /** Decides about each request; undefined tunnels it. */
  behave: (authority: string) => ProxyAnswer
  close(): Promise<void>
}

export interface TestProxyOptions {
  /** The port of 127.0.0.1 that stands for each host. */
  readonly hosts: Readonly<Record<string, number>>
  /** What a client must present. */
  readonly login?: { readonly user: string; readonly pass: string }
  /** Speaks TLS itself. */
  readonly tls?: Certificate
}

export async function startProxy({ hosts, login, tls }: TestProxyOptions): Promise<TestProxy> {
  const open = new Set<Duplex>()
  const server: Server =
    tls === undefined ? createServer() : createTlsServer({ key: tls.key, cert: tls.cert })
  const keep = (socket: Duplex) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    socket.on('error', () => {})
  }
  server.on('connection', keep)
  const proxy: TestProxy = {
    port: 0,
    asked: [],
    logins: [],
    behave: () => undefined,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of open) socket.destroy()
      await closed
    },
  }
  const wanted = login && `Basic ${Buffer.from(`${login.user}:${login.pass}`).toString('base64')}`

  server.on('connect', (request: IncomingMessage, client: Duplex) => {
    keep(client)
    const authority = request.url ?? ''
    const given = request.headers['proxy-authorization']
    proxy.asked.push(authority)
    proxy.logins.push(given)
    const answer = proxy.behave(authority)
    if (answer === 'hang') return
    if (answer === 'close') return client.destroy()
    if (answer !== undefined) return void client.end('raw' in answer ? answer.raw : head(answer), 'latin1')
    if (wanted !== undefined && given !== wanted) {
      const headers = { 'proxy-authenticate': 'Basic realm="the proxy"' }
      return void client.end(head({ status: 407, words: 'Proxy Authentication Required', headers }))
    }
    const port = hosts[authority.replace(/:\d+$/, '')]
    if (port === undefined) return void client.end(head({ status: 503, words: 'Service Unavailable' }))
    const upstream: Socket = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      client.pipe(upstream).pipe(client)
    })
    keep(upstream)
    client.once('close', () => upstream.destroy())
    upstream.once('close', () => client.destroy())
  })
  // Without a tunnel, the URL is in the request.
  server.on('request', (request, response) => {
    proxy.asked.push(request.url ?? '')
    proxy.logins.push(request.headers['proxy-authorization'])
    request.resume()
    const answer = proxy.behave(request.url ?? '')
    if (typeof answer === 'object' && 'status' in answer) {
      response.writeHead(answer.status, answer.words, answer.headers)
      return response.end('the proxy says no')
    }
    response.end('{"status":"forwarded"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(proxy, { port: (server.address() as AddressInfo).port })
}

function head({ status, words = '', headers = {} }: Extract<ProxyAnswer, { status: number }>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${words}\r\n${lines.join('')}content-length: 0\r\n\r\n`
}
