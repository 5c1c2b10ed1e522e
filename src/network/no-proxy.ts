/** NO_PROXY: the hosts that are reached without a proxy. */
import { BlockList, isIP } from 'node:net'
import { parseAddressEntry } from '../core/receiving/addresses.ts'

export interface NoProxy {
  /** `hostname`: as in a URL. */
  covers(hostname: string, port: number): boolean
  /** Entries that cannot match anything. */
  readonly unreadable: readonly string[]
}

type Rule = (host: string, port: number) => boolean

const ENTRY = /^(?<host>\*|(?:\*?\.)?[^\s*:/]+|\[[\da-f:.]+\])(?::(?<port>\d{1,5}))?$/

/**
 * Entries are separated by commas or white space: `example.com` and `.example.com` (each with its subdomains),
 * `*.example.com` (only its subdomains), an address, a network such as 10.0.0.0/8 (for URLs with an address), any of
 * these except a network with `:port`, or `*`.
 */
export function compileNoProxy(text: string): NoProxy {
  const rules: Rule[] = []
  const unreadable: string[] = []
  for (const entry of text.split(/[,\s]+/).filter((part) => part !== '')) {
    const rule = ruleOf(entry.toLowerCase())
    if (rule === null) unreadable.push(entry)
    else rules.push(rule)
  }
  return {
    covers(hostname, port) {
      const host = hostname
        .toLowerCase()
        .replace(/\.$/, '')
        .replace(/^\[(.*)\]$/, '$1')
      return rules.some((rule) => rule(host, port))
    },
    unreadable,
  }
}

function ruleOf(entry: string): Rule | null {
  if (entry.includes('/') || isIP(entry) !== 0) return networkRule(entry)
  const { host = '', port: text } = ENTRY.exec(entry)?.groups ?? {}
  if (host === '') return null
  const matches = hostRule(host)
  const wanted = text === undefined ? null : Number(text)
  return (name, port) => (wanted === null || wanted === port) && matches(name)
}

function networkRule(entry: string): Rule | null {
  const parsed = parseAddressEntry(entry)
  if (!parsed.ok) return null
  const list = new BlockList()
  for (const { address, prefix, family } of parsed.rules) list.addSubnet(address, prefix, family)
  return (host) => {
    const version = isIP(host)
    return version !== 0 && list.check(host, version === 6 ? 'ipv6' : 'ipv4')
  }
}

function hostRule(host: string): (name: string) => boolean {
  if (host === '*') return () => true
  const name = host
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/^\*?\./, '')
    .replace(/\.$/, '')
  const isApexIncluded = !host.startsWith('*')
  return (other) => (isApexIncluded && other === name) || other.endsWith(`.${name}`)
}
