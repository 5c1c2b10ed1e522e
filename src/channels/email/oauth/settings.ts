/** The settings `channels.email.oauth2`: who issues the tokens that a mail server accepts instead of a password. */
import * as z from 'zod'
import type { Secret } from '../../../core/secret.ts'
import { isSafeUrl, secret } from '../../settings.ts'
import { asciiDomainOf, parseMailbox } from '../address.ts'
import { parseServiceAccount, type ServiceAccount } from './service-account.ts'

export type OAuth2Settings = MicrosoftSettings | GoogleSettings | GenericSettings

export interface MicrosoftSettings {
  readonly provider: 'microsoft'
  readonly tenant: string
  readonly client_id: string
  readonly client_secret: Secret
  /** The address of the mailbox; if undefined, that of `from`. */
  readonly user?: string | undefined
  readonly authority: string
  readonly scope: string
}

export interface GoogleSettings {
  readonly provider: 'google'
  readonly service_account: ServiceAccount
  readonly user?: string | undefined
}

export interface GenericSettings {
  readonly provider: 'generic'
  readonly token_url: string
  readonly client_id: string
  readonly client_secret?: Secret | undefined
  /** If set, the refresh_token grant is used, or else client_credentials. */
  readonly refresh_token?: Secret | undefined
  readonly scope?: string | undefined
  readonly client_auth: 'post' | 'basic'
  readonly user?: string | undefined
}

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const DOMAIN = /^(?:[a-z0-9-]+\.)+[a-z0-9-]+$/i
const CONSUMER_DOMAINS = ['gmail.com', 'googlemail.com']
const MICROSOFT_AUTHORITY = 'https://login.microsoftonline.com'
const MICROSOFT_SCOPE = 'https://outlook.office365.com/.default'
const SAFE_URL = 'must be an https URL (http only for a loopback address)'

const mailboxAddress = z
  .string()
  .refine((text) => parseMailbox(text)?.address === text, {
    error: 'must be the address of the mailbox, such as alerts@example.org',
  })
  .optional()
  .describe('The mailbox to send from. Default: the address of `from`.')
  .meta({ examples: ['alerts@example.org'] })

const scope = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/, {
  error: 'must be one scope, or several separated by spaces',
})

const microsoft = z
  .strictObject({
    tenant: z
      .string()
      .refine((text) => GUID.test(text) || DOMAIN.test(text), {
        error:
          'must be the ID of your own tenant or one of its domains, such as contoso.onmicrosoft.com: ' +
          'an application has no mailbox in common, organizations or consumers',
      })
      .describe('The Directory (tenant) ID, or a domain of the tenant.')
      .meta({ examples: ['contoso.onmicrosoft.com'] }),
    client_id: z
      .string()
      .regex(GUID, {
        error: 'must be the Application (client) ID, such as 00000000-0000-0000-0000-000000000000',
      })
      .describe('The Application (client) ID of the app registration.')
      .meta({ examples: ['11111111-2222-3333-4444-555555555555'] }),
    client_secret: secret()
      .refine((value) => !GUID.test(value.reveal()), {
        error: "is the secret's ID: copy its Value, which Entra shows only once, when the secret is created",
      })
      .describe('The Value of a client secret of the app registration.')
      .meta({ examples: ['${M365_CLIENT_SECRET}'] }),
    mailbox: mailboxAddress,
    authority: z
      .string()
      .refine(isSafeUrl, { error: SAFE_URL })
      .default(MICROSOFT_AUTHORITY)
      .describe('The URL of Entra ID, if you use a national cloud.')
      .meta({ examples: ['https://login.microsoftonline.us'] }),
    scope: scope
      .default(MICROSOFT_SCOPE)
      .describe('The scope of the token, if you use a national cloud.')
      .meta({ examples: ['https://outlook.office365.us/.default'] }),
  })
  .describe('Microsoft 365: an app registration in Entra ID, with a client secret. See docs/mail.md.')

