import { BlockList, isIP } from 'node:net'
import { parseAddressEntry } from '../core/addresses.ts'

export type AllowList =
  | { readonly ok: true; readonly allows: (ip: string) => boolean }
  | { readonly ok: false; readonly problems: readonly { readonly index: number; readonly message: string }[] }

/**
 * Compiles a source's `allow_ips`. It keeps floods away from the signature check, and never replaces it: other
 * customers of Svix send from the same addresses.
 */
export function compileAllowList(entries: readonly string[]): AllowList {
  const list = new BlockList()
  const problems: { index: number; message: string }[] = []
  for (const [index, entry] of entries.entries()) {
    const parsed = parseAddressEntry(entry)
    if (!parsed.ok) problems.push({ index, message: parsed.message })
    else for (const { family, address, prefix } of parsed.rules) list.addSubnet(address, prefix, family)
  }
  if (problems.length > 0) return { ok: false, problems }

  return {
    ok: true,
    allows(ip) {
      // The zone of a link-local address says which interface it came in by.
      const [address = ''] = ip.split('%')
      const version = isIP(address)
      return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6')
    },
  }
}
