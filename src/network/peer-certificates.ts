import type { X509Certificate } from 'node:crypto'
import { isIP, type LookupFunction, type Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'

const LONGEST_CHAIN = 10

/** The certificates that a server sends, its own first. They are not verified: nothing is sent over this connection. */
export function certificatesOf(
  {
    host,
    port,
    socket,
    lookup,
  }: {
    readonly host: string
    readonly port: number
    readonly socket?: Socket | undefined
    readonly lookup?: LookupFunction
  },
  timeoutMs: number,
): Promise<readonly X509Certificate[]> {
  return new Promise((resolve, reject) => {
    const secured = connect({
      host,
      port,
      ...(socket && { socket }),
      ...(lookup && { lookup }),
      ...(isIP(host) === 0 && { servername: host }),
      rejectUnauthorized: false,
    })
    const timer = setTimeout(() => secured.destroy(new Error('no TLS in time')), timeoutMs)
    secured.once('secureConnect', () => {
      resolve(chainOf(secured))
      secured.destroy()
    })
    secured.on('error', reject)
    secured.once('close', () => {
      clearTimeout(timer)
      reject(new Error('the connection was closed'))
    })
  })
}

/** The certificates of an open connection. */
export function chainOf(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = []
  let next = socket.getPeerX509Certificate()
  while (
    next !== undefined &&
    chain.length < LONGEST_CHAIN &&
    !chain.some((one) => one.fingerprint256 === next?.fingerprint256)
  ) {
    chain.push(next)
    next = next.issuerCertificate
  }
  return chain
}
