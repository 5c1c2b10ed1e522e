import assert from 'node:assert/strict'
import { isIPv4, isIPv6 } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { parseAddressEntry } from '../../src/core/receiving/addresses.ts'
import { compileAllowList, compileTrust, isPrivate } from '../../src/sources/addresses.ts'

function allowed(entries: readonly string[]): (ip: string) => boolean {
  return compileAllowList(
    entries.flatMap((entry) => {
      const parsed = parseAddressEntry(entry)
      if (!parsed.ok) throw new Error(parsed.message)
      return parsed.rules
    }),
  )
}

/** What is wrong with an entry; null if nothing is. */
function mistakeIn(entry: string): string | null {
  const parsed = parseAddressEntry(entry)
  return parsed.ok ? null : parsed.message
}

t.test('addresses and CIDRs of both families', async (t) => {
  const allows = allowed(['203.0.113.7', '10.0.0.0/8', '2001:db8::1', '2001:db8:a::/48'])
  for (const ip of [
    '203.0.113.7',
    '10.0.0.0',
    '10.255.255.255',
    '2001:db8::1',
    '2001:DB8:0:0::1',
    '2001:db8:a:f::9',
  ]) {
    t.ok(allows(ip), ip)
  }
  for (const ip of [
    '203.0.113.8',
    '11.0.0.0',
    '9.255.255.255',
    '2001:db8::2',
    '2001:db8:b::1',
    '::1',
    '',
    'x',
    '10.0',
  ]) {
    t.notOk(allows(ip), ip)
  }
  t.notOk(allowed([])('127.0.0.1'), 'an empty list allows nobody')
  t.ok(allowed(['0.0.0.0/0'])('198.51.100.1'))
})

t.test('an IPv4 address that arrives as IPv6 is the same address', async (t) => {
  const allows = allowed(['203.0.113.7', '::ffff:198.51.100.1', '::ffff:192.0.2.0/120'])
  for (const ip of [
    '::ffff:203.0.113.7',
    '::ffff:cb00:7107',
    '198.51.100.1',
    '::ffff:198.51.100.1',
    '192.0.2.200',
  ]) {
    t.ok(allows(ip), ip)
  }
  for (const ip of ['::ffff:203.0.113.8', '::203.0.113.7', '192.0.3.1']) t.notOk(allows(ip), ip)
  t.ok(allowed(['fe80::1'])('fe80::1%eth0'), 'the zone is no part of the address')
})

t.test('svix stands for all its regions, svix:<region> for one', async (t) => {
  const everywhere = allowed(['svix'])
  const europe = allowed(['svix:eu'])
  for (const ip of ['52.215.16.239', '2a05:d028:17:8000::1', '2a05:d028:17:80ff::1']) {
    t.ok(everywhere(ip), ip)
    t.ok(europe(ip), ip)
  }
  for (const ip of [
    '44.228.126.217',
    '54.164.207.221',
    '13.239.204.236',
    '3.96.105.27',
    '2600:1f24:64:8000::1',
  ]) {
    t.ok(everywhere(ip), ip)
    t.notOk(europe(ip), ip)
  }
  for (const ip of ['44.228.126.216', '2a05:d028:17:8100::1', '127.0.0.1']) t.notOk(everywhere(ip), ip)
  t.ok(allowed(['svix:us-east', '127.0.0.1'])('127.0.0.1'))
})

t.test('a mistake is described', async (t) => {
  t.match(mistakeIn('svix:mars'), /unknown preset "svix:mars"; known: svix, svix:us, svix:us-east, svix:eu/)
  t.equal(mistakeIn('10.0.0.0/33'), '"10.0.0.0/33": the number after / must be 0 to 32')
  t.match(
    mistakeIn('300.1.1.1'),
    /"300.1.1.1" is not an address, a CIDR \(10.0.0.0\/8, 2001:db8::\/32\) or one of svix/,
  )
  for (const entry of [
    ...[
      '',
      ' ',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      '10.0.0.0/-1',
      '10.0.0.0/8x',
      '2001:db8::/129',
      'example.com',
      '10.0.0',
    ],
    ...[
      '010.0.0.1',
      '1.2.3.4 ',
      '0x7f.1',
      '[::1]',
      'fe80::1%eth0',
      '::1::',
      '::ffff:1.2.3.4/95',
      'SVIX',
      'svix-eu',
      '*',
    ],
  ]) {
    t.type(mistakeIn(entry), 'string', JSON.stringify(entry))
  }
  for (const entry of [
    'svix',
    'svix:au',
    '1.2.3.4',
    '1.2.3.4/0',
    '::',
    '::/0',
    '::1.2.3.4',
    '::ffff:1.2.3.4/96',
  ]) {
    t.equal(mistakeIn(entry), null, entry)
  }
})

t.test('what is an address is what Node takes for one', async () => {
  const part = fc.constantFrom(
    '0',
    '1',
    '25',
    '255',
    '256',
    '01',
    'a',
    'ffff',
    'fffff',
    '::',
    ':',
    '.',
    '::ffff:',
    '1.2.3.4',
  )
  const made = fc.array(part, { maxLength: 10 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.oneof(made, fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
      const refused = mistakeIn(text)
      if (text.includes('/')) return
      assert.equal(
        refused === null,
        isIPv4(text) || (isIPv6(text) && !text.includes('%')),
        refused ?? 'accepted',
      )
      // Whatever is accepted can be compiled, and allows itself.
      if (refused === null) assert.ok(allowed([text])(text))
    }),
    { numRuns: 5_000 },
  )
})

t.test('whose X-Forwarded-For is believed', async (t) => {
  const loopback = compileTrust('loopback')
  t.ok(loopback('127.0.0.9') && loopback('::1') && loopback('::ffff:127.0.0.1'))
  t.notOk(loopback('10.0.0.1'))
  const listed = compileTrust(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32', 'loopback'])
  for (const address of ['10.1.2.3', '192.0.2.1', '2001:db8::1', '127.0.0.1']) t.ok(listed(address), address)
  t.notOk(listed('192.0.2.2'))
  t.notOk(compileTrust(false)('127.0.0.1'))
})

t.test('addresses that are not routed on the internet are private', async (t) => {
  for (const address of [
    '127.3.2.1',
    '::1',
    '10.0.0.1',
    '::ffff:192.168.1.1',
    '100.64.0.1',
    'fe80::1%eth0',
    'fd00::1',
  ])
    t.ok(isPrivate(address), address)
  for (const address of ['192.0.2.1', '172.32.0.1', '2001:db8::1', '100.128.0.1', 'unknown'])
    t.notOk(isPrivate(address), address)
})
