import { BlockList, isIP } from 'node:net'
import { type AddressRule, bareAddress, parseAddressEntry, withoutZone } from '../core/receiving/addresses.ts'

/**
 * Whether a source's `allow_ips` lists an address. In a flood this avoids signature checks, but it never replaces them:
 * other customers of Svix send from the same addresses.
 */
export function compileAllowList(rules: readonly AddressRule[]): (ip: string) => boolean {
  const list = new BlockList()
  for (const { family, address, prefix } of rules) list.addSubnet(address, prefix, family)
  return (ip) => {
    const address = withoutZone(ip)
    const version = isIP(address)
    return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6')
  }
}

/** Whether an address is in one of these networks. */
function compileNetworks(networks: readonly string[]): (address: string) => boolean {
  const parsed = networks.map(parseAddressEntry)
  return compileAllowList(parsed.flatMap((entry) => (entry.ok ? entry.rules : [])))
}

const LOOPBACK = ['127.0.0.0/8', '::1']

/** Whether Svix publishes the address as one that it sends from. */
export const isPublished = compileNetworks(['svix'])

/** Whether an address is private, not routed on the internet. */
export const isPrivate = compileNetworks([
  ...LOOPBACK,
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '100.64.0.0/10',
  'fc00::/7',
  'fe80::/10',
])

/** Whether `trust_proxy` lists a peer: the client's address is then in X-Forwarded-For. */
export function compileTrust(trustProxy: string | readonly string[] | false): (peer: string) => boolean {
  const entries = trustProxy === false ? [] : [trustProxy].flat()
  const isListed = compileNetworks(entries.flatMap((entry) => (entry === 'loopback' ? LOOPBACK : entry)))
  return (peer) => isListed(bareAddress(peer))
}
