/**
 * Certificates are verified with Node's own list of authorities. Reading the system's store takes some 100 ms and several
 * megabytes, so that is done when a connection fails for an issuer that is not in Node's list, and once in a process.
 */
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'

let system: SecureContext | undefined
let authorities: readonly string[] | undefined

/** Trusts the system's store in addition to Node's list, which includes NODE_EXTRA_CA_CERTS. */
export function systemTrust(): SecureContext {
  system ??= createSecureContext({ ca: [...allAuthorities()] })
  return system
}

/** Also trusts these, in PEM. */
export function trustAlso(certificates: readonly string[]): SecureContext {
  return certificates.length === 0
    ? systemTrust()
    : createSecureContext({ ca: [...allAuthorities(), ...certificates] })
}

function allAuthorities(): readonly string[] {
  // OpenSSL lists a certificate once for each file name that it has.
  authorities ??= [...new Set([...getCACertificates('default'), ...getCACertificates('system')])]
  return authorities
}
