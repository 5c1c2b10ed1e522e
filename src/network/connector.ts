/** Makes the connections for all outgoing HTTP, through a proxy if one is configured for them. */
import type { Socket } from 'node:net'
import type { buildConnector } from 'undici'
import { ConnectFailure, codeOf, wordsOf } from './connect-failure.ts'
import { createDial, type DialOptions } from './dial.ts'
import type { HttpProxy, Proxies } from './proxies.ts'
import { openTunnel, unreachable } from './tunnel.ts'

export interface ConnectorOptions extends DialOptions {
  readonly proxies: Proxies
}

type Options = buildConnector.Options

/** For undici's `connect`. Fails with a ConnectFailure if a proxy or a certificate is the cause: then nothing was sent. */
export function createConnector(options: ConnectorOptions): buildConnector.connector {
  const { proxies, stepMs } = options
  const dial = createDial(options)
  const hostSetting = proxies.https?.variable ?? 'HTTPS_PROXY'
  const dialProxy = createDial({ stepMs, allowH2: false, trustSystem: true, hostSetting })

  async function connect(to: Options): Promise<Socket> {
    const { protocol, hostname } = to
    const port = to.port || (protocol === 'https:' ? '443' : '80')
    const host = hostname.includes(':') ? `[${hostname}]` : hostname
    const peer = `${host}:${port}`
    const refusal = options.guard?.refusal(host) ?? null
    if (refusal !== null) throw refusal
    const proxy = proxies.for(new URL(`${protocol}//${peer}`))
    if (proxy === null) return dial(peer, async () => to)
    if (protocol !== 'https:') return throughProxy(proxy, peer)
    try {
      return await dial(peer, async () => ({ ...to, httpSocket: await throughProxy(proxy, peer) }))
    } catch (error) {
      throw error instanceof ConnectFailure ? error : new ConnectFailure(noTls(proxy, peer, error), error)
    }
  }

  async function throughProxy(proxy: HttpProxy, peer: string): Promise<Socket> {
    const { hostname, port, protocol, name } = proxy
    const to: Options = { hostname, host: name, port: String(port), protocol }
    try {
      const socket = await dialProxy(`the proxy ${name}`, async () => to)
      return await openTunnel(socket, proxy, peer, stepMs)
    } catch (error) {
      throw error instanceof ConnectFailure
        ? error
        : new ConnectFailure(unreachable(proxy, error, stepMs), error)
    }
  }

  return (to, callback) => {
    connect(to).then(
      (socket) => callback(null, socket),
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
    )
  }
}

/** The tunnel was open, but TLS with the destination failed. */
function noTls(proxy: HttpProxy, peer: string, error: unknown) {
  const code = codeOf(error)
  const what = /TIMEOUT|ETIMEDOUT/.test(code) ? 'no answer in time' : wordsOf(error)
  return {
    code: 'proxy_tls',
    message: `no TLS connection to ${peer} through the proxy ${proxy.name}: ${what}`,
    hint: `ask the administrator of the proxy whether it lets TLS to ${peer} pass`,
    permanent: false,
  } as const
}
