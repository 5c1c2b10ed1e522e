/** Mail settings that are valid but probably wrong. */
import { isLoopback } from '../../network/loopback.ts'
import type { SettingsWarning } from '../channel.ts'
import { isReservedName } from '../settings.ts'
import { asciiDomainOf, type Mailbox } from './address.ts'
import {
  type EmailReceiver,
  type EmailSettings,
  parseSmtpUrl,
  type SmtpServer,
  SUBMISSION_PORT,
  TLS_PORT,
} from './settings.ts'

const STARTTLS_PORTS = [25, SUBMISSION_PORT]
// IMAP and POP3, for reading mail. Some providers do accept mail on 80, 443 and 2525.
const READING_PORTS = [110, 143, 993, 995]

export function warnings(
  settings: EmailSettings | undefined,
  receivers: ReadonlyMap<string, EmailReceiver>,
): readonly SettingsWarning[] {
  const server = settings && parseSmtpUrl(settings.smtp.reveal())
  if (!settings || !server) return []
  return [...ofPort(server), ...ofEncryption(settings, server), ...ofExamples(settings, receivers, server)]
}

function ofPort({ host, port, secure }: SmtpServer): SettingsWarning[] {
  const warn = (message: string, hint: string): SettingsWarning[] => [
    { code: 'doubtful_setting', path: ['smtp'], message, hint },
  ]
  if (READING_PORTS.includes(port))
    return warn(
      `port ${port} is for reading mail, not for sending it`,
      'use port 587 with smtp://, or 465 with smtps://',
    )
  // A tunnel may end there.
  if (isLoopback(host)) return []
  if (port === TLS_PORT && !secure)
    return warn('port 465 expects TLS from the start, but smtp:// starts without it', 'write smtps://')
  if (STARTTLS_PORTS.includes(port) && secure) {
    const hint = 'write smtp://, which encrypts with STARTTLS, or use port 465'
    return warn(`smtps:// starts with TLS, but port ${port} expects plain text first`, hint)
  }
  return []
}

function ofEncryption({ tls }: EmailSettings, { host, credentials }: SmtpServer): SettingsWarning[] {
  if (credentials === null || isLoopback(host) || tls === undefined || tls === 'required') return []
  const message =
    tls === 'off'
      ? 'the password is sent without encryption'
      : 'an attacker in the network can turn the encryption off and read the password'
  const hint = 'remove this line: by default, passwords are sent only over TLS'
  return [{ code: 'doubtful_setting', path: ['tls'], message, hint }]
}

function ofExamples(
  settings: EmailSettings,
  receivers: ReadonlyMap<string, EmailReceiver>,
  server: SmtpServer,
): SettingsWarning[] {
  // A stand-in that shows mail instead of delivering it.
  if (isLoopback(server.host) && ![TLS_PORT, ...STARTTLS_PORTS].includes(server.port)) return []
  const example = (name: string, path: SettingsWarning['path'], hint: string, receiver?: string) =>
    isReservedName(name)
      ? [
          {
            code: 'example_value' as const,
            path,
            message: `${name} is reserved for examples`,
            hint,
            ...(receiver !== undefined && { receiver }),
          },
        ]
      : []
  const ofAddress = (mailbox: Mailbox | undefined, path: SettingsWarning['path'], receiver?: string) =>
    mailbox === undefined
      ? []
      : example(asciiDomainOf(mailbox.address), path, 'put your own address here', receiver)
  return [
    ...example(server.host, ['smtp'], 'put the name of your mail server here'),
    ...ofAddress(settings.from, ['from']),
    ...ofAddress(settings.reply_to, ['reply_to']),
    ...[...receivers].flatMap(([name, { to }]) =>
      to.flatMap((mailbox, index) => ofAddress(mailbox, ['to', index], name)),
    ),
  ]
}
