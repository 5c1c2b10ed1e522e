/** How to connect to the mail server, and what it must never be quoted with. */
import type { SMTPConnectionOptions } from 'nodemailer/lib/smtp-connection'
import { Secret } from '../../core/secret.ts'
import type { ChannelEnvironment } from '../channel.ts'
import type { SessionSettings } from './session.ts'
import { type EmailSettings, isLoopback, type SmtpServer } from './settings.ts'

const CLOSE_TIMEOUT = 1_000

export function sessionSettings(
  settings: EmailSettings,
  server: SmtpServer,
  { timeout }: ChannelEnvironment,
): SessionSettings {
  return { connection: connectionOptions(settings, server, timeout), credentials: server.credentials }
}

function connectionOptions(
  settings: EmailSettings,
  { host, port, secure }: SmtpServer,
  timeout: number,
): SMTPConnectionOptions {
  const mode = settings.tls ?? (isLoopback(host) ? 'off' : 'required')
  return {
    host,
    port,
    secure,
    requireTLS: mode === 'required',
    ignoreTLS: mode === 'off',
    opportunisticTLS: mode === 'opportunistic',
    // Whoever would take no encryption at all gains nothing by refusing a certificate.
    tls: { rejectUnauthorized: mode !== 'opportunistic' },
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    dnsTimeout: timeout,
    socketTimeout: timeout,
    socketCloseTimeout: CLOSE_TIMEOUT,
  }
}

/** What a server may quote back at us. */
export function secretsOf({ smtp }: EmailSettings, { credentials }: SmtpServer): Secret[] {
  if (credentials === null) return [smtp]
  const { user, pass } = credentials
  const encoded = [`\0${user}\0${pass}`, pass].map((text) => Buffer.from(text).toString('base64'))
  return [smtp, ...[...encoded, pass, encodeURIComponent(pass)].map((text) => new Secret(text))]
}
