import fc from 'fast-check'
import t from 'tap'
import { networkOf } from '../../src/core/addresses.ts'
import { createUnverified } from '../../src/core/unverified.ts'

const stranger = { mayVerify: false, vouched: false }
const signed = { mayVerify: true, vouched: false }
const pace = { rate: 5, burst: 10 }
const roomy = { failing: 100, standing: 100 }

t.test('a burst of failures, then a wait for each', async (t) => {
  const addresses = createUnverified(roomy)
  for (let failure = 0; failure < 10; failure++) {
    t.equal(addresses.wait('192.0.2.1', signed, pace, 0), 0)
    addresses.failed('192.0.2.1', pace, 0)
  }
  t.equal(addresses.wait('192.0.2.1', signed, pace, 0), 200, 'a token comes every 200 ms')
  t.equal(addresses.wait('192.0.2.1', signed, pace, 150), 50)
  t.equal(addresses.wait('192.0.2.1', signed, pace, 200), 0)
  t.equal(addresses.wait('192.0.2.2', signed, pace, 0), 0, 'others do not wait')
})

const step = fc.record({
  address: fc.constantFrom(
    '192.0.2.1',
    '192.0.2.2',
    '2001:db8::1',
    '2001:db8:0:0:ffff::2',
    '2001:db8:0:1::1',
  ),
  after: fc.integer({ min: 0, max: 2_000 }),
})
const paces = fc.record({
  rate: fc.double({ min: 0.001, max: 1_000, noNaN: true }),
  burst: fc.integer({ min: 1, max: 50 }),
})

t.test('no network fails more often than its pace allows', async (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), paces, (steps, pace) => {
      const addresses = createUnverified(roomy)
      const failures = new Map<string, number>()
      let now = 1_700_000_000_000
      const begun = now
      for (const { address, after } of steps) {
        now += after
        if (addresses.wait(address, stranger, pace, now) > 0) continue
        addresses.failed(address, pace, now)
        const network = networkOf(address)
        failures.set(network, (failures.get(network) ?? 0) + 1)
      }
      const allowed = pace.burst + ((now - begun) * pace.rate) / 1000 + 1e-6
      return [...failures.values()].every((count) => count <= allowed)
    }),
  )
  t.pass()
})

t.test('a wait that was kept is long enough, and no longer than what is owed', async (t) => {
  fc.assert(
    fc.property(paces, fc.integer({ min: 0, max: 300 }), (pace, failures) => {
      const addresses = createUnverified(roomy)
      for (let failure = 0; failure < failures; failure++) addresses.failed('192.0.2.1', pace, 0)
      const wait = addresses.wait('192.0.2.1', stranger, pace, 0)
      const longest = ((pace.burst + 1) * 1000) / pace.rate + 1
      return wait <= longest && addresses.wait('192.0.2.1', stranger, pace, wait + 1) === 0
    }),
  )
  t.pass()
})

t.test('whoever was verified, or is vouched for, is always verified again, whatever others do', async (t) => {
  const doings = fc.array(
    fc.record({
      address: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant('192.0.2.1')),
      doing: fc.constantFrom('fails' as const, 'fails' as const, 'is refused' as const),
    }),
    { maxLength: 300 },
  )
  fc.assert(
    fc.property(doings, paces, (list, pace) => {
      const addresses = createUnverified({ failing: 5, standing: 5 })
      addresses.verified('192.0.2.1')
      for (const { address, doing } of list) {
        if (doing === 'fails') addresses.failed(address, pace, 0)
        else addresses.wait(address, stranger, pace, 0)
      }
      return (
        addresses.wait('192.0.2.1', signed, pace, 0) === 0 &&
        list.every(
          ({ address }) => addresses.wait(address, { mayVerify: true, vouched: true }, pace, 0) === 0,
        )
      )
    }),
  )
  t.pass()
})

