import t from 'tap'
import { Acknowledgements, Arrivals } from './records.ts'

const eventId = (n: number) => `evt_01J0000000000000000000${String(n).padStart(4, '0')}`
const deliveryId = (n: number) => `dlv_000000000000${String(n).padStart(2, '0')}`

t.test('what was acknowledged, in another thread as well', async (t) => {
  const mine = new Acknowledgements(3)
  const theirs = new Acknowledgements(3, mine.memory)
  mine.set(0, { id: eventId(7), from: 1, to: 2 })
  mine.set(2, { id: eventId(8), from: 300, to: 301 })
  t.same(theirs.of(0), { id: eventId(7), from: 1, to: 2 })
  t.equal(theirs.of(1), undefined)
  t.same(theirs.of(2), { id: eventId(8), from: 300, to: 301 })
  t.throws(() => mine.set(1, { id: 'evt_1', from: 1, to: 1 }), /has not 30 characters/)
})

t.test('what arrived, in another thread as well', async (t) => {
  const mine = new Arrivals(3)
  const theirs = new Arrivals(3, mine.memory)
  const arrivals = [
    { n: 1, target: '#chat-3', delivery: deliveryId(1), isFirst: true },
    { n: 0, target: '#chat-3', delivery: deliveryId(2), isFirst: true },
    { n: 1, target: 'box-9@example.com', delivery: deliveryId(3), isFirst: true },
    { n: 1, target: '#chat-4', delivery: deliveryId(1), isFirst: true },
    { n: 1, target: '#chat-3', delivery: deliveryId(1), isFirst: false },
  ].map((arrival, place) => ({ ...arrival, place, at: 1_800_000_000_000.5 + place }))
  for (const { n, isFirst, ...arrival } of arrivals) t.equal(mine.add(n, arrival), isFirst)
  for (const n of [0, 1, 2]) {
    const expected = arrivals
      .filter((arrival) => arrival.n === n)
      .map(({ n, isFirst, ...arrival }) => arrival)
    t.same(theirs.of(n), expected)
  }
  const [one] = mine.of(0)
  if (one === undefined) return t.fail('it arrived')
  t.throws(() => mine.add(0, { ...one, target: '#other' }), /came to #other/)
  t.throws(() => mine.add(3, one), /for event 3/)
  t.throws(() => mine.add(0, { ...one, place: 10_000 }), /message 10000/)
})
