/** X.509 certificates, made at once and without a program: node:crypto signs, and this writes the DER around it. */
import { createHash, generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'

export interface Certificate {
  /** PEM. */
  readonly cert: string
  readonly key: string
  readonly subject: string
  /** Identifies its public key. Of two authorities with the same name, it tells which one issued a certificate. */
  readonly keyId: Buffer
}

export interface CertificateOptions {
  readonly subject: string
  /** DNS names and IPv4 addresses that it is for. */
  readonly hosts?: readonly string[]
  /** Signs by itself without one. */
  readonly issuer?: Certificate
  readonly isAuthority?: boolean
  readonly from?: Date
  readonly to?: Date
}

const DAY_MS = 86_400_000
// ecdsa-with-SHA256; RFC 5758.
const SIGNATURE = sequence(oid('2a8648ce3d040302'))

export function makeCertificate({
  subject,
  hosts = [],
  issuer,
  isAuthority = false,
  from = new Date(Date.now() - DAY_MS),
  to = new Date(Date.now() + 30 * DAY_MS),
}: CertificateOptions): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const keyId = createHash('sha256').update(spki).digest().subarray(0, 20)
  const extensions = [
    extension('551d0e', der(0x04, keyId)),
    ...(issuer === undefined ? [] : [extension('551d23', sequence(der(0x80, issuer.keyId)))]),
    extension('551d13', sequence(...(isAuthority ? [der(0x01, Buffer.from([0xff]))] : []))),
    ...(hosts.length === 0 ? [] : [extension('551d11', sequence(...hosts.map(generalName)))]),
  ]
  const body = sequence(
    der(0xa0, integer(2)),
    integer(Math.floor(Math.random() * 2 ** 31) + 1),
    SIGNATURE,
    name(issuer?.subject ?? subject),
    sequence(time(from), time(to)),
    name(subject),
    spki,
    der(0xa3, sequence(...extensions)),
  )
  const signer: KeyObject | string = issuer?.key ?? privateKey
  const signature = sign('sha256', body, signer)
  const whole = sequence(body, SIGNATURE, der(0x03, Buffer.concat([Buffer.from([0]), signature])))
  return {
    cert: new X509Certificate(whole).toString(),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    subject,
    keyId,
  }
}

/** An authority of its own, such as a firm has. */
export function makeAuthority(
  subject = 'Example Firm Root CA',
  more: Partial<CertificateOptions> = {},
): Certificate {
  return makeCertificate({ subject, isAuthority: true, ...more })
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts))
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'))
}

function integer(value: number): Buffer {
  const hex = value.toString(16)
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  return der(0x02, (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Buffer.from([0]), bytes]))
}

/** With a common name alone. */
function name(text: string): Buffer {
  return sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(text)))))
}

function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return der(0x18, Buffer.from(digits))
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), der(0x04, value))
}

function generalName(host: string): Buffer {
  return isIP(host) === 4
    ? der(0x87, Buffer.from(host.split('.').map(Number)))
    : der(0x82, Buffer.from(host, 'latin1'))
}