t.test('good standing is for signed requests alone', async (t) => {
  const addresses = createUnverified(roomy)
  addresses.verified('192.0.2.1')
  for (let failure = 0; failure < 10; failure++) addresses.failed('192.0.2.1', pace, 0)
  t.ok(addresses.wait('192.0.2.1', stranger, pace, 0) > 0)
  t.equal(addresses.wait('192.0.2.1', signed, pace, 0), 0)
})

t.test('the tables do not grow, and the two do not push out each other', async (t) => {
  const addresses = createUnverified({ failing: 100, standing: 50 })
  for (let n = 0; n < 50; n++) addresses.verified(`192.0.2.${n}`)
  for (let n = 0; n < 100_000; n++) {
    addresses.failed(`2001:db8:${(n >> 16).toString(16)}:${(n & 0xffff).toString(16)}::1`, pace, 0)
    if (n % 1_000 === 0) t.ok(addresses.sizes.failing <= 100)
  }
  t.same(addresses.sizes, { failing: 100, standing: 50 })
  for (let n = 0; n < 10; n++) addresses.failed('192.0.2.7', pace, 0)
  t.equal(addresses.wait('192.0.2.7', signed, pace, 0), 0, 'good standing outlives the flood')
})

t.test('a clock that is set back locks nobody out for longer, and gives nothing', async (t) => {
  const addresses = createUnverified(roomy)
  for (let failure = 0; failure < 10; failure++) addresses.failed('192.0.2.1', pace, 1_000_000)
  t.equal(addresses.wait('192.0.2.1', signed, pace, 0), 200)
  addresses.failed('192.0.2.1', pace, 0)
  t.equal(addresses.wait('192.0.2.1', signed, pace, 400), 0)
})

t.test('networks', async (t) => {
  const known = {
    '192.0.2.1': '192.0.2.1',
    '::ffff:192.0.2.1': '192.0.2.1',
    '2001:db8::1': '2001:db8:0:0::/64',
    '2001:0DB8:0:0:1:2:3:4': '2001:db8:0:0::/64',
    '2001:db8:1:2:3::': '2001:db8:1:2::/64',
    '::1': '0:0:0:0::/64',
    '::': '0:0:0:0::/64',
    'fe80::1%eth0': 'fe80:0:0:0::/64',
    '64:ff9b::192.0.2.1': '64:ff9b:0:0::/64',
    '1::2:3:4:5:6:7': '1:0:2:3::/64',
    '0:0:0:0:0:ffff:192.0.2.1': '192.0.2.1',
    '192.0.2.1:4711': '192.0.2.1',
    '[2001:db8::1]:4711': '2001:db8:0:0::/64',
    unknown: 'unknown',
  }
  for (const [address, network] of Object.entries(known)) t.equal(networkOf(address), network, address)
})

t.test('two addresses are of one network when their first 64 bits are the same', async (t) => {
  const group = fc.integer({ min: 0, max: 0xffff }).map((bits) => bits.toString(16))
  const half = fc.array(group, { minLength: 4, maxLength: 4 })
  // As URL writes them: zeros left out, the longest run of them first.
  const written = (groups: readonly string[]) =>
    new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1)
  const zeros = fc.constantFrom(['0', '0', '0', '0'], ['1', '0', '0', '0'], ['0', '0', '1', '0'])
  fc.assert(
    fc.property(fc.oneof(half, zeros), fc.oneof(half, zeros), fc.oneof(half, zeros), (one, other, rest) => {
      const same = one.join() === other.join()
      // An IPv4 address that IPv6 carries is one of its own.
      if (written([...one, ...rest]).startsWith('::ffff:')) return true
      const mine = networkOf(written([...one, ...rest]))
      return (
        mine === networkOf(written([...one, ...other])) &&
        (mine === networkOf(written([...other, ...rest]))) === same
      )
    }),
  )
  t.pass()
})

t.test('whatever a proxy passes on is bounded', async (t) => {
  fc.assert(fc.property(fc.string({ maxLength: 500 }), (text) => networkOf(text).length <= 45))
  t.pass()
})
