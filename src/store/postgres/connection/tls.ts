/** How connections to PostgreSQL are encrypted: as libpq's sslmode says, with the system's certificates. */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { type ConnectionOptions, checkServerIdentity, getCACertificates } from 'node:tls'
import type { Target } from '../../../postgres-url/url.ts'

/** False: not encrypted. */
export function tlsOf(target: Target, host: string): ConnectionOptions | false {
  // A socket is a file of this machine.
  if (host.startsWith('/')) return false
  const mode = target.sslMode ?? (isLoopback(host) ? 'disable' : 'verify-full')
  if (mode === 'disable') return false
  const certificate = target.sslCert !== null && {
    cert: readFileSync(target.sslCert),
    key: readFileSync(target.sslKey ?? target.sslCert),
  }
  const { sslRootCert } = target
  // As libpq: a file of authorities makes `require` a verify-ca.
  if (mode === 'require' && sslRootCert === null) return { ...certificate, rejectUnauthorized: false }
  const ca = sslRootCert === null || sslRootCert === 'system' ? allAuthorities() : readFileSync(sslRootCert)
  const verified = { ...certificate, ca, rejectUnauthorized: true }
  return mode === 'verify-full'
    ? { ...verified, ...(isIP(host) === 0 && { servername: host }), checkServerIdentity: sameHost(host) }
    : { ...verified, checkServerIdentity: () => undefined }
}

/** The driver names an address `localhost`, or not at all. */
function sameHost(host: string): ConnectionOptions['checkServerIdentity'] {
  return (_name, certificate) => checkServerIdentity(host, certificate)
}

function allAuthorities(): string[] {
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])]
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}
