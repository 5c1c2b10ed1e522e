import type { Test } from 'tap'
import type { Outcome } from '../../../src/core/delivery/outcome.ts'
import type { ClaimRequest, Store } from '../../../src/store/store.ts'
import {
  completeAs,
  completeRetry,
  deliverAll,
  deliveryId,
  entry,
  event,
  everything,
  type Harness,
  HOUR,
  limited,
  planned,
  START,
} from './sample.ts'

const NOW = START + HOUR
const paced = limited({ slack: { rate: 4, burst: 3 } })

async function fill(store: Store, count: number, from = 1): Promise<void> {
  for (let number = from; number < from + count; number += 1)
    await store.append(entry(event(number), [planned()]))
}

async function claimed(store: Store, now: number): Promise<number> {
  return (await store.claim(everything(now, { channels: paced }))).leased.length
}

/** One attempt at a delivery that is due, which ends like this; the delivery waits for ever after it. */
async function attempt(store: Store, outcome: Outcome, now: number): Promise<boolean> {
  const { leased } = await store.claim(
    everything(now, { channels: limited({ slack: { perDestination: 1 } }) }),
  )
  const [first] = leased
  if (first === undefined) return false
  const number = first.delivery.attempts + 1
  const done = { deliveryId: first.delivery.id, number, startedAt: now, durationMs: 0, outcome, notes: [] }
  return (await store.complete(done, { state: 'dead', dueAt: null, reason: 'test' }, true)) !== null
}