const google = z
  .strictObject({
    service_account: secret()
      .transform((key, context) => {
        const parsed = parseServiceAccount(key.reveal())
        if (parsed.ok) return parsed.account
        context.addIssue({ code: 'custom', message: parsed.mistake })
        return z.NEVER
      })
      .describe('The JSON key of a service account with domain-wide delegation: {file: PATH}.')
      .meta({ examples: ['${GOOGLE_SERVICE_ACCOUNT}'] }),
    mailbox: mailboxAddress,
  })
  .describe('Google Workspace: a service account with domain-wide delegation. See docs/mail.md.')

const generic = z
  .strictObject({
    token_url: z
      .string()
      .refine(isSafeUrl, { error: SAFE_URL })
      .describe('The token endpoint.')
      .meta({ examples: ['https://id.example.org/oauth2/token'] }),
    client_id: z
      .string()
      .min(1, { error: 'must not be empty' })
      .describe('The client id.')
      .meta({ examples: ['hookbridge'] }),
    client_secret: secret()
      .optional()
      .describe('The client secret. Required unless there is a refresh token.')
      .meta({ examples: ['${MAIL_CLIENT_SECRET}'] }),
    refresh_token: secret()
      .optional()
      .describe(
        'The refresh token. Without it, the client_credentials grant is used. If the server issues a new refresh token, ' +
          'that one is used until the service stops.',
      )
      .meta({ examples: ['${MAIL_REFRESH_TOKEN}'] }),
    scope: scope
      .optional()
      .describe('The scope of the token.')
      .meta({ examples: ['smtp'] }),
    client_auth: z
      .enum(['post', 'basic'])
      .default('post')
      .describe(
        'How the client sends its secret: in the body of the request (post), or by HTTP Basic authentication (basic).',
      ),
    user: z
      .string()
      .regex(/^[^\p{Cc}]+$/u, { error: 'must not be empty or contain control characters' })
      .optional()
      .describe('The user who logs in to the mail server. Default: the address of `from`.')
      .meta({ examples: ['alerts@example.org'] }),
  })
  .refine(({ client_secret, refresh_token }) => client_secret !== undefined || refresh_token !== undefined, {
    error: 'must have a client_secret or a refresh_token',
  })
  .describe('Any other OAuth 2.0 token server.')

export const oauth2: z.ZodType<OAuth2Settings> = z
  .strictObject({ microsoft: microsoft.optional(), google: google.optional(), generic: generic.optional() })
  .transform((settings, context): OAuth2Settings => {
    const { microsoft, google, generic } = settings
    const [only, ...others] = [
      ...(microsoft ? [{ ...rename(microsoft), provider: 'microsoft' as const }] : []),
      ...(google ? [{ ...rename(google), provider: 'google' as const }] : []),
      ...(generic ? [{ ...generic, provider: 'generic' as const }] : []),
    ]
    if (only !== undefined && others.length === 0) return only
    context.addIssue({ code: 'custom', message: 'must have exactly one of microsoft, google and generic' })
    return z.NEVER
  })
  .describe('Log in to the mail server with tokens (OAuth 2.0) instead of a password.')

function rename<T extends { mailbox?: string | undefined }>({ mailbox, ...rest }: T) {
  return { ...rest, user: mailbox }
}

/** What is wrong with these settings in combination with the others of `channels.email`; null if nothing. */
export function oauth2Mistake(
  settings: OAuth2Settings,
  { hasPassword, from }: { readonly hasPassword: boolean; readonly from: string },
): string | null {
  if (hasPassword)
    return 'cannot be combined with a user and a password in channels.email.smtp: remove them from the URL, or remove oauth2'
  const user = settings.user ?? from
  if (settings.provider === 'google' && CONSUMER_DOMAINS.includes(asciiDomainOf(user).toLowerCase()))
    return `a service account cannot use ${user}, which is not a Google Workspace mailbox: use an app password in channels.email.smtp`
  return null
}
