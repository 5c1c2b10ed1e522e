/** The settings `channels.email` and `receivers.<receiver>.email`. */
import * as z from 'zod'
import type { Secret } from '../../core/secret.ts'
import { isLoopback } from '../../network/loopback.ts'
import { decodePercent } from '../../network/percent.ts'
import { rate, secret } from '../settings.ts'
import { addressKey, type Mailbox, parseMailbox, parseMailboxes } from './address.ts'
import { authorities } from './authorities.ts'
import { type OAuth2Settings, oauth2, oauth2Mistake } from './oauth/settings.ts'

const tlsModes = ['required', 'opportunistic', 'off'] as const
export type TlsMode = (typeof tlsModes)[number]

export interface EmailSettings {
  readonly smtp: Secret
  readonly from: Mailbox
  readonly reply_to?: Mailbox | undefined
  readonly tls?: TlsMode | undefined
  readonly connections: number
  /** In PEM. */
  readonly ca?: readonly string[] | undefined
  /** Mails a second. */
  readonly rate?: number | undefined
  readonly ehlo?: string | undefined
  readonly unsubscribe?: string | undefined
  readonly oauth2?: OAuth2Settings | undefined
}

export interface EmailReceiver {
  readonly to: readonly Mailbox[]
  readonly follow_up?: 'post' | undefined
}

export interface SmtpServer {
  readonly host: string
  readonly port: number
  /** TLS from the first byte, as smtps:// asks. */
  readonly secure: boolean
  readonly credentials: { readonly user: string; readonly pass: string } | null
}

/** Where mail servers expect TLS from the first byte, and where STARTTLS: RFC 8314, section 3. */
export const TLS_PORT = 465
export const SUBMISSION_PORT = 587
/**
 * What Postfix accepts from one client by default (smtpd_client_connection_count_limit). If a server allows fewer, sending finds
 * that out.
 */
const DEFAULT_CONNECTIONS = 50
/** About what large providers allow (Microsoft 365: three). More are opened while mails wait. */
export const FIRST_CONNECTIONS = 5
const ADDRESS_MISTAKE = 'must be a mail address, such as jane@example.org or "Jane Doe <jane@example.org>"'
const ADDRESSES_MISTAKE = `${ADDRESS_MISTAKE}, or several with commas between them`
const SMTP_MISTAKE =
  'must be a URL such as smtp://user:password@mail.example.org:587 or smtps://mail.example.org ' +
  '(characters such as % @ : / # in the password are written %25 %40 %3A %2F %23)'

const EHLO =
  /^(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z][a-zA-Z0-9-]*[a-zA-Z0-9]|\[(?:\d{1,3}(?:\.\d{1,3}){3}|IPv6:[0-9a-fA-F:.]+)\])$/
const EHLO_MISTAKE =
  'must be a fully qualified domain name, such as alerts.example.org, or an address in brackets, such as [192.0.2.1]'

function mailbox(): z.ZodType<Mailbox, string> {
  return z.string({ error: ADDRESS_MISTAKE }).transform((text, context) => {
    const parsed = parseMailbox(text)
    if (parsed !== null) return parsed
    context.addIssue({ code: 'custom', message: ADDRESS_MISTAKE })
    return z.NEVER
  })
}

function mailboxes(): z.ZodType<readonly Mailbox[], string> {
  return z.string({ error: ADDRESSES_MISTAKE }).transform((text, context) => {
    const parsed = parseMailboxes(text)
    if (parsed !== null) return parsed
    context.addIssue({ code: 'custom', message: ADDRESSES_MISTAKE })
    return z.NEVER
  })
}