export function destinationContract(t: Test, create: (t: Test) => Harness): void {
  t.test('a destination gets a burst, then its rate, whichever process claims', async (t) => {
    const store = await create(t).service()
    await fill(store, 20)
    t.equal(await claimed(store, NOW), 3)
    t.same(await store.claim(everything(NOW, { channels: paced })), {
      leased: [],
      nextDueAt: NOW + 250,
    })
    t.equal(await claimed(store, NOW + 249), 0)
    t.equal(await claimed(store, NOW + 250), 1)
    t.equal(await claimed(store, NOW + 750), 2)
    t.equal(await claimed(store, NOW + 60_000), 3, 'no more than a burst after a rest')
  })

  t.test('the rate, and a pause that was asked for, outlive the process', async (t) => {
    for (const kind of ['retry', 'ambiguous'] as const) {
      const harness = create(t)
      const before = await harness.service()
      await fill(before, 10)
      t.equal(await attempt(before, { kind, reason: 'asked to wait', after: HOUR }, NOW), true)
      await before.close()
      const store = await harness.service()
      t.same(await store.claim(everything(NOW + 1_000)), {
        leased: [],
        nextDueAt: NOW + HOUR,
      })
      const { leased } = await store.claim(everything(NOW + HOUR))
      t.equal(leased.length, 1, `${kind}: one first, for it may fail again`)
    }
  })

  t.test(
    'a destination that does not work is probed, one attempt at a time, also after a restart',
    async (t) => {
      const harness = create(t)
      const before = await harness.service()
      await fill(before, 10)
      for (let failures = 1; failures <= 3; failures += 1)
        t.equal(await attempt(before, { kind: 'retry', reason: 'http 503' }, NOW + failures), true)
      t.equal(await attempt(before, { kind: 'retry', reason: 'http 503' }, NOW + 10), false, 'a pause')
      await before.close()
      const store = await harness.service()
      t.equal((await store.claim(everything(NOW + 10))).leased.length, 0)
      t.equal((await store.claim(everything(NOW + 1_003))).leased.length, 1)
      t.match(await store.destinations(), [
        {
          waiting: 6,
          sending: 1,
          dead: 3,
          state: { failures: 3, reason: 'http 503', failingSince: NOW + 1 },
        },
      ])
    },
  )

  t.test('another configuration tries at once what failed, and keeps to what was asked for', async (t) => {
    const store = await create(t).service()
    await fill(store, 10)
    for (let failures = 1; failures <= 3; failures += 1)
      await attempt(store, { kind: 'retry', reason: 'http 503' }, NOW + failures)
    await store.reconfigure()
    t.equal(await attempt(store, { kind: 'retry', reason: 'http 429', after: HOUR }, NOW + 4), true)
    await store.reconfigure()
    t.equal(await attempt(store, { kind: 'retry', reason: 'http 503' }, NOW + 5), false)
  })

  t.test('a success makes a destination work again', async (t) => {
    const store = await create(t).service()
    await fill(store, 10)
    for (let failures = 1; failures <= 3; failures += 1)
      await attempt(store, { kind: 'ambiguous', reason: 'timeout' }, NOW + failures)
    t.equal(await attempt(store, { kind: 'sent', reference: {} }, NOW + 2_000), true)
    t.equal((await store.claim(everything(NOW + 2_001))).leased.length, 6)
    t.match(await store.destinations(), [
      { state: { failures: 0, reason: null, lastSuccessAt: NOW + 2_000 } },
    ])
  })

  t.test('a clock that is set back mutes nothing', async (t) => {
    const harness = create(t)
    const store = await harness.service()
    await fill(store, 6)
    t.equal(await claimed(store, NOW), 3)
    const earlier = NOW - 10 * HOUR
    t.equal(await claimed(store, earlier), 0)
    t.equal(await claimed(store, earlier + 250), 1, 'the rate goes on from there')
    for (const number of [1, 2, 3]) await completeAs(store, deliveryId(number, 1), 'dead', earlier)
    const fresh = event(50, { receivedAt: earlier + 400 })
    await store.append(entry(fresh, [planned({ target: '#other' })]))
    // What has come since a claim that left something may be left to the next one.
    const delivered = [await deliverAll(store, earlier + 600), await deliverAll(store, earlier + 600)]
    t.same(delivered.flat(), [deliveryId(5, 1), deliveryId(6, 1), deliveryId(50, 1)])
  })

  t.test('what waits for a retry does not wait longer for a clock that is set back', async (t) => {
    const store = await create(t).service()
    await fill(store, 1)
    await store.claim(everything(NOW))
    const outcome = { kind: 'retry', reason: 'http 503' } as const
    const done = {
      deliveryId: deliveryId(1, 1),
      number: 1,
      startedAt: NOW,
      durationMs: 0,
      outcome,
      notes: [],
    }
    await store.complete(done, { state: 'retrying', dueAt: NOW + 10_000, reason: 'r' }, true)
    const earlier = NOW - 5 * HOUR
    t.same(await store.claim(everything(earlier)), {
      leased: [],
      nextDueAt: earlier + 10_000,
    })
    t.match((await store.claim(everything(earlier + 10_000))).leased, [
      { delivery: { retryingSince: earlier } },
    ])
  })

  t.test('what comes in just after the clock was set back has all its time', async (t) => {
    const store = await create(t).service()
    await fill(store, 1)
    await store.claim(everything(NOW))
    const earlier = NOW - 100 * HOUR
    // In the transaction of the first claim since.
    const [, claim] = await Promise.all([
      store.append(entry(event(2, { receivedAt: earlier }), [planned({ target: '#b' })])),
      store.claim(everything(earlier)),
    ])
    t.match(claim.leased, [{ delivery: { id: deliveryId(2, 1), retryingSince: earlier } }])
  })

  t.test(
    'attempts that nobody ended come back at once, also if the clock was set back meanwhile',
    async (t) => {
      const harness = create(t)
      const before = await harness.service()
      const later = Date.now() + 3 * HOUR
      await fill(before, 1)
      t.equal((await before.claim(everything(later - 59_000))).leased.length, 1)
      await before.append(entry(event(2, { receivedAt: later }), [planned()]))
      t.equal((await before.claim(everything(later))).leased.length, 1)
      await before.close()
      const store = await harness.service()
      t.equal((await store.claim(everything(Date.now()))).leased.length, 2)
    },
  )

  t.test('those that fail come last, and take half of the attempts at the most', async (t) => {
    const store = await create(t).service()
    const failing = Array.from({ length: 9 }, (_, n) => planned({ target: `#f${n}` }))
    await store.append(entry(event(1), failing))
    const { leased } = await store.claim(everything(NOW))
    for (const { delivery } of leased) await completeRetry(store, delivery.id, 1, NOW, NOW - 1, true)
    for (const n of [0, 1, 2])
      await store.append(entry(event(n + 2, { receivedAt: NOW + n }), [planned({ target: `#w${n}` })]))
    const claim = async (free: number, inFlight: readonly string[] = []) => {
      const each = new Map(inFlight.map((target) => [`slack:${target}`, 1]))
      const channels = limited({ slack: { free } })
      const { leased } = await store.claim(everything(NOW + 2, { channels, inFlight: each }))
      return leased.map(({ delivery }) => delivery.destination.target).toSorted()
    }
    t.same(await claim(2), ['#w0', '#w1'], 'though they have been due for longer')
    const [one = '', other = '', third = '', ...rest] = await claim(4, ['#w0', '#w1'])
    t.match([one, other, third], [/^#f/, /^#f/, /^#f/])
    t.same(rest, ['#w2'])
    t.same(await claim(2, ['#w0', one, other, third]), [], 'half are with those that fail')
    t.equal((await claim(3, ['#w0', one, other])).length, 1, 'one of them ended')
  })

  t.test(
    'a claim takes as many of those that fail as it may, says how many, and the next one goes on',
    async (t) => {
      const store = await create(t).service()
      const failing = Array.from({ length: 5 }, (_, n) => planned({ target: `#f${n}` }))
      await store.append(entry(event(1), failing))
      const first = await store.claim(everything(NOW))
      t.notOk(
        first.leased.some(({ atFailing }) => atFailing),
        'none of them failed before',
      )
      for (const { delivery } of first.leased) await completeRetry(store, delivery.id, 1, NOW, NOW - 1, true)
      await store.append(entry(event(2, { receivedAt: NOW }), [planned({ target: '#w' })]))
      const inFlight = new Map<string, number>()
      const claim = async (freeForFailing: number) => {
        const channels = limited({ slack: { free: 100, freeForFailing } })
        const { leased } = await store.claim(everything(NOW + 2, { channels, inFlight }))
        for (const { delivery } of leased) inFlight.set(delivery.destination.rateKey, 1)
        const targets = leased.map(({ delivery }) => delivery.destination.target)
        const failing = leased.filter(({ atFailing }) => atFailing).length
        return { works: targets.includes('#w'), claimed: targets.length, failing }
      }
      t.strictSame(await claim(2), { works: true, claimed: 3, failing: 2 })
      t.strictSame(await claim(0), { works: false, claimed: 0, failing: 0 })
      t.strictSame(await claim(2), { works: false, claimed: 2, failing: 2 })
      t.strictSame(await claim(2), { works: false, claimed: 1, failing: 1 })
      t.equal(inFlight.size, 6, 'each of them once')
    },
  )

  const failures: readonly Outcome[] = [
    { kind: 'retry', reason: 'http 503' },
    { kind: 'park', reason: 'channel_not_found' },
  ]
  for (const outcome of failures)
    t.test(
      `those that fail with ${outcome.kind} take turns, also with those that have longer backlogs`,
      async (t) => {
        const store = await create(t).service()
        const targets = Array.from({ length: 9 }, (_, n) => `#f${n}`)
        const limits = limited({ slack: { perDestination: 1, freeForFailing: 1 } })
        const end = async (now: number, channels: ClaimRequest['channels']) => {
          const { leased } = await store.claim(everything(now, { channels }))
          for (const { delivery } of leased) {
            const { id: deliveryId, attempts } = delivery
            const done = {
              deliveryId,
              number: attempts + 1,
              startedAt: now,
              durationMs: 0,
              outcome,
              notes: [],
            }
            await store.complete(done, { state: 'dead', dueAt: null, reason: 'test' }, true)
          }
          return leased.map(({ delivery }) => delivery.destination.target)
        }
        const all = targets.map((target) => planned({ target }))
        await store.append(entry(event(1), all))
        t.strictSame((await end(NOW, limited())).toSorted(), targets)
        for (let number = 2; number < 60; number++) await store.append(entry(event(number), all.slice(0, 8)))
        await store.append(entry(event(60), all.slice(8)))
        const tried = new Set<string>()
        // The others have 58 messages each: in the order of messages, the last one would come after 464 attempts.
        for (let minute = 1; minute <= 100; minute++)
          for (const target of await end(NOW + minute * 60_000, limits)) tried.add(target)
        t.strictSame([...tried].toSorted(), targets)
      },
    )

  t.test('destinations are listed with what waits for them', async (t) => {
    const store = await create(t).service()
    t.same(await store.destinations(), [])
    const held = { kind: 'held', until: NOW + HOUR, reason: 'quiet' } as const
    await store.append(
      entry(event(1), [
        planned({ target: '#b', receiver: 'one' }),
        planned({ target: '#b', receiver: 'two', start: held }),
        planned({ target: '#a' }),
        planned({ channel: 'email', target: 'a@x', skipped: 'muted' }),
      ]),
    )
    t.match(await store.destinations(), [
      { destination: { channel: 'email', target: 'a@x' }, state: null, waiting: 0, firstDueAt: null },
      {
        destination: { channel: 'slack', target: '#a', rateKey: 'slack:#a' },
        waiting: 1,
        firstDueAt: START + 1,
      },
      { destination: { target: '#b' }, waiting: 2, sending: 0, parked: 0, dead: 0 },
    ])
  })
}
