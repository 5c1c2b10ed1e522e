/** How the token servers of Entra ID, of Google and of RFC 6749 answer, errors included. */
import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto'
import type { TokenAnswer, TokenRequest, TokenServer } from './token-server.ts'

export const entra = {
  tenant: 'contoso.onmicrosoft.com',
  client_id: '11111111-2222-3333-4444-555555555555',
  client_secret: 'abc8Q~entra-secret-value_0123456789',
} as const

export const generic = {
  client_id: 'hookbridge',
  client_secret: 'generic-client-secret: 100% & more',
  refresh_token: 'first-refresh-token',
} as const

const GOOGLE_USERS = ['alerts@example.org', 'alerts@example.com']
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })

/** The key file of a service account, as the Cloud console makes it. */
export function serviceAccountKey(server: Pick<TokenServer, 'url'>, more: object = {}): string {
  const key = {
    type: 'service_account',
    project_id: 'alerts-123',
    private_key_id: 'f00f00f00f00f00f00f00f00f00f00f00f00f00f',
    private_key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    client_email: 'alerts@alerts-123.iam.gserviceaccount.com',
    client_id: '100000000000000000042',
    auth_uri: 'https://accounts.google.com/o/oauth2/auth',
    token_uri: `${server.url}/token`,
    ...more,
  }
  return JSON.stringify(key, null, 2)
}

/** An error of Entra ID, which names numbers in its description. */
export function entraError(status: number, error: string, code: number, words: string): TokenAnswer {
  const ids = {
    trace_id: '255d1aef-8c98-452f-ac51-23d051240864',
    correlation_id: 'fb3d2015-bc17-4bb9-bb85-30c5cf1aaaa7',
  }
  return {
    status,
    body: {
      error,
      error_description: `AADSTS${code}: ${words} Trace ID: ${ids.trace_id} Correlation ID: ${ids.correlation_id} Timestamp: 2026-11-26 09:00:00Z`,
      error_codes: [code],
      timestamp: '2026-11-26 09:00:00Z',
      ...ids,
      error_uri: `https://login.microsoftonline.com/error?code=${code}`,
    },
  }
}

function serial({ tokens }: TokenServer): number {
  return tokens.size + 1
}

function issue(server: TokenServer, user: string, token: string): TokenAnswer {
  server.tokens.set(token, user)
  const expiry = server.expiresIn === null ? {} : { expires_in: server.expiresIn }
  return { status: 200, body: { token_type: 'Bearer', ...expiry, access_token: token } }
}

export function microsoft(server: TokenServer, { path, form }: TokenRequest): TokenAnswer {
  const tenant = decodeURIComponent(path.split('/')[1] ?? '')
  if (tenant !== entra.tenant)
    return entraError(
      400,
      'invalid_request',
      90002,
      `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID.`,
    )
  if (form.grant_type !== 'client_credentials')
    return entraError(400, 'unsupported_grant_type', 70003, 'The app requested an unsupported grant type.')
  if (form.client_id !== entra.client_id)
    return entraError(
      400,
      'unauthorized_client',
      700016,
      `Application with identifier '${form.client_id}' was not found in the directory 'Contoso'.`,
    )
  if (form.client_secret !== entra.client_secret)
    return entraError(
      401,
      'invalid_client',
      7000215,
      `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${entra.client_id}'.`,
    )
  const resource = /^(\S+)\/\.default$/.exec(form.scope ?? '')?.[1]
  if (resource === undefined)
    return entraError(
      400,
      'invalid_scope',
      1002012,
      `The provided value for scope ${form.scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
    )
  return issue(
    server,
    '',
    unsignedJwt({ aud: resource, roles: ['SMTP.SendAsApp'], appid: entra.client_id, n: serial(server) }),
  )
}

export function google(server: TokenServer, { form }: TokenRequest): TokenAnswer {
  const refuse = (error: string, error_description: string) => ({
    status: 400,
    body: { error, error_description },
  })
  if (form.grant_type !== 'urn:ietf:params:oauth:grant-type:jwt-bearer')
    return refuse('unsupported_grant_type', `Invalid grant_type: ${form.grant_type}`)
  const claims = verified(
    form.assertion ?? '',
    createPublicKey(pair.publicKey.export({ type: 'spki', format: 'pem' })),
  )
  if (claims === null) return refuse('invalid_grant', 'Invalid JWT Signature.')
  const now = Date.now() / 1_000
  if (claims.aud !== `${server.url}/token` || !(claims.exp > now && claims.exp - claims.iat <= 3_600))
    return refuse(
      'invalid_grant',
      'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.',
    )
  if (claims.scope !== 'https://mail.google.com/')
    return refuse(
      'unauthorized_client',
      'Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.',
    )
  if (!GOOGLE_USERS.includes(claims.sub)) return refuse('invalid_grant', 'Invalid email or User ID')
  return issue(server, claims.sub, `ya29.c.opaque-google-token-${serial(server)}`)
}

export function standard(server: TokenServer, { form, headers }: TokenRequest): TokenAnswer {
  const [id, secret] = headers.authorization
    ? basic(headers.authorization)
    : [form.client_id, form.client_secret]
  if (id !== generic.client_id || secret !== generic.client_secret) {
    const challenge: Record<string, string> = headers.authorization
      ? { 'www-authenticate': 'Basic realm="tokens"' }
      : {}
    return { status: 401, headers: challenge, body: { error: 'invalid_client' } }
  }
  if (form.grant_type === 'client_credentials')
    return issue(server, server.subject, `opaque-token-${serial(server)}`)
  if (form.grant_type !== 'refresh_token') return { status: 400, body: { error: 'unsupported_grant_type' } }
  if (form.refresh_token !== generic.refresh_token)
    return {
      status: 400,
      body: { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' },
    }
  return issue(server, server.subject, `opaque-token-${serial(server)}`)
}

/** As Entra's access tokens look; nobody but the mail server verifies them. */
export function unsignedJwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ typ: 'JWT', alg: 'RS256' })}.${part(claims)}.c2lnbmF0dXJl`
}

interface Claims {
  readonly aud: string
  readonly scope: string
  readonly sub: string
  readonly iat: number
  readonly exp: number
}

function verified(jwt: string, key: KeyObject): Claims | null {
  const [header = '', payload = '', signature = ''] = jwt.split('.')
  const { alg, kid } = JSON.parse(Buffer.from(header, 'base64url').toString() || '{}')
  if (alg !== 'RS256' || kid !== JSON.parse(serviceAccountKey({ url: '' })).private_key_id) return null
  const good = verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'))
  return good ? JSON.parse(Buffer.from(payload, 'base64url').toString()) : null
}

/** RFC 6749, 2.3.1: both are encoded as in a form before they are joined. */
function basic(header: string): (string | undefined)[] {
  const decoded = Buffer.from(header.replace(/^Basic /, ''), 'base64').toString()
  return decoded.split(':').map((part) => decodeURIComponent(part.replaceAll('+', ' ')))
}
