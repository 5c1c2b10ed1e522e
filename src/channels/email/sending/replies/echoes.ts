/** Parts of replies that only repeat what the client sent: addresses and host names. Words in them do not give a reason. */
import { asciiDomainOf, isDomainName } from '../../address.ts'

const IN_BRACKETS = /<(?!https?:)[^<>\s]{1,512}>/gi
/** An address may also be a parameter of a URL; its local part ends at the delimiters of a URL. */
const ADDRESS = /[^\s<>()[\]:;,"/=?&]{1,64}(?:@|%40)[^\s<>()[\]:;,"/?&]{1,255}/gi
const ANY_HOST = 'x.x'
const ANY_ADDRESS = `x@${ANY_HOST}`

/**
 * Replaces them all by the same placeholder, so that the sentence stays readable. `names`: full host names that the server may
 * repeat by themselves, or at the end of a longer name. Other names are kept, such as those of block lists.
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
