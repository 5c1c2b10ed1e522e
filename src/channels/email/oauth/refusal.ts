/** Why the mail server does not accept a token that the token server issued. */
import { isObject } from '../../../core/json/json.ts'
import type { Secret } from '../../../core/secret.ts'
import type { Explanation, LoginProblem } from './problem.ts'
import type { OAuth2Settings } from './settings.ts'

interface Refused {
  readonly settings: OAuth2Settings
  readonly user: string
  readonly token: Secret
  /** The server's words, without secrets. */
  readonly reason: string
}

const KEY = 'channels.email.oauth2'
const SMTP_ROLE = 'SMTP.SendAsApp'
/** The resource by its names, and by its application ID. */
const EXCHANGE =
  /^00000002-0000-0ff1-ce00-000000000000$|^https:\/\/(?:outlook\.office(?:365)?\.(?:com|us)|partner\.outlook\.cn|[a-z0-9-]+\.outlook\.com)\/?$/i

export function refusalProblem(refused: Refused): LoginProblem {
  const { settings, user, reason } = refused
  if (settings.provider === 'microsoft') return { kind: 'park', reason, ...microsoft(refused) }
  if (settings.provider === 'google') {
    return {
      kind: 'park',
      code: 'oauth_mailbox',
      summary: `there is a token, and Gmail does not take it for ${user}`,
      hint: `check that Gmail is on for this user, that ${KEY}.google.mailbox is the user's primary address, and that the scope of the domain-wide delegation is https://mail.google.com/`,
      reason,
    }
  }
  return {
    kind: 'park',
    code: 'oauth_mailbox',
    summary: `there is a token, and the mail server does not take it for ${user}`,
    hint: `check ${KEY}.generic: user must be the one that the token is for, and scope what the mail server asks for`,
    reason,
  }
}

/** `offered`: the mechanisms of the server. A password or a token is only sent to a server that asks for one. */
export function notOffered(offered: readonly string[], wanted: 'password' | 'token'): LoginProblem {
  if (offered.length === 0) {
    return {
      kind: 'park',
      code: 'smtp_no_login',
      summary: 'the mail server offers no login on this connection',
      hint:
        wanted === 'password'
          ? 'remove user and password from channels.email.smtp, or let it encrypt (channels.email.tls: required)'
          : 'connect to its submission port (usually 587), and let it encrypt (channels.email.tls: required)',
      reason: 'the server offers no login',
    }
  }
  return {
    kind: 'park',
    code: 'smtp_no_mechanism',
    summary: `the mail server does not take a login with a ${wanted}`,
    hint:
      wanted === 'password'
        ? 'log in with tokens: channels.email.oauth2 (docs/mail.md)'
        : 'put user and password into channels.email.smtp, and remove channels.email.oauth2',
    reason: `the server offers ${offered.join(', ')}`,
  }
}

function microsoft({ token, user, reason }: Refused): Explanation {
  const { aud, roles } = claimsOf(token)
  if (typeof aud === 'string' && !EXCHANGE.test(aud)) {
    return {
      code: 'oauth_scope',
      summary: `the token is for ${aud.slice(0, 80)}, and not for Exchange Online`,
      hint: `correct ${KEY}.microsoft.scope: https://outlook.office365.com/.default, except in a national cloud`,
    }
  }
  if (aud !== undefined && !(Array.isArray(roles) && roles.includes(SMTP_ROLE))) {
    return {
      code: 'oauth_permission',
      summary: `the app has no permission ${SMTP_ROLE}`,
      hint:
        `in Entra, add the application permission ${SMTP_ROLE} of Office 365 Exchange Online to the app ` +
        '(API permissions > APIs my organization uses), and grant admin consent',
    }
  }
  if (/SmtpClientAuthentication is disabled/i.test(reason)) {
    const tenant = /for the tenant/i.test(reason)
    return {
      code: 'oauth_mailbox',
      summary: `SMTP AUTH is switched off for the ${tenant ? 'tenant' : `mailbox ${user}`}`,
      hint: `in Exchange Online PowerShell: Set-CASMailbox -Identity ${user} -SmtpClientAuthenticationDisabled $false`,
    }
  }
  if (/security defaults/i.test(reason)) {
    return {
      code: 'oauth_mailbox',
      summary: "the organization's security defaults prevent the mailbox from using SMTP AUTH",
      hint: 'switch the security defaults off in Entra (Properties), and use Conditional Access instead',
    }
  }
  return {
    code: 'oauth_mailbox',
    summary: `the app may not use the mailbox ${user}`,
    hint:
      'in Exchange Online PowerShell: New-ServicePrincipal with the object ID of the enterprise application, then ' +
      `Add-MailboxPermission -Identity ${user} -User <that object ID> -AccessRights FullAccess (docs/mail.md)`,
  }
}

/** Only for diagnosis: the signature is not verified. Empty if the token is not a JWT. */
function claimsOf(token: Secret): { readonly aud?: unknown; readonly roles?: unknown } {
  try {
    const claims: unknown = JSON.parse(
      Buffer.from(token.reveal().split('.')[1] ?? '', 'base64url').toString(),
    )
    return isObject(claims) ? claims : {}
  } catch {
    return {}
  }
}
