/** Makes one request for an access token to the token server, and keeps nothing. */
import { createPrivateKey } from 'node:crypto'
import { SignJWT } from 'jose'
import {
  type AuthorizationServer,
  allowInsecureRequests,
  type Client,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  clientCredentialsGrantRequest,
  customFetch,
  genericTokenEndpointRequest,
  None,
  processGenericTokenEndpointResponse,
  refreshTokenGrantRequest,
} from 'oauth4webapi'
import { redact, Secret } from '../../../core/secret.ts'
import type { HttpClient } from '../../../network/http.ts'
import type { LoginProblem } from './problem.ts'
import type { GenericSettings, GoogleSettings, MicrosoftSettings, OAuth2Settings } from './settings.ts'
import { type HttpAnswer, tokenProblem } from './token-problem.ts'

export interface IssuedToken {
  readonly value: Secret
  /** Null if the server does not say. */
  readonly lifetimeMs: number | null
  /** One that replaces the refresh token of the request. */
  readonly refreshToken: Secret | null
}

export type IssuedResult =
  | { readonly ok: true; readonly token: IssuedToken }
  | { readonly ok: false; readonly problem: LoginProblem }

interface Context {
  readonly user: string
  readonly refreshToken: Secret | null
  readonly http: HttpClient
}

type Fetch = (
  url: string,
  init: { readonly headers: object; readonly body: URLSearchParams },
) => Promise<Response>

const GOOGLE_SCOPE = 'https://mail.google.com/'
const ASSERTION_LIFETIME_S = 300
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** Never throws: any failure is a result. `user`: the user who logs in to the mail server. */
export async function requestToken(settings: OAuth2Settings, context: Context): Promise<IssuedResult> {
  const url = tokenUrl(settings)
  let answer: HttpAnswer | null = null
  const fetch: Fetch = async (url, { headers, body }) => {
    const init = { method: 'POST', headers: { ...headers }, body: body.toString() } as const
    const response = await context.http.fetch(url, init)
    const { status, headers: received } = response
    answer = { status, headers: received, text: '', isWhole: false }
    answer = { ...answer, text: await response.text(), isWhole: true }
    return new Response(withoutIdToken(answer.text) || null, answer)
  }
  try {
    const server = { issuer: new URL(url).origin, token_endpoint: url }
    const client = { client_id: clientId(settings) }
    const response = await send(settings, context, server, client, fetch)
    const token = await processGenericTokenEndpointResponse(server, client, response)
    return {
      ok: true,
      token: {
        value: new Secret(token.access_token),
        lifetimeMs: token.expires_in === undefined ? null : token.expires_in * 1_000,
        refreshToken: token.refresh_token === undefined ? null : new Secret(token.refresh_token),
      },
    }
  } catch (error) {
    const words = (text: string) => redact(text, secretsOf(settings, context))
    return { ok: false, problem: tokenProblem({ settings, url, user: context.user, answer, error, words }) }
  }
}

export function tokenUrl(settings: OAuth2Settings): string {
  if (settings.provider === 'google') return settings.service_account.token_uri
  if (settings.provider === 'generic') return settings.token_url
  return `${settings.authority.replace(/\/+$/, '')}/${encodeURIComponent(settings.tenant)}/oauth2/v2.0/token`
}

function clientId(settings: OAuth2Settings): string {
  return settings.provider === 'google' ? settings.service_account.client_email : settings.client_id
}

async function send(
  settings: OAuth2Settings,
  context: Context,
  server: AuthorizationServer,
  client: Client,
  fetch: Fetch,
): Promise<Response> {
  // The configuration allows http only for a loopback address.
  const options = {
    [customFetch]: fetch,
    [allowInsecureRequests]: true,
    headers: { accept: 'application/json' },
  }
  if (settings.provider === 'google') {
    const assertion = await signAssertion(settings, context.user)
    return genericTokenEndpointRequest(server, client, None(), JWT_BEARER, { assertion }, options)
  }
  const auth = clientAuth(settings)
  const scope = settings.scope === undefined ? {} : { scope: settings.scope }
  if (context.refreshToken === null)
    return clientCredentialsGrantRequest(server, client, auth, scope, options)
  const more = { ...options, additionalParameters: scope }
  return refreshTokenGrantRequest(server, client, auth, context.refreshToken.reveal(), more)
}

function clientAuth(settings: MicrosoftSettings | GenericSettings): ClientAuth {
  if (settings.client_secret === undefined) return None()
  const secret = settings.client_secret.reveal()
  const basic = settings.provider === 'generic' && settings.client_auth === 'basic'
  return basic ? ClientSecretBasic(secret) : ClientSecretPost(secret)
}

/** https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests */
async function signAssertion({ service_account }: GoogleSettings, user: string): Promise<string> {
  const { client_email, private_key, private_key_id, token_uri } = service_account
  return new SignJWT({ scope: GOOGLE_SCOPE })
    .setProtectedHeader({
      alg: 'RS256',
      typ: 'JWT',
      ...(private_key_id === '' ? {} : { kid: private_key_id }),
    })
    .setIssuer(client_email)
    .setSubject(user)
    .setAudience(token_uri)
    .setIssuedAt()
    .setExpirationTime(`${ASSERTION_LIFETIME_S}s`)
    .sign(createPrivateKey(private_key.reveal()))
}

/** An ID token is about a person. It would fail to verify: the settings do not have the issuer that it must name. */
function withoutIdToken(text: string): string {
  try {
    const { id_token, ...rest } = JSON.parse(text)
    return id_token === undefined ? text : JSON.stringify(rest)
  } catch {
    return text
  }
}

function secretsOf(settings: OAuth2Settings, { refreshToken }: Context): Secret[] {
  if (settings.provider === 'google') return [settings.service_account.private_key]
  const written = settings.provider === 'generic' ? settings.refresh_token : undefined
  return [settings.client_secret, written, refreshToken].flatMap((secret) => secret ?? [])
}
