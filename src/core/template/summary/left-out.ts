/** Which fields are no facts, or the last: what means little to a reader, what the message says already, what must not be shown. */
import { isList, type Json } from '../../json/json.ts'
import { isNumber } from '../../json/number.ts'
import { wordsOf } from './fact.ts'
import type { Field } from './field.ts'

const DEEPEST_FACT = 2
const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
// UUIDs, ULIDs, long hexadecimal ids, and letters with digits in several places (KSUIDs and the like) behind a prefix.
const LOOKS_LIKE_ID = new RegExp(
  `^(?:(?:[a-z]+[-_]){0,3}(?:${UUID}|[0-9a-f]{16,}|[0-9A-HJKMNP-TV-Z]{26})|` +
    '(?:[a-z]+_){1,3}(?=[A-Za-z]*\\d+[A-Za-z]+\\d)[0-9A-Za-z]{12,})$',
)
/** Longer texts are none. */
const LONGEST_ID = 100

export function isId(value: string, id: string): boolean {
  return value === id || (value.length <= LONGEST_ID && LOOKS_LIKE_ID.test(value))
}

// Not `tokens`, which are counted.
const SECRET_KEY =
  /(?:^|_)(?:token|secrets?|passwords?|passcode|passphrase|otp|totp|credentials?|signature|jwt|(?:api|access|private|signing|session)_key)(?:_|$)/
const SECRET_PARAMETER =
  /(?:^|[_-])(?:code|key|sig|signature|ticket|token|secret|password|otp|jwt)(?:[_-]|$)/i
const JWT = /^eyJ[\w-]{10,}\.[\w-]*/
const URL_START = /^https?:\/\//i

/** Whether who reads it could use it as somebody else: a password, a one-time code, a link that logs in. */
function isSecret({ key, parent, value }: Field): boolean {
  if (SECRET_KEY.test(key) || SECRET_KEY.test(parent)) return true
  return textsOf(value).some((text) => JWT.test(text) || (URL_START.test(text) && holdsSecret(text)))
}

/** A text, or those of a list. */
function textsOf(value: Json): readonly string[] {
  return (isList(value) ? value : [value]).filter((item) => typeof item === 'string')
}

function holdsSecret(url: string): boolean {
  if (!URL.canParse(url)) return true
  const { searchParams, password } = new URL(url)
  return password !== '' || [...searchParams.keys()].some((name) => SECRET_PARAMETER.test(name))
}

/** Whether the title has said it: the type itself, or `status: failed` and `failed: true` for `batch.failed`. */
function repeatsType({ key, value }: Field, type: string): boolean {
  const outcome = wordsOf(type).at(-1)?.toLowerCase()
  if (value === true) return key === outcome
  return typeof value === 'string' && [type.toLowerCase(), outcome].includes(value.toLowerCase())
}

/** What says little: flags, zeros and addresses of pages, of which senders have many. */
export function isMinor({ value }: Field): boolean {
  if (typeof value === 'string') return URL_START.test(value)
  return typeof value === 'boolean' || (isNumber(value) && Number(value) === 0)
}

const PICTURE_KEY = /(?:^|_)(?:image|avatar|logo|picture|photo|icon)(?:_ur[il])?$/

/** Neither an id nor the time of a record; `object` is what senders call the kind of a mapping. */
export function isFact(field: Field, type: string, id: string): boolean {
  const { key, depth, value } = field
  if (depth > DEEPEST_FACT || /(?:^|_)(?:id|uuid|object)s?$|^(?:created|updated)_at$/.test(key)) return false
  if (isSecret(field) || repeatsType(field, type)) return false
  if (PICTURE_KEY.test(key) && typeof value === 'string' && URL_START.test(value)) return false
  return !textsOf(value).some((text) => isId(text, id))
}
