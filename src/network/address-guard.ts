/** Keeps requests from reaching addresses that are not on the internet, whatever a host's name resolves to. */
import { type LookupAddress, lookup as lookUp } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { ConnectFailure } from './connect-failure.ts'
import { isLoopback } from './loopback.ts'

/** `never`: link-local, multicast and reserved addresses, one of which returns cloud credentials. */
export type Reach = 'public' | 'private' | 'never'

const networks = {
  private: [
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '172.16.0.0/12',
    '192.168.0.0/16',
    'fc00::/7',
    '::1/128',
  ],
  // IANA's registries of special-purpose addresses.
  never: [
    '0.0.0.0/8',
    '169.254.0.0/16',
    '192.0.0.0/24',
    '192.0.2.0/24',
    '192.88.99.0/24',
    '198.18.0.0/15',
    '198.51.100.0/24',
    '203.0.113.0/24',
    '224.0.0.0/3',
    '2001::/23',
    '2001:db8::/32',
    '3fff::/20',
  ],
  // The only part of IPv6 that is assigned.
  global: ['2000::/3'],
}

const lists = {
  private: listOf(networks.private),
  never: listOf(networks.never),
  global: listOf(networks.global),
}

function listOf(entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/')
    list.addSubnet(address, Number(prefix), isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
  return list
}

/** `address`: of either family, without a zone. One that contains an IPv4 address (mapped, NAT64, 6to4) is judged by that. */
export function reachOf(address: string): Reach {
  if (isIP(address) === 4) return reachIn(address, 'ipv4')
  const groups = groupsOf(address)
  if (groups === null) return 'never'
  const held = heldIn(groups)
  if (held !== null) return reachIn(held, 'ipv4')
  const reach = reachIn(address, 'ipv6')
  return reach === 'public' && !lists.global.check(address, 'ipv6') ? 'never' : reach
}

function reachIn(address: string, family: 'ipv4' | 'ipv6'): Reach {
  if (lists.private.check(address, family)) return 'private'
  return lists.never.check(address, family) ? 'never' : 'public'
}

/** The eight numbers of an IPv6 address. */
function groupsOf(address: string): readonly number[] | null {
  const url = URL.parse(`http://[${address.replace(/%.*$/, '')}]`)
  if (url === null) return null
  const [head = '', tail] = url.hostname.slice(1, -1).split('::')
  const numbers = (text: string) =>
    text.split(':').flatMap((part) => (part === '' ? [] : [Number.parseInt(part, 16)]))
  if (tail === undefined) return numbers(head)
  const [first, last] = [numbers(head), numbers(tail)]
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last]
}

/** The IPv4 address that is contained in an IPv6 address; null if there is none. */
function heldIn(groups: readonly number[]): string | null {
  const [a = 0, b = 0, c = 0, ...rest] = groups
  const isZero = (from: number, to: number) => groups.slice(from, to).every((group) => group === 0)
  const isMapped = isZero(0, 5) && groups[5] === 0xffff
  const isNat64 = a === 0x64 && b === 0xff9b && isZero(2, 6)
  if (isMapped || isNat64) return dotted(rest[3] ?? 0, rest[4] ?? 0)
  return a === 0x2002 ? dotted(b, c) : null
}

function dotted(high: number, low: number): string {
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
}

/** For a host that is written as an address, with or without the brackets of a URL; null for a name. */
export function reachOfHost(host: string): Reach | null {
  const address = host.replace(/^\[(.*)\]$/, '$1')
  return isIP(address) === 0 ? null : reachOf(address)
}

/** Whether a host that is written as an address may be reached. A loopback address may be reached only if it is written as such. */
export function mayReachHost(host: string, allowPrivate: boolean): boolean {
  const reach = reachOfHost(host)
  if (reach === 'private') return allowPrivate || isLoopback(host)
  return reach !== 'never'
}

export interface AddressGuard {
  /** Why a host that is an address must not be reached; null if it may be, and for a name. */
  refusal(host: string): ConnectFailure | null
  /** For a connection: resolves a name once, to those of its addresses that may be reached, so that nothing can change in between. */
  readonly lookup: LookupFunction
}

export interface GuardOptions {
  readonly allowPrivate: boolean
  /** Which part of the configuration can allow private addresses: `enrich[0]`. */
  readonly setting: string
  /** In place of the system's resolver. */
  readonly resolve?: typeof lookUp
}

export function guardAddresses({ allowPrivate, setting, resolve = lookUp }: GuardOptions): AddressGuard {
  /** A loopback address may be reached only if the host is written as one. */
  const mayReach = (host: string, address: string) => {
    const reach = reachOf(address)
    if (reach === 'private') return allowPrivate || (isLoopback(host) && isLoopback(address))
    return reach === 'public'
  }
  const refused = (host: string, addresses: readonly string[]) => {
    const isPrivate = addresses.some((address) => reachOf(address) === 'private')
    const kind = isPrivate ? 'a private' : 'a link-local or reserved'
    const hint = isPrivate
      ? `if the host is in your own network, set allow_private: true in ${setting}`
      : `check the host of get in ${setting}, and what its name resolves to`
    const message = `${host} has ${kind} address: no request was sent`
    return new ConnectFailure({ code: 'address_refused', message, hint, permanent: true })
  }
  return {
    refusal(host) {
      return mayReachHost(host, allowPrivate) ? null : refused(host, [host.replace(/^\[(.*)\]$/, '$1')])
    },
    lookup(host, options, callback) {
      resolve(host, { ...options, all: true }, (error, found) => {
        const all: readonly LookupAddress[] = found ?? []
        if (error !== null) return callback(error, '', 0)
        const allowed = all.filter(({ address }) => mayReach(host, address))
        const [first] = allowed
        if (first === undefined) {
          return callback(
            refused(
              host,
              all.map(({ address }) => address),
            ),
            '',
            0,
          )
        }
        if (options.all === true) callback(null, [...allowed])
        else callback(null, first.address, first.family)
      })
    },
  }
}
