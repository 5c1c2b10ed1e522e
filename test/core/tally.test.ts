import fc from 'fast-check'
import t from 'tap'
import { createTally } from '../../src/core/tally.ts'

t.test('the first are told by themselves, the rest in one sum, each period anew', async (t) => {
  const tally = createTally({ first: 2, addresses: 3, told: 2 })
  t.equal(tally.sum(), null, 'nothing came')
  t.ok(tally.note('not_found', '192.0.2.1'))
  t.ok(tally.note('not_found', '192.0.2.1'))
  t.equal(tally.sum(), null, 'all was told')
  for (let n = 0; n < 2; n++) t.ok(tally.note('not_found', '192.0.2.1'))
  for (let n = 0; n < 5; n++) t.notOk(tally.note('wrong_signature', '192.0.2.2'))
  t.notOk(tally.note('not_found', '192.0.2.3'))
  t.notOk(tally.note('not_found', '192.0.2.1'))
  t.notOk(tally.note('not_found', '192.0.2.3'))
  t.same(tally.sum(), {
    count: 8,
    codes: { wrong_signature: 5, not_found: 3 },
    addresses: { '192.0.2.2': 5, '192.0.2.3': 2 },
  })
  t.equal(tally.sum(), null)
  t.ok(tally.note('not_found', '192.0.2.1'))
})

t.test('nothing is lost, and the table of addresses does not grow', async (t) => {
  const notes = fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.ipV4()), { maxLength: 300 })
  fc.assert(
    fc.property(notes, fc.nat(20), fc.nat(10), (list, first, addresses) => {
      const tally = createTally({ first, addresses, told: 1_000 })
      const told = list.filter(([code, address]) => tally.note(code, address)).length
      const sum = tally.sum()
      const counted = Object.values(sum?.codes ?? {}).reduce((total, count) => total + count, 0)
      return (
        told + counted === list.length &&
        counted === (sum?.count ?? 0) &&
        Object.keys(sum?.addresses ?? {}).length <= addresses
      )
    }),
  )
  t.pass()
})
