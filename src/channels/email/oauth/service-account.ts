/** The JSON key of a Google service account, as downloaded from the Cloud console. */
import { createPrivateKey } from 'node:crypto'
import { isObject } from '../../../core/json/json.ts'
import { Secret } from '../../../core/secret.ts'
import { isSafeUrl } from '../../settings.ts'

export interface ServiceAccount {
  readonly client_email: string
  /** The number that the Admin console asks for to delegate access. */
  readonly client_id: string
  readonly private_key_id: string
  /** PKCS #8, PEM. */
  readonly private_key: Secret
  readonly token_uri: string
}

export type ParsedServiceAccount =
  | { readonly ok: true; readonly account: ServiceAccount }
  | { readonly ok: false; readonly mistake: string }

const TOKEN_URI = 'https://oauth2.googleapis.com/token'

/** No mistake contains any of the text. */
export function parseServiceAccount(text: string): ParsedServiceAccount {
  const key = parseJson(text)
  if (!isObject(key)) {
    const isPath = text.length < 256 && !text.includes('{')
    return mistake(
      isPath
        ? 'must be the key itself, not where it is: write {file: PATH}'
        : 'must be the JSON key of a service account: the file is not JSON',
    )
  }
  if (key.type !== 'service_account') return mistake(`must be the key of a service account: ${kindOf(key)}`)
  const { client_email, private_key, private_key_id = '', client_id = '', token_uri = TOKEN_URI } = key
  for (const [name, value] of Object.entries({ client_email, private_key })) {
    if (typeof value !== 'string' || value === '') return mistake(`must be a whole key: ${name} is missing`)
  }
  if (!isRsaKey(private_key)) return mistake('has a private_key that is damaged: download a new key')
  if (!isSafeUrl(String(token_uri))) return mistake('has a token_uri that is not an https URL')
  const account = {
    client_email: String(client_email),
    client_id: String(client_id),
    private_key_id: String(private_key_id),
    private_key: new Secret(String(private_key)),
    token_uri: String(token_uri),
  }
  return { ok: true, account }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Other files that can be downloaded from the consoles. */
function kindOf(key: object): string {
  if ('installed' in key || 'web' in key) return 'this file is that of an OAuth client'
  if ('type' in key && key.type === 'authorized_user') return "this file has a user's own login (gcloud)"
  if ('type' in key && key.type === 'external_account') return 'workload identity federation is not supported'
  return 'its type is not service_account'
}

function isRsaKey(pem: unknown): boolean {
  try {
    return createPrivateKey(String(pem)).asymmetricKeyType === 'rsa'
  } catch {
    return false
  }
}

function mistake(words: string): ParsedServiceAccount {
  return { ok: false, mistake: words }
}
