/** What `allow_ips` may list: addresses, CIDRs, and names for the addresses that Svix sends from. */

export interface AddressRule {
  readonly family: 'ipv4' | 'ipv6'
  readonly address: string
  /** How many leading bits count. */
  readonly prefix: number
}

export type AddressEntry =
  | { readonly ok: true; readonly rules: readonly AddressRule[] }
  | { readonly ok: false; readonly message: string }

// https://docs.svix.com/webhook-ips.json, November 2026
const svixRegions: Readonly<Record<string, readonly string[]>> = {
  us: ['44.228.126.217', '50.112.21.217', '52.24.126.164', '54.148.139.208', '2600:1f24:64:8000::/56'],
  'us-east': ['54.164.207.221', '54.90.7.123', '2600:1f28:37:4000::/56'],
  eu: ['52.215.16.239', '54.216.8.72', '63.33.109.123', '2a05:d028:17:8000::/56'],
  au: ['13.239.204.236', '54.66.246.217', '54.252.65.96', '2406:da2c:13:4000::/56'],
  ca: ['52.60.44.49', '3.98.68.230', '3.96.105.27', '2600:1f21:1c:4000::/56'],
}

const presets: ReadonlyMap<string, readonly string[]> = new Map([
  ['svix', Object.values(svixRegions).flat()],
  ...Object.entries(svixRegions).map(([region, addresses]) => [`svix:${region}`, addresses] as const),
])

const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const IPV4 = `${OCTET}(?:\\.${OCTET}){3}(?:/0{0,2}(?:3[0-2]|[12]?\\d))?`
const IPV6 = '[\\dA-Fa-f:.]*:[\\dA-Fa-f:.]*(?:%[^/]+)?(?:/\\d{1,3})?'

/** A pattern of addresses and networks, for editors. It accepts more than the loader does, especially for IPv6. */
export const networkPattern = `(?:${IPV4}|${IPV6})`
/** Likewise for an entry of `allow_ips`. */
export const addressEntryPattern = `^(?:${[...presets.keys()].join('|')}|${networkPattern})$`

export function parseAddressEntry(entry: string): AddressEntry {
  const preset = presets.get(entry)
  if (preset !== undefined) return { ok: true, rules: preset.flatMap(toRules) }
  if (/^svix\b/.test(entry))
    return refuse(`unknown preset "${entry}"; known: ${[...presets.keys()].join(', ')}`)
  const rule = toRule(entry)
  return typeof rule === 'string' ? refuse(rule) : { ok: true, rules: [rule] }
}

function toRules(text: string): AddressRule[] {
  const rule = toRule(text)
  return typeof rule === 'string' ? [] : [rule]
}

/** A rule, or a message that says what is wrong. */
function toRule(entry: string): AddressRule | string {
  const [text = '', prefixText, ...others] = entry.split('/')
  // An IPv4-mapped IPv6 address is the IPv4 address.
  const mapped = /^::ffff:(?=\d+\.)/i.exec(text)?.[0] ?? ''
  const address = text.slice(mapped.length)
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : null
  if (family === null || others.length > 0) {
    return `"${entry}" is not an address, a CIDR (10.0.0.0/8, 2001:db8::/32) or one of ${[...presets.keys()].join(', ')}`
  }
  const bits = family === 'ipv4' ? 32 : 128
  if (prefixText === undefined) return { family, address, prefix: bits }
  const skipped = mapped === '' ? 0 : 96
  const prefix = /^\d{1,3}$/.test(prefixText) ? Number(prefixText) - skipped : -1
  if (prefix < 0 || prefix > bits)
    return `"${entry}": the number after / must be ${skipped} to ${bits + skipped}`
  return { family, address, prefix }
}

const PORT = /:\d{1,5}$/
const IN_BRACKETS = /^\[([^\]]*)\](?::\d{1,5})?$/

/**
 * The address in a value of X-Forwarded-For, as proxies write it. Some add the client's port (Azure), brackets or quotes. Text in
 * which there is no address is returned as it is.
 */
export function bareAddress(text: string): string {
  if (isIPv4(text)) return text
  const unquoted = text.replace(/^"(.*)"$/, '$1')
  const bracketed = IN_BRACKETS.exec(unquoted)?.[1]
  if (bracketed !== undefined) return isIPv6(withoutZone(bracketed)) ? bracketed : text
  if (isIPv4(unquoted) || isIPv6(withoutZone(unquoted))) return unquoted
  const withoutPort = unquoted.replace(PORT, '')
  return isIPv4(withoutPort) || isIPv6(withoutZone(withoutPort)) ? withoutPort : text
}

/** The zone of a link-local address names the interface that it arrived at. */
export function withoutZone(address: string): string {
  const zone = address.indexOf('%')
  return zone === -1 ? address : address.slice(0, zone)
}

const MAX_NETWORK_LENGTH = 45

/**
 * The network that one client has to itself: an IPv4 address, or the first 64 bits of an IPv6 address. Other text, which
 * a proxy may pass on, is returned as it is, cut to the length of an address.
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address.slice(0, MAX_NETWORK_LENGTH)
  const text = withoutZone(bareAddress(address))
  if (!text.includes(':')) return text.slice(0, MAX_NETWORK_LENGTH)
  const mapped = /^(?:::|(?:0+:){5})ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1]
  if (mapped !== undefined) return mapped
  const [head = '', tail] = text.toLowerCase().split('::')
  const groups = (part: string | undefined) => (part ? part.split(':') : [])
  const [before, after] = [groups(head), groups(tail)]
  const written = before.length + after.length + (text.includes('.') ? 1 : 0)
  const missing = tail === undefined ? 0 : Math.max(0, 8 - written)
  const all = [...before, ...Array.from({ length: missing }, () => '0'), ...after]
  const network = all.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ''))
  return `${network.join(':')}::/64`.slice(0, MAX_NETWORK_LENGTH)
}

function isIPv4(text: string): boolean {
  return /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text)
}

function isIPv6(text: string): boolean {
  return /^[\da-f:.]+$/i.test(text) && URL.canParse(`http://[${text}]/`)
}

function refuse(message: string): AddressEntry {
  return { ok: false, message }
}
