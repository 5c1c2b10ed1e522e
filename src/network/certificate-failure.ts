/** Says what is wrong with a certificate, and what to do about it. */
import type { X509Certificate } from 'node:crypto'
import { type ConnectProblem, oneLine } from './connect-failure.ts'

// Node's codes for an issuer that is not trusted: https://nodejs.org/api/tls.html#x509-certificate-error-codes
const UNKNOWN_ISSUER: ReadonlySet<string> = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_UNTRUSTED',
  'INVALID_CA',
])
const WRONG_HOST: ReadonlySet<string> = new Set(['ERR_TLS_CERT_ALTNAME_INVALID', 'HOSTNAME_MISMATCH'])
const OTHERS =
  /^(?:CERT_\w+|CRL_\w+|ERROR_IN_CERT_\w+|ERR_TLS_CERT_\w+|UNABLE_TO_(?:GET|DECRYPT|DECODE|VERIFY)_\w+|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|EE_KEY_TOO_SMALL|CA_KEY_TOO_SMALL|CA_MD_TOO_WEAK)$/
const MOST_NAMES = 5
const DAY_MS = 86_400_000

export function isCertificateCode(code: string): boolean {
  return UNKNOWN_ISSUER.has(code) || WRONG_HOST.has(code) || OTHERS.test(code)
}

export function isUnknownIssuer(code: string): boolean {
  return UNKNOWN_ISSUER.has(code)
}

export interface PeerCertificate {
  /** As Node names it. */
  readonly code: string
  /** Whose certificate it is: `mail.example.com:465`. */
  readonly peer: string
  /** As it was sent, the peer's own certificate first; empty if it could not be fetched. */
  readonly chain: readonly X509Certificate[]
  /** Milliseconds. */
  readonly now: number
  /** The setting that can name a CA, in addition to the system's store: `channels.email.ca`; null if there is none. */
  readonly setting: string | null
  /** The setting that contains the host: `channels.email.smtp`. */
  readonly hostSetting: string
}

export function certificateProblem(peer: PeerCertificate): ConnectProblem {
  const { code } = peer
  if (isUnknownIssuer(code)) return untrusted(peer)
  if (WRONG_HOST.has(code)) return wrongHost(peer)
  if (code === 'CERT_HAS_EXPIRED') return expired(peer)
  if (code === 'CERT_NOT_YET_VALID') return notYetValid(peer)
  return {
    code: 'certificate_invalid',
    message: `the certificate of ${peer.peer} does not verify (${code})${described(peer.chain)}`,
    hint: `ask the administrator of ${peer.peer} to replace it`,
    permanent: true,
  }
}

function untrusted({ code, peer, chain, setting }: PeerCertificate): ConnectProblem {
  const [own] = chain
  const selfSigned = code === 'DEPTH_ZERO_SELF_SIGNED_CERT'
  const issuer = selfSigned ? 'is self-signed' : 'comes from an issuer that this machine does not trust'
  const place = setting === null ? '' : `, or name its file in ${setting}`
  const what = selfSigned
    ? 'if it is the right one, trust it'
    : "if that is your company's CA, or that of a proxy that decrypts TLS, trust it"
  // OpenSSL cannot distinguish an unknown CA from an intermediate certificate that the server leaves out.
  const incomplete =
    own !== undefined && chain.length === 1 && !selfSigned
      ? `; if it is from a public CA, ${peer} does not send its intermediate certificate, and its administrator must add it`
      : ''
  return {
    code: 'certificate_untrusted',
    message: `the certificate of ${peer} ${issuer} (${code})${described(chain)}`,
    hint:
      `${what}: copy the PEM file of ${caName(chain)} to /usr/local/share/ca-certificates/NAME.crt, run ` +
      `update-ca-certificates (in a container: mount the file, and name it in NODE_EXTRA_CA_CERTS)${place}, and restart hookbridge${incomplete}`,
    permanent: true,
  }
}

/** The CA to trust: the last certificate that was sent, or its issuer. */
function caName(chain: readonly X509Certificate[]): string {
  const last = chain.at(-1)
  return last === undefined ? 'the CA' : `"${nameOf(last.issuer)}"`
}

function wrongHost({ peer, chain, hostSetting }: PeerCertificate): ConnectProblem {
  const [own] = chain
  const names = own === undefined ? [] : namesOf(own)
  const shown = names.slice(0, MOST_NAMES).join(', ') + (names.length > MOST_NAMES ? ', …' : '')
  const host = peer.replace(/:\d+$/, '')
  return {
    code: 'certificate_wrong_host',
    message: `the certificate of ${peer} is for ${shown || 'other hosts'}, not for ${host}${described(chain)}`,
    hint: `write a name of the certificate in ${hostSetting}, or have the certificate made for ${host}`,
    permanent: true,
  }
}

function expired({ peer, chain, now }: PeerCertificate): ConnectProblem {
  const old = chain.find(({ validTo }) => Date.parse(validTo) < now)
  const days = old === undefined ? 0 : Math.floor((now - Date.parse(old.validTo)) / DAY_MS)
  const ago = days === 0 ? '' : days === 1 ? ', a day ago' : `, ${days} days ago`
  const when = old === undefined ? 'has expired' : `expired on ${dayOf(old.validTo)}${ago}`
  const ofIssuer = old !== undefined && old !== chain[0]
  const subject = ofIssuer
    ? `an issuer of the certificate of ${peer}, "${nameOf(old.subject)}",`
    : `the certificate of ${peer}`
  return {
    code: 'certificate_expired',
    message: `${subject} ${when}${described(chain)}`,
    hint: `ask the administrator of ${peer} to renew it; if it is valid, set this machine's clock (timedatectl set-ntp true)`,
    // The other side renews it, and messages are then sent automatically.
    permanent: false,
  }
}

function notYetValid({ peer, chain, now }: PeerCertificate): ConnectProblem {
  const early = chain.find(({ validFrom }) => Date.parse(validFrom) > now)
  const when = early === undefined ? 'is not valid yet' : `is valid only from ${dayOf(early.validFrom)}`
  return {
    code: 'certificate_not_yet_valid',
    message: `the certificate of ${peer} ${when}${described(chain)}`,
    hint: `set this machine's clock (timedatectl set-ntp true); if it is right, ask the administrator of ${peer}`,
    permanent: false,
  }
}

function described([own]: readonly X509Certificate[]): string {
  return own === undefined ? '' : `; subject "${nameOf(own.subject)}", issuer "${nameOf(own.issuer)}"`
}

/** `CN=Example CA, O=Example`: OpenSSL writes the most general part first, one part a line. */
function nameOf(name: string): string {
  return oneLine(name.split('\n').reverse().join(', '))
}

/** The hosts that a certificate is for; the common name counts only if no others are listed. */
function namesOf(certificate: X509Certificate): string[] {
  const listed = [...(certificate.subjectAltName ?? '').matchAll(/(?:DNS|IP Address):("[^"]*"|[^,]+)/g)]
  return listed.map(([, name = '']) => oneLine(name, 80))
}

function dayOf(time: string): string {
  return new Date(time).toISOString().slice(0, 10)
}
