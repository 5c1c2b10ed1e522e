/** Mail addresses as an operator writes them: `jane@example.org` or `Jane Doe <jane@example.org>`. */

export interface Mailbox {
  /** Empty where none is given. */
  readonly name: string
  /** The bare address: ASCII, without spaces, brackets or line breaks. */
  readonly address: string
}

const WITH_NAME = /^(?<name>[^<>]*)<(?<address>[^<>]*)>$/
// The characters of an atom (RFC 5322); a quoted local part is legal, and hardly used.
const LOCAL_PART = /^[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*$/
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/i
const LONGEST_LOCAL_PART = 64
const LONGEST_ADDRESS = 254

/** Null where the text is not one address that mail can be sent to. */
export function parseMailbox(text: string): Mailbox | null {
  const trimmed = text.trim()
  if (/\p{Cc}/u.test(trimmed)) return null
  const { name = '', address = trimmed } = WITH_NAME.exec(trimmed)?.groups ?? {}
  return isAddress(address) ? { name: unquote(name.trim()), address } : null
}

/** The part after the @. */
export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1)
}

function isAddress(text: string): boolean {
  const at = text.lastIndexOf('@')
  if (at < 1 || at > LONGEST_LOCAL_PART || text.length > LONGEST_ADDRESS) return false
  const domain = text.slice(at + 1)
  return LOCAL_PART.test(text.slice(0, at)) && (DOMAIN.test(domain) || domain === 'localhost')
}

function unquote(name: string): string {
  if (!/^".*"$/.test(name)) return name
  return name.slice(1, -1).replaceAll(/\\(.)/g, '$1')
}
