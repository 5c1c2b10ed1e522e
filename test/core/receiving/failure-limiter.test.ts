import fc from 'fast-check'
import t from 'tap'
import { networkOf } from '../../../src/core/receiving/addresses.ts'
import { createFailureLimiter } from '../../../src/core/receiving/failure-limiter.ts'

const limit = { rate: 5, burst: 10 }
const max = { failing: 100, verified: 100 }

t.test('a burst of failures, then a wait for each', async (t) => {
  const limiter = createFailureLimiter(max)
  for (let failure = 0; failure < 10; failure++) {
    t.equal(limiter.wait('192.0.2.1', limit, 0), 0)
    limiter.failed('192.0.2.1', limit, 0)
  }
  t.equal(limiter.wait('192.0.2.1', limit, 0), 200, 'a token comes every 200 ms')
  t.equal(limiter.wait('192.0.2.1', limit, 150), 50)
  t.equal(limiter.wait('192.0.2.1', limit, 200), 0)
  t.equal(limiter.wait('192.0.2.2', limit, 0), 0, 'other addresses do not wait')
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
const limits = fc.record({
  rate: fc.double({ min: 0.001, max: 1_000, noNaN: true }),
  burst: fc.integer({ min: 1, max: 50 }),
})

t.test('no network fails more often than the limit allows', async (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), limits, (steps, limit) => {
      const limiter = createFailureLimiter(max)
      const failures = new Map<string, number>()
      const begun = 1_700_000_000_000
      let now = begun
      for (const { address, after } of steps) {
        now += after
        if (limiter.wait(address, limit, now) > 0) continue
        limiter.failed(address, limit, now)
        const network = networkOf(address)
        failures.set(network, (failures.get(network) ?? 0) + 1)
      }
      const allowed = limit.burst + ((now - begun) * limit.rate) / 1000 + 1e-6
      return [...failures.values()].every((count) => count <= allowed)
    }),
  )
  t.pass()
})

t.test('after the wait an address may send again, and the wait is bounded', async (t) => {
  fc.assert(
    fc.property(limits, fc.integer({ min: 0, max: 300 }), (limit, failures) => {
      const limiter = createFailureLimiter(max)
      for (let failure = 0; failure < failures; failure++) limiter.failed('192.0.2.1', limit, 0)
      const wait = limiter.wait('192.0.2.1', limit, 0)
      const longest = ((limit.burst + 1) * 1000) / limit.rate + 1
      return wait <= longest && limiter.wait('192.0.2.1', limit, wait + 1) === 0
    }),
  )
  t.pass()
})

t.test('the tables do not grow, and failures do not push out senders', async (t) => {
  const limiter = createFailureLimiter({ failing: 100, verified: 50 })
  for (let n = 0; n < 50; n++) limiter.verified(`192.0.2.${n}`)
  for (let n = 0; n < 100_000; n++) {
    limiter.failed(`2001:db8:${(n >> 16).toString(16)}:${(n & 0xffff).toString(16)}::1`, limit, 0)
    if (n % 1_000 === 0) t.ok(limiter.sizes.failing <= 100)
  }
  t.same(limiter.sizes, { failing: 100, verified: 50 })
  t.ok(limiter.hasVerified('192.0.2.7'))
  limiter.verified('198.51.100.1')
  t.notOk(limiter.hasVerified('192.0.2.0'), 'the least recently used is forgotten')
})

t.test('a clock that is set back neither lengthens the wait nor gives tokens', async (t) => {
  const limiter = createFailureLimiter(max)
  for (let failure = 0; failure < 10; failure++) limiter.failed('192.0.2.1', limit, 1_000_000)
  t.equal(limiter.wait('192.0.2.1', limit, 0), 200)
  limiter.failed('192.0.2.1', limit, 0)
  t.equal(limiter.wait('192.0.2.1', limit, 400), 0)
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
