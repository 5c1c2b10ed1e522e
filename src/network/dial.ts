/** One connection, over TLS for https; a certificate that does not verify is described. */
import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { buildConnector } from 'undici'
import type { AddressGuard } from './address-guard.ts'
import { certificateProblem, isCertificateCode, isUnknownIssuer } from './certificate-failure.ts'
import { ConnectFailure, codeOf } from './connect-failure.ts'
import { certificatesOf } from './peer-certificates.ts'
import { systemTrust } from './trust.ts'

export interface DialOptions {
  /** Milliseconds, for TCP and TLS each. */
  readonly stepMs: number
  readonly allowH2: boolean
  /** False: only Node's own list of authorities is trusted. */
  readonly trustSystem: boolean
  /** The setting that contains the host, for messages about a certificate for another host: `channels.slack.api_url`. */
  readonly hostSetting: string
  /** Which addresses may be reached; by default all. */
  readonly guard?: AddressGuard | undefined
}

/**
 * `peer`: its name, such as `slack.com:443`. `open` returns the address, and the tunnel to it if there is one; it is called again
 * for each further try. Rejects with a ConnectFailure for a certificate, else with what undici throws.
 */
export type Dial = (peer: string, open: () => Promise<buildConnector.Options>) => Promise<Socket>

const LONGEST_LOOK_MS = 2_000
// While a destination fails, every attempt would fetch the same certificate.
const LOOK_AGAIN_AFTER_MS = 60_000

export function createDial({ stepMs, allowH2, trustSystem, hostSetting, guard }: DialOptions): Dial {
  const lookup = guard && { lookup: guard.lookup }
  const connectorWith = (secureContext?: SecureContext) =>
    buildConnector({ timeout: stepMs, allowH2, ...lookup, ...(secureContext && { secureContext }) })
  const plain = connectorWith()
  let trusting: buildConnector.connector | undefined
  const seen = new Map<string, { readonly at: number; readonly chain: readonly X509Certificate[] }>()

  return async function dial(peer, open) {
    const used = trusting ?? plain
    const to = await open()
    try {
      return await connected(used, to)
    } catch (error) {
      const code = codeOf(error)
      if (!isCertificateCode(code)) throw error
      if (isUnknownIssuer(code) && trustSystem && used === plain) {
        trusting ??= connectorWith(systemTrust())
        return dial(peer, open)
      }
      const chain = await look(peer, open)
      const problem = certificateProblem({ code, peer, chain, now: Date.now(), setting: null, hostSetting })
      throw new ConnectFailure(problem, error)
    }
  }

  async function look(peer: string, open: () => Promise<buildConnector.Options>) {
    const now = performance.now()
    const before = seen.get(peer)
    if (before !== undefined && now - before.at < LOOK_AGAIN_AFTER_MS) return before.chain
    const chain = await open()
      .then(({ hostname, port, httpSocket }) =>
        certificatesOf(
          { host: hostname, port: Number(port) || 443, socket: httpSocket, ...lookup },
          LONGEST_LOOK_MS,
        ),
      )
      .catch(() => [])
    seen.set(peer, { at: now, chain })
    return chain
  }
}

function connected(connector: buildConnector.connector, to: buildConnector.Options): Promise<Socket> {
  return new Promise((resolve, reject) =>
    connector(to, (...[error, socket]) => (error === null ? resolve(socket) : reject(error))),
  )
}
