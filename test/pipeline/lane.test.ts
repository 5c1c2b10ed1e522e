import t from 'tap'
import { Lane } from '../../src/pipeline/lane.ts'

const pace = { rate: 1, burst: 3, concurrency: 2 }
const retry = { kind: 'retry', reason: 'down' } as const
const sent = { kind: 'sent', reference: {} } as const

t.test('a burst, then the rate', async (t) => {
  const lane = new Lane('slack', { ...pace, concurrency: 10 }, 0)
  t.equal(lane.capacity(0), 3)
  for (let i = 0; i < 3; i++) lane.begin(0)
  t.equal(lane.capacity(0), 0)
  t.equal(lane.readyAt(0), 1_000)
  t.equal(lane.capacity(999), 0)
  t.equal(lane.capacity(1_000), 1)
  t.equal(lane.readyAt(1_000), null)
  t.equal(lane.capacity(60_000), 3, 'a rest gives back the burst, and no more')
})

t.test('attempts in flight are bounded', async (t) => {
  const lane = new Lane('slack', pace, 0)
  lane.begin(0)
  lane.begin(0)
  t.equal(lane.capacity(60_000), 0)
  t.equal(lane.readyAt(60_000), null, 'only the end of an attempt helps')
  lane.end(sent, 60_000)
  t.equal(lane.capacity(60_000), 1)
})

t.test('an unlimited rate never waits', async (t) => {
  const lane = new Lane('email', { rate: Infinity, burst: Infinity, concurrency: 20 }, 0)
  for (let i = 0; i < 19; i++) lane.begin(0)
  t.equal(lane.capacity(0), 1)
  t.equal(lane.readyAt(0), null)
})

t.test('Retry-After pauses the lane', async (t) => {
  const lane = new Lane('slack', pace, 0)
  lane.begin(0)
  lane.end({ ...retry, after: 7_000 }, 100)
  t.equal(lane.capacity(7_099), 0)
  t.equal(lane.readyAt(200), 7_100)
  t.ok(lane.capacity(7_100) > 0)
})

t.test('a destination that is down is probed by one attempt at a time, less and less often', async (t) => {
  const lane = new Lane('email', { rate: Infinity, burst: Infinity, concurrency: 20 }, 0)
  let now = 0
  const waits: number[] = []
  for (let i = 0; i < 12; i++) {
    lane.begin(now)
    lane.end(retry, now)
    const readyAt = lane.readyAt(now)
    if (readyAt === null) continue
    waits.push(readyAt - now)
    now = readyAt
    t.equal(lane.capacity(now), 1)
  }
  t.strictSame(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000, 30_000])
  lane.begin(now)
  lane.end(sent, now)
  t.equal(lane.capacity(now), 20, 'one success opens it again')
  t.equal(lane.idle(now + 59_999), false, 'a lane in use keeps its place')
  t.equal(lane.idle(now + 60_000), true)
})

t.test('a refused message says nothing against the destination', async (t) => {
  const lane = new Lane('email', { rate: Infinity, burst: Infinity, concurrency: 20 }, 0)
  for (let i = 0; i < 5; i++) {
    lane.begin(0)
    lane.end({ kind: 'refuse', reason: '550 no such user' }, 0)
  }
  t.equal(lane.capacity(0), 20)
})

t.test(
  'another configuration brings another pace, and forgets failures, not what was asked for',
  async (t) => {
    const faster = { rate: 100, burst: 50, concurrency: 8 }
    const lane = new Lane('slack', pace, 0)
    for (let i = 0; i < 2; i++) lane.begin(0)
    lane.reconfigure(faster, 0)
    t.equal(lane.capacity(0), 1, 'what is in the bucket stays')
    t.equal(lane.capacity(1_000), 6, 'and then it fills at the new rate; two are still in flight')
    lane.reconfigure({ ...pace, burst: 1 }, 1_000)
    t.equal(lane.capacity(1_000), 0, 'a bound below what is in flight lets nothing begin')
    lane.end(sent, 1_000)
    lane.end(sent, 1_000)
    t.equal(lane.capacity(1_000), 1)

    for (let i = 0; i < 5; i++) {
      lane.begin(2_000)
      lane.end(retry, 2_000)
    }
    t.equal(lane.capacity(3_000), 0, 'it is taken for down')
    lane.reconfigure(faster, 3_000)
    t.ok(lane.capacity(4_000) > 0, 'until another configuration may have fixed it')
    lane.begin(4_000)
    lane.end({ ...retry, after: 60_000 }, 4_000)
    lane.reconfigure(faster, 5_000)
    t.equal(lane.readyAt(5_000), 64_000, 'what the destination asked for is still honoured')
  },
)
