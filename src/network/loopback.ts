import { BlockList, isIP } from 'node:net'

const addresses = new BlockList()
addresses.addSubnet('127.0.0.0', 8, 'ipv4')
addresses.addAddress('::1', 'ipv6')

/**
 * Whether the host is this machine itself; `host` may have the brackets of a URL. Names under .localhost do not count, since a
 * resolver decides about them.
 */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
  const family = isIP(name)
  return family === 0 ? name === 'localhost' : addresses.check(name, family === 6 ? 'ipv6' : 'ipv4')
}
