/** How to connect to the mail server, and the secrets in that. */
import type { SMTPConnectionOptions } from 'nodemailer/lib/smtp-connection'
import { Secret } from '../../../core/secret.ts'
import { trustAlso } from '../../../network/trust.ts'
import { type EmailSettings, isLoopback, type SmtpServer } from '../settings.ts'
import type { SessionSettings, SmtpTimeouts } from './session.ts'

const CLOSE_TIMEOUT_MS = 1_000

export function sessionSettings(
  settings: EmailSettings,
  server: SmtpServer,
  timeouts: SmtpTimeouts,
): SessionSettings {
  return {
    connection: connectionOptions(settings, server, timeouts),
    credentials: server.credentials,
    ...timeouts,
  }
}

function connectionOptions(
  settings: EmailSettings,
  { host, port, secure }: SmtpServer,
  { stepTimeoutMs, acceptTimeoutMs }: SmtpTimeouts,
): SMTPConnectionOptions {
  const mode = settings.tls ?? (isLoopback(host) ? 'off' : 'required')
  return {
    host,
    port,
    secure,
    requireTLS: mode === 'required',
    ignoreTLS: mode === 'off',
    opportunisticTLS: mode === 'opportunistic',
    // A connection that may do without encryption gains nothing by refusing a certificate.
    tls:
      mode === 'required' || secure
        ? { rejectUnauthorized: mode !== 'opportunistic', secureContext: trustAlso(settings.ca ?? []) }
        : { rejectUnauthorized: mode !== 'opportunistic' },
    connectionTimeout: stepTimeoutMs,
    greetingTimeout: stepTimeoutMs,
    dnsTimeout: stepTimeoutMs,
    // Without any traffic; the session limits each of its steps.
    socketTimeout: acceptTimeoutMs,
    socketCloseTimeout: CLOSE_TIMEOUT_MS,
  }
}

/** What to redact from the server's words. */
export function secretsOf({ smtp }: EmailSettings, { credentials }: SmtpServer): Secret[] {
  if (credentials === null) return [smtp]
  const { user, pass } = credentials
  const encoded = [`\0${user}\0${pass}`, pass].map((text) => Buffer.from(text).toString('base64'))
  return [smtp, ...[...encoded, pass, encodeURIComponent(pass)].map((text) => new Secret(text))]
}
