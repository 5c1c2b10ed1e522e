/** Why the certificate of a mail server was refused, described from the certificate itself. */
import { TLSSocket } from 'node:tls'
import SMTPConnection, { type SMTPConnectionOptions } from 'nodemailer/lib/smtp-connection'
import { certificateProblem, isCertificateCode } from '../../../network/certificate-failure.ts'
import type { ConnectProblem } from '../../../network/connect-failure.ts'
import { chainOf } from '../../../network/peer-certificates.ts'

export interface CertificateFailure {
  readonly originalCode?: string | undefined
  /** What is wrong with the server's certificate, if that is why no connection was made. */
  readonly certificate?: ConnectProblem | undefined
}

const LONGEST_LOOK_MS = 5_000

/** Adds what is wrong with the certificate, if that is why the connection failed. */
export async function withCertificate<F extends CertificateFailure>(
  failure: F,
  connection: SMTPConnectionOptions,
): Promise<F> {
  const code = failure.originalCode ?? ''
  if (!isCertificateCode(code)) return failure
  const certificate = certificateProblem({
    code,
    peer: `${connection.host}:${connection.port}`,
    chain: await look(connection),
    now: Date.now(),
    setting: 'channels.email.ca',
    hostSetting: 'channels.email.smtp',
  })
  return { ...failure, certificate }
}

/**
 * The certificates that the server sends, fetched over a second connection that ends after EHLO: Nodemailer does not expose
 * those that it refused. Empty if that fails.
 */
function look(options: SMTPConnectionOptions): Promise<ReturnType<typeof chainOf>> {
  return new Promise((resolve) => {
    const connection = new SMTPConnection({ ...options, tls: { rejectUnauthorized: false } })
    const end = (chain: ReturnType<typeof chainOf>) => {
      clearTimeout(timer)
      resolve(chain)
      // Emits `end` at once.
      connection.close()
    }
    const timer = setTimeout(() => end([]), LONGEST_LOOK_MS)
    connection.on('error', () => end([]))
    connection.once('end', () => end([]))
    connection.connect(() => {
      const socket = connection._socket
      end(socket instanceof TLSSocket ? chainOf(socket) : [])
    })
  })
}
