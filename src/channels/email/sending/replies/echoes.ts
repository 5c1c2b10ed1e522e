/** What servers repeat of a client in their replies: addresses, and names of hosts. Words in them say nothing about a reason. */
import { asciiDomainOf, isDomainName } from '../../address.ts'

const IN_BRACKETS = /<(?!https?:)[^<>\s]{1,512}>/gi
/** Also as a parameter of a URL. What precedes the @ ends where a URL has other parts. */
const ADDRESS = /[^\s<>()[\]:;,"/=?&]{1,64}(?:@|%40)[^\s<>()[\]:;,"/?&]{1,255}/gi
const ANY_HOST = 'x.x'
const ANY_ADDRESS = `x@${ANY_HOST}`

/**
 * All of them become the same, so that the sentence around them keeps its shape. `names`: full names of hosts that the server may
 * repeat without an address, also as the end of a longer name. Other names stay, as those of block lists do.
 */
export function withoutEchoes(text: string, names: readonly string[]): string {
  const anonymous = text.replaceAll(IN_BRACKETS, `<${ANY_ADDRESS}>`).replaceAll(ADDRESS, ANY_ADDRESS)
  if (names.length === 0) return anonymous
  const alternatives = names.map((name) => name.replaceAll('.', '\\.')).join('|')
  // The host of a URL is where the server explains its reason.
  const pattern = `(?<![\\w.-]|://)(?:[\\w-]{1,63}\\.){0,9}(?:${alternatives})(?![\\w-])`
  return anonymous.replaceAll(new RegExp(pattern, 'gi'), ANY_HOST)
}

/** What a server may call itself, the client, and the domains of these addresses. */
export function hostNames(hosts: readonly string[], addresses: readonly string[]): readonly string[] {
  return [...hosts, ...addresses.map(asciiDomainOf)].filter(isDomainName)
}
