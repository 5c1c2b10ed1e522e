import { BlockList, isIP } from 'node:net'

/** Whether a peer is one whose X-Forwarded-For is believed: then its own address says nothing of the client. */
export function compileTrust(trustProxy: string | readonly string[] | false): (peer: string) => boolean {
  const list = new BlockList()
  for (const entry of trustProxy === false ? [] : [trustProxy].flat()) {
    if (entry === 'loopback') {
      list.addSubnet('127.0.0.0', 8, 'ipv4')
      list.addAddress('::1', 'ipv6')
    } else {
      const [address = '', bits] = entry.split('/')
      const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
      list.addSubnet(address, bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits), family)
    }
  }
  return (peer) => {
    const [address = ''] = peer.split('%')
    const version = isIP(address)
    return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6')
  }
}
