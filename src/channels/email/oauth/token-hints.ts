/**
 * What an error of the token server means for the operator. It does not decide whether to retry: Microsoft says
 * that the numbers and texts of its errors change, so they are only used to choose a hint.
 */
import type { Explanation } from './problem.ts'
import type { OAuth2Settings } from './settings.ts'

type Provider = OAuth2Settings['provider']

interface Asked {
  readonly settings: OAuth2Settings
  readonly user: string
}

interface Rule {
  readonly provider?: Provider
  readonly error?: readonly string[]
  /** Matched against the description. */
  readonly says?: RegExp
  readonly words: (asked: Asked) => Explanation
}

const KEY = 'channels.email.oauth2'

function client(hint: string, summary = 'the token server does not accept the client'): Rule['words'] {
  return () => ({ code: 'oauth_client', summary, hint })
}

function scope(hint: string): Rule['words'] {
  return () => ({ code: 'oauth_scope', summary: 'the token server issues no token for this scope', hint })
}

function grant(summary: string, hint: string): Rule['words'] {
  return () => ({ code: 'oauth_grant', summary, hint })
}

/** The first that fits. AADSTS: https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
const rules: readonly Rule[] = [
  {
    provider: 'microsoft',
    says: /AADSTS7000222\b/,
    words: client(
      `make a new client secret in Entra (App registrations > Certificates & secrets) and put its Value into ${KEY}.microsoft.client_secret`,
      'the client secret has expired',
    ),
  },
  {
    provider: 'microsoft',
    says: /AADSTS7000215\b/,
    words: client(
      `put the Value of a client secret of this app, not its ID, into ${KEY}.microsoft.client_secret`,
      'Entra does not accept the client secret',
    ),
  },
  {
    provider: 'microsoft',
    says: /AADSTS(?:90002|900021|900023)\b/,
    words: client(
      `correct ${KEY}.microsoft.tenant: the Directory (tenant) ID on the Overview page of the app registration`,
      'Entra has no such tenant',
    ),
  },
  {
    provider: 'microsoft',
    says: /AADSTS(?:700016|7000229)\b/,
    words: client(
      `correct ${KEY}.microsoft.client_id (the Application ID of the app registration) or its tenant; an app of another tenant needs the consent of an administrator of this one`,
      'the app is not in this tenant',
    ),
  },
  {
    provider: 'microsoft',
    says: /AADSTS7000112\b/,
    words: client(
      'enable it in Entra: Enterprise applications > the app > Properties > Enabled for users to sign-in',
      'the app is disabled',
    ),
  },
  {
    provider: 'microsoft',
    says: /AADSTS53003\b/,
    words: client(
      'exclude the app from the policy, or add the address of this machine to it (Entra > Conditional Access)',
      'a Conditional Access policy prevents the app from getting a token',
    ),
  },
  {
    provider: 'microsoft',
    says: /AADSTS(?:70011|1002012|500011|650057)\b/,
    words: scope(
      `correct ${KEY}.microsoft.scope: https://outlook.office365.com/.default, except in a national cloud`,
    ),
  },
  {
    provider: 'google',
    error: ['unauthorized_client', 'access_denied'],
    words: ({ settings }) => ({
      code: 'oauth_scope',
      summary: 'Google has not delegated the mailboxes of the domain to the service account',
      hint:
        'in admin.google.com, Security > API controls > Domain-wide delegation, add the client ID ' +
        `${settings.provider === 'google' ? settings.service_account.client_id : ''} with the scope https://mail.google.com/; it can take a day to work`,
    }),
  },
  {
    provider: 'google',
    says: /short-lived|reasonable timeframe|iat and exp/i,
    words: grant(
      "Google refuses the time of the request: this machine's clock is wrong",
      'set the clock (timedatectl)',
    ),
  },
  {
    provider: 'google',
    says: /signature/i,
    words: grant(
      'Google does not accept the key of the service account',
      `make a new key in the Cloud console (IAM > Service accounts > Keys) for ${KEY}.google.service_account: this one was deleted or disabled`,
    ),
  },
  {
    provider: 'google',
    says: /account not found/i,
    words: grant(
      'the service account no longer exists',
      `make a service account and a key for ${KEY}.google.service_account`,
    ),
  },
  {
    provider: 'google',
    error: ['invalid_grant'],
    words: ({ user }) => ({
      code: 'oauth_mailbox',
      summary: `Google has no mailbox ${user}`,
      hint: `correct ${KEY}.google.mailbox: the primary address of a user of the domain, not an alias or a group`,
    }),
  },
  {
    provider: 'google',
    error: ['invalid_client', 'disabled_client', 'deleted_client'],
    words: client(
      `enable the service account in the Cloud console, or make a new key for ${KEY}.google.service_account`,
    ),
  },
  {
    error: ['invalid_scope', 'invalid_target', 'invalid_resource'],
    words: ({ settings }) =>
      scope(
        settings.provider === 'generic'
          ? `correct ${KEY}.generic.scope, or allow it to the client at the token server`
          : 'ask the administrator of the domain whether this application may use SMTP',
      )({ settings, user: '' }),
  },
  {
    error: ['invalid_client'],
    words: ({ settings: { provider } }) => ({
      code: 'oauth_client',
      summary: 'the token server does not accept the client',
      hint:
        provider === 'generic'
          ? `correct client_id and client_secret in ${KEY}.generic; some servers take the secret with client_auth: basic alone`
          : `correct client_id and client_secret in ${KEY}.${provider}`,
    }),
  },
  {
    error: ['unauthorized_client', 'unsupported_grant_type'],
    words: ({ settings }) => ({
      code: 'oauth_grant',
      summary: 'the token server does not allow this grant to the client',
      hint:
        settings.provider === 'generic' && settings.refresh_token === undefined
          ? `allow the grant client_credentials to the client, or set ${KEY}.generic.refresh_token`
          : 'allow the grant to the client at the token server',
    }),
  },
  {
    provider: 'generic',
    error: ['invalid_grant'],
    words: grant(
      'the token server does not accept the refresh token: it has expired, was revoked, or was used before',
      `log in again for a new ${KEY}.generic.refresh_token`,
    ),
  },
]

/** `error`, `description`: of the token server's answer. */
export function hintFor(asked: Asked, error: string, description: string): Explanation {
  const rule = rules.find(
    ({ provider, error: errors, says }) =>
      (provider === undefined || provider === asked.settings.provider) &&
      (errors === undefined || errors.includes(error)) &&
      (says === undefined || says.test(description)),
  )
  return (
    rule?.words(asked) ?? {
      code: 'oauth_refused',
      summary: 'the token server refuses the request for a token',
      hint: `compare ${KEY}.${asked.settings.provider} with how the client is registered at the token server, whose error says why`,
    }
  )
}
