/** The options of a connection to the mail server, from the settings, and the secrets in them. */
import { hostname } from 'node:os'
import type { SMTPConnectionOptions } from 'nodemailer/lib/smtp-connection'
import { Secret } from '../../../core/secret.ts'
import { isLoopback } from '../../../network/loopback.ts'
import { trustAlso } from '../../../network/trust.ts'
import { asciiDomainOf, isDomainName } from '../address.ts'
import { BEARER_LOGIN, bearerLogin } from '../oauth/mechanism.ts'
import type { Tokens } from '../oauth/tokens.ts'
import type { EmailSettings, SmtpServer } from '../settings.ts'
import type { MailSetup } from './outcome.ts'
import type { SessionSettings, SmtpTimeouts } from './session.ts'

const CLOSE_TIMEOUT_MS = 1_000
const MARGIN_MS = 10_000

export function sessionSettings(
  settings: EmailSettings,
  server: SmtpServer,
  timeouts: SmtpTimeouts,
  tokens: Tokens | null,
): SessionSettings {
  return {
    connection: connectionOptions(settings, server, timeouts),
    credentials: server.credentials,
    tokens,
    ...timeouts,
  }
}

function connectionOptions(
  settings: EmailSettings,
  { host, port, secure }: SmtpServer,
  { connectMs, answerMs, acceptMs }: SmtpTimeouts,
): SMTPConnectionOptions {
  const mode = settings.tls ?? (isLoopback(host) ? 'off' : 'required')
  return {
    host,
    port,
    secure,
    name: ehloName(settings, hostname()),
    requireTLS: mode === 'required',
    ignoreTLS: mode === 'off',
    opportunisticTLS: mode === 'opportunistic',
    // If encryption is optional, refusing a certificate gains nothing.
    tls:
      mode === 'required' || secure
        ? { rejectUnauthorized: mode !== 'opportunistic', secureContext: trustAlso(settings.ca ?? []) }
        : { rejectUnauthorized: mode !== 'opportunistic' },
    dnsTimeout: connectMs,
    // The session has a limit for each of its steps; these are longer.
    connectionTimeout: connectMs + answerMs + MARGIN_MS,
    greetingTimeout: connectMs + answerMs + MARGIN_MS,
    // Without any traffic.
    socketTimeout: acceptMs + MARGIN_MS,
    socketCloseTimeout: CLOSE_TIMEOUT_MS,
    customAuth: { [BEARER_LOGIN]: bearerLogin },
  }
}

/** Servers refuse a name that is not a valid domain name, such as a container's. The sender's domain is then the best choice. */
export function ehloName({ ehlo, from }: Pick<EmailSettings, 'ehlo' | 'from'>, machine: string): string {
  if (ehlo !== undefined) return ehlo
  const isFullName = isDomainName(machine) && !/(?:^localhost\.|\.localdomain$)/i.test(machine)
  return isFullName ? machine : asciiDomainOf(from.address)
}

/** What the outcome of a failure depends on, besides the failure itself. */
export function setupOf(settings: EmailSettings, server: SmtpServer): MailSetup {
  const hasLogin = server.credentials !== null || settings.oauth2 !== undefined
  return { server, hasLogin, secrets: secretsOf(settings, server) }
}

/** What to redact from the server's words. */
function secretsOf({ smtp }: EmailSettings, { credentials }: SmtpServer): Secret[] {
  if (credentials === null) return [smtp]
  const { user, pass } = credentials
  const encoded = [`\0${user}\0${pass}`, pass].map((text) => Buffer.from(text).toString('base64'))
  return [smtp, ...[...encoded, pass, encodeURIComponent(pass)].map((text) => new Secret(text))]
}