export const emailSettings: z.ZodType<EmailSettings> = z
  .strictObject({
    smtp: secret()
      .refine((url) => parseSmtpUrl(url.reveal()) !== null, { error: SMTP_MISTAKE })
      .describe(
        'The URL of the mail server: smtp://user:password@host (default port 587), or smtps://user:password@host for TLS from the start (default port 465).',
      )
      .meta({ examples: ['${SMTP_URL}', 'smtp://user:password@mail.example.org:587'] }),
    from: mailbox()
      .describe('The sender of the mails.')
      .meta({ examples: ['Cuuro alerts <alerts@example.org>'] }),
    reply_to: mailbox()
      .optional()
      .describe('The address for replies, if it is not `from`.')
      .meta({ examples: ['team@example.org'] }),
    tls: z
      .enum(tlsModes)
      .optional()
      .describe(
        'required: send only over TLS with a valid certificate. opportunistic: use TLS if the server offers it, and do not ' +
          'verify its certificate. off: do not use TLS. Default: required; off for a loopback address.',
      ),
    ca: authorities().optional(),
    connections: z
      .int()
      .min(1)
      .max(100)
      .default(DEFAULT_CONNECTIONS)
      .describe(
        'The most connections to the mail server at once. Hookbridge begins with five, opens more while mails are waiting, and uses fewer if the server allows fewer.',
      ),
    rate: rate()
      .optional()
      .describe(
        'How many mails may be sent, to all addresses together, evenly spaced. Set it if the mail server has a limit: that of Microsoft 365 is 30/m. Default: no limit.',
      ),
    ehlo: z
      .string()
      .regex(EHLO, { error: EHLO_MISTAKE })
      .optional()
      .describe(
        'The name by which this machine introduces itself to the mail server (EHLO). Default: its host name if that has a dot, ' +
          'else the domain of `from`.',
      )
      .meta({ examples: ['alerts.example.org'], patternErrorMessage: EHLO_MISTAKE }),
    unsubscribe: z
      .string()
      .refine(isUnsubscribe, { error: 'must be a mail address or an https URL' })
      .optional()
      .describe('The mail address or https URL in the header List-Unsubscribe.')
      .meta({ examples: ['alerts@example.org', 'https://example.org/unsubscribe'] }),
    oauth2: oauth2.optional(),
  })
  .superRefine(({ smtp, from, tls, oauth2 }, context) => {
    const server = oauth2 && parseSmtpUrl(smtp.reveal())
    if (!oauth2 || !server) return
    const mistake = oauth2Mistake(oauth2, { hasPassword: server.credentials !== null, from: from.address })
    if (mistake !== null) context.addIssue({ code: 'custom', path: ['oauth2'], message: mistake })
    if (tls === undefined || tls === 'required' || server.secure || isLoopback(server.host)) return
    const message = 'must be required with oauth2: otherwise others could read and use the token'
    context.addIssue({ code: 'custom', path: ['tls'], message })
  })
  .superRefine((settings, context) => {
    if (settings.tls !== 'off' || parseSmtpUrl(settings.smtp.reveal())?.secure !== true) return
    const message =
      'a connection to an smtps:// server is always encrypted: remove this line, or write smtp://'
    context.addIssue({ code: 'custom', path: ['tls'], message })
  })
  .describe('How mail is sent.')

export const emailReceiver: z.ZodType<EmailReceiver> = z
  .strictObject({
    to: z
      .array(mailboxes())
      .min(1, { error: 'must name at least one address' })
      .superRefine((items, context) => {
        const seen = new Set<string>()
        for (const [index, { address }] of items.flatMap((item, index) =>
          item.map((one) => [index, one] as const),
        )) {
          if (seen.has(addressKey(address))) {
            const message = `${address} is listed twice: it would get every mail twice`
            context.addIssue({ code: 'custom', path: [index], message })
          }
          seen.add(addressKey(address))
        }
      })
      .transform((items) => items.flat())
      .describe(
        'The mail addresses. Each gets a mail of its own and does not see the others. One entry, such as a variable, may hold ' +
          'several addresses, separated by commas.',
      )
      .meta({
        uniqueItems: true,
        examples: [['partners@example.org', 'Jane Doe <jane@example.org>'], ['${ALERT_TO}']],
      }),
    follow_up: z
      .literal('post', { error: 'must be post, or be left out: a mail cannot be edited' })
      .optional()
      .describe(
        'post: the mail of a later stage of a lifecycle starts a thread of its own. Default: it continues the thread of the first mail.',
      )
      .meta({ examples: ['post'] }),
  })
  .describe('Mail addresses to send to.')

/** Null if the text is no URL of a mail server. */
export function parseSmtpUrl(text: string): SmtpServer | null {
  if (!URL.canParse(text)) return null
  const url = new URL(text)
  const rest = url.pathname.replace('/', '') + url.search + url.hash
  if (!['smtp:', 'smtps:'].includes(url.protocol) || url.hostname === '' || rest !== '') return null
  const user = decodePercent(url.username)
  const pass = decodePercent(url.password)
  if (user === null || pass === null || (user === '') !== (pass === '')) return null
  const secure = url.protocol === 'smtps:'
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (secure ? TLS_PORT : SUBMISSION_PORT) : Number(url.port),
    secure,
    credentials: user === '' ? null : { user, pass },
  }
}

function isUnsubscribe(text: string): boolean {
  if (parseMailbox(text)?.address === text) return true
  return /^https:\/\/[\x21-\x7e]+$/.test(text) && !/[<>]/.test(text) && URL.canParse(text)
}
