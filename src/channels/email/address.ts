/** Mail addresses as an operator writes them: `jane@example.org` or `Jane Doe <jane@example.org>`. */
import { domainToASCII } from 'node:url'

export interface Mailbox {
  /** Empty if none is given. */
  readonly name: string
  /** The bare address as written, without spaces, brackets or line breaks; may have letters beyond ASCII. */
  readonly address: string
}

const WITH_NAME = /^(?<name>[^<>]*)<(?<address>[^<>]*)>$/
// The characters of an atom (RFC 5322, RFC 6532); a quoted local part is valid, but rarely used.
const LOCAL_PART = /^[\w!#$%&'*+/=?^`{|}~\p{L}\p{M}\p{N}-]+(?:\.[\w!#$%&'*+/=?^`{|}~\p{L}\p{M}\p{N}-]+)*$/u
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/i
const DOMAIN_CHARACTERS = /^[\p{L}\p{M}\p{N}.-]+$/u
const ASCII = /^[\x20-\x7e]*$/
// In bytes, on the wire.
const LONGEST_LOCAL_PART = 64
const LONGEST_ADDRESS = 254

/** Null if the text is not one address that mail can be sent to. */
export function parseMailbox(text: string): Mailbox | null {
  const trimmed = text.trim().normalize('NFC')
  if (/\p{Cc}/u.test(trimmed)) return null
  const { name = '', address = trimmed } = WITH_NAME.exec(trimmed)?.groups ?? {}
  return isAddress(address) ? { name: unquote(name.trim()), address } : null
}

/** One address, or several separated by commas or semicolons, as in a variable. Null if one of them is not an address. */
export function parseMailboxes(text: string): Mailbox[] | null {
  const single = parseMailbox(text)
  // `Doe, Jane <jane@example.org>` is one, `joe@example.org, Jane <jane@example.org>` are two.
  if (single !== null && !single.name.includes('@')) return [single]
  const mailboxes: Mailbox[] = []
  for (const part of splitList(text)) {
    const mailbox = parseMailbox(part)
    if (mailbox === null) return null
    mailboxes.push(mailbox)
  }
  return mailboxes.length === 0 ? null : mailboxes
}

/** The address as it is sent: with the domain in ASCII (RFC 5891). */
export function wireAddress(address: string): string {
  return `${localPartOf(address)}@${asciiDomainOf(address)}`
}

/** Whether it can only be sent with SMTPUTF8 (RFC 6531). */
export function needsUtf8(address: string): boolean {
  return !ASCII.test(localPartOf(address))
}

/** The same for all spellings of one mailbox. By RFC 5321 a local part is case-sensitive; in practice it is not. */
export function addressKey(address: string): string {
  return wireAddress(address).toLowerCase()
}

/** The part after the @, in ASCII. */
export function asciiDomainOf(address: string): string {
  const domain = address.slice(address.lastIndexOf('@') + 1)
  return ASCII.test(domain) ? domain : domainToASCII(domain)
}

/** Whether it is a fully qualified domain name, in ASCII. */
export function isDomainName(text: string): boolean {
  return DOMAIN.test(text)
}

function localPartOf(address: string): string {
  return address.slice(0, address.lastIndexOf('@'))
}

function isAddress(text: string): boolean {
  if (text.lastIndexOf('@') < 1) return false
  const domain = text.slice(text.lastIndexOf('@') + 1)
  if (!LOCAL_PART.test(localPartOf(text)) || !DOMAIN_CHARACTERS.test(domain)) return false
  if (Buffer.byteLength(localPartOf(text)) > LONGEST_LOCAL_PART) return false
  if (Buffer.byteLength(wireAddress(text)) > LONGEST_ADDRESS) return false
  return isDomainName(asciiDomainOf(text)) || domain === 'localhost'
}

/** Commas and semicolons divide, but not within quotes: `"Doe, Jane" <jane@example.org>`. */
function splitList(text: string): string[] {
  const parts = text.match(/(?:"(?:\\.|[^"\\])*"|[^",;])+|"/g) ?? []
  return parts.filter((part) => part.trim() !== '')
}

function unquote(name: string): string {
  if (!/^".*"$/.test(name)) return name
  return name.slice(1, -1).replaceAll(/\\(.)/g, '$1')
}
