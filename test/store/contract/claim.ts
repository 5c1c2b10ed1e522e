import type { Test } from 'tap'
import type { Outcome } from '../../../src/core/delivery/outcome.ts'
import type { Claimed, Store } from '../../../src/store/store.ts'
import {
  aPlan,
  stored as asStored,
  completeRetry,
  completeSent,
  deliverAll,
  deliveryId,
  entry,
  event,
  eventId,
  everything,
  type Harness,
  HOUR,
  identified,
  limited,
  planned,
  START,
} from './sample.ts'

const NOW = START + HOUR

function ids(claimed: Claimed): string[] {
  return claimed.leased.map(({ delivery }) => delivery.id)
}

async function fill(
  store: Store,
  target: string,
  from: number,
  count: number,
  channel = 'slack',
): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => from + index)
  await Promise.all(
    numbers.map((number) => store.append(entry(event(number), [planned({ target, channel })]))),
  )
}

const firsts = (...events: readonly number[]) => events.map((number) => deliveryId(number, 1))

export function claimContract(t: Test, create: (t: Test) => Harness): void {
  t.test('a claim that is asked for with an append leases what another one would', async (t) => {
    const request = () => everything(NOW, { channels: limited({ slack: { perDestination: 1 } }) })
    const claimAll = async (store: Store, first: Claimed) => {
      const all = [...first.leased]
      // What the first one may leave.
      for (let last = all.length; last > 0; ) {
        const { leased } = await store.claim(request())
        last = leased.length
        all.push(...leased)
      }
      return all.toSorted((one, other) => (one.delivery.id < other.delivery.id ? -1 : 1))
    }
    const prepared = async () => {
      const store = await create(t).service()
      await store.append(
        entry(
          event(1),
          ['#a', '#fails', '#b'].map((target) => planned({ target })),
        ),
      )
      await store.claim(request())
      await completeSent(store, deliveryId(1, 1), 1, NOW)
      await completeRetry(store, deliveryId(1, 2), 1, NOW, NOW + HOUR, true)
      await completeSent(store, deliveryId(1, 3), 1, NOW)
      await store.claim(request())
      return store
    }
    const deliveries = [
      planned({ target: '#a' }),
      planned({ target: '#a' }),
      planned({ target: '#fails' }),
      planned({ target: '#b', start: { kind: 'held', until: NOW + HOUR, reason: 'r' } }),
      planned({ target: '#b', start: { kind: 'skipped', reason: 'r' } }),
      planned({ target: '#new', conversation: 'one' }),
      planned({ target: '#new', conversation: 'one' }),
      planned({ channel: 'email', target: 'a@example.com' }),
      planned({ channel: 'gone', target: 'x' }),
      planned({ target: '#both', conversation: 'two' }),
      planned({ target: '#both' }),
    ]
    const append = (store: Store) => store.append(entry(event(2), deliveries))
    const apart = await prepared()
    await append(apart)
    const expected = await claimAll(apart, await apart.claim(request()))
    const together = await prepared()
    const [appended, first] = await Promise.all([append(together), together.claim(request())])
    t.same(appended, { kind: 'stored', id: eventId(2) })
    t.notOk(ids(first).includes(deliveryId(2, 11)), 'not before the one that comes first')
    t.same(await claimAll(together, first), expected)
    t.same(
      expected.map(({ delivery }) => delivery.id),
      [1, 10, 11, 2, 3, 6, 8, 9].map((number) => deliveryId(2, number)),
    )
    const history = async (store: Store) => (await store.event(eventId(2)))?.plans
    t.same(await history(together), await history(apart))
    t.same(await together.destinations(), await apart.destinations())
    const attempts = await Promise.all(
      expected.map(({ delivery }) => completeSent(together, delivery.id, 1, NOW)),
    )
    t.notOk(attempts.includes(false), 'the leases hold')
  })

  t.test('a claim leases what is due, with its event', async (t) => {
    const store = await create(t).service()
    const stored = event(1)
    await store.append({
      ...entry(stored, [planned(), planned({ target: '#other' })]),
      body: Buffer.from(`\uFEFF{"x":[1,"é"]}`),
    })
    t.same(await store.claim(everything(START)), { leased: [], nextDueAt: START + 1 }, 'not before it is due')

    const { leased, nextDueAt } = await store.claim(everything(START + 1))
    t.equal(nextDueAt, null)
    t.equal(leased.length, 2)
    t.same(leased[0]?.event, { ...stored, payload: { x: [1, 'é'] } }, 'the payload is what the body says')
    t.equal(leased[0]?.interruptedAt, null)
    t.match(leased[0]?.delivery, {
      ...asStored(),
      id: deliveryId(1, 1),
      eventId: stored.id,
      state: 'sending',
      attempts: 0,
    })

    t.same(ids(await store.claim(everything(START + 2))), [], 'nobody else gets it')
    t.equal((await store.delivery(deliveryId(1, 1)))?.state, 'sending')
  })

  t.test('the longest due comes first', async (t) => {
    const store = await create(t).service()
    for (const number of [5, 2, 9, 1])
      await store.append(entry(event(number), [planned({ target: `#${number}` })]))
    t.same(ids(await store.claim(everything(NOW))), firsts(1, 2, 5, 9))
  })

  t.test('limits hold for each destination, and over each channel', async (t) => {
    const store = await create(t).service()
    await fill(store, '#a', 1, 5)
    await fill(store, '#b', 11, 5)
    await fill(store, 'm@x', 31, 5, 'email')
    await fill(store, 'n@x', 41, 5, 'email')
    const claimed = await store.claim(
      everything(NOW, {
        channels: limited({ slack: { perDestination: 3 }, email: { free: 1 } }),
        inFlight: new Map([['slack:#b', 2]]),
      }),
    )
    t.same(ids(claimed), firsts(1, 2, 3, 11, 31), 'what is in flight counts')
    const shut = everything(NOW, { channels: limited({ slack: { free: 0 }, email: { free: 0 } }) })
    t.same(await store.claim(shut), { leased: [], nextDueAt: null })
    const capped = await store.claim(
      everything(NOW, { channels: limited({ slack: { free: 0 }, email: { free: 3 } }) }),
    )
    t.same(ids(capped), firsts(32, 33, 41), 'no destination takes more than half of what is free')
  })

  t.test('deliveries to one destination are claimed one by one, in their order', async (t) => {
    const store = await create(t).service()
    await fill(store, '#a', 1, 3)
    await fill(store, '#b', 11, 1)
    const channels = limited({ slack: { inOrderUpTo: 3, perDestination: 2 } })
    const claim = async (now: number, inFlight = 0) =>
      store.claim(everything(now, { channels, inFlight: new Map([['slack:#a', inFlight]]) }))
    const first = await claim(NOW)
    t.same(ids(first), firsts(1, 11))
    t.equal(first.nextDueAt, START + 2)
    t.same(await claim(NOW, 1), { leased: [], nextDueAt: NOW + 60_000 }, 'none while one is under way')
    await completeRetry(store, deliveryId(1, 1), 1, NOW, NOW + 5)
    t.same(ids(await claim(NOW)), firsts(2), 'what is to be retried is overtaken')
    await completeSent(store, deliveryId(2, 1), 1, NOW)
    t.same(ids(await claim(NOW + 5)), firsts(3))
    await completeSent(store, deliveryId(3, 1), 1, NOW)
    t.same(ids(await claim(NOW + 5)), firsts(1))
  })

  t.test('where more wait than can go in order, several go at once until none is left', async (t) => {
    const store = await create(t).service()
    await fill(store, '#a', 1, 4)
    const slack = { inOrderUpTo: 3, perDestination: 2 }
    const claim = async (change = {}, inFlight = 0) => {
      const channels = limited({ slack: { ...slack, ...change } })
      return ids(
        await store.claim(everything(NOW, { channels, inFlight: new Map([['slack:#a', inFlight]]) })),
      )
    }
    t.same(await claim({ rate: 1, burst: 3 }), firsts(1), 'not where the rate limit is what they wait for')
    await fill(store, '#a', 5, 1)
    t.same(await claim(), firsts(2, 3))
    t.same(await claim(), firsts(4, 5), 'also the rest, which could go in order')
    await fill(store, '#a', 6, 3)
    t.same(await claim({}, 1), firsts(6), 'also what comes while answers are waited for')
    t.same(await claim({}, 2), [])
    t.same(await claim(), firsts(7, 8))
    await fill(store, '#a', 9, 3)
    t.same(await claim(), firsts(9), 'then again one by one')
    t.same(await claim({}, 1), [])
  })

  t.test('what is left of a channel that is not configured comes one by one', async (t) => {
    const store = await create(t).service()
    await fill(store, '#a', 1, 3, 'pager')
    await fill(store, '#b', 11, 3, 'pager')
    t.same(ids(await store.claim(everything(NOW))), firsts(1))
  })

  t.test('a destination for which thousands wait keeps no other out', async (t) => {
    const store = await create(t).service()
    const crowd = Array.from({ length: 100 }, () => planned({ target: '#dead' }))
    await Promise.all(Array.from({ length: 100 }, (_, n) => store.append(entry(event(n + 1), crowd))))
    await store.append(entry(event(101), [planned({ target: '#zebra' }), planned({ target: '#alive' })]))
    const inFlight = new Map([['slack:#dead', 1]])
    const one = limited({ slack: { perDestination: 1 } })
    t.same(ids(await store.claim(everything(NOW, { channels: one, inFlight }))), [
      deliveryId(101, 1),
      deliveryId(101, 2),
    ])
    const two = limited({ slack: { perDestination: 2 } })
    t.equal((await store.claim(everything(NOW, { channels: two }))).leased.length, 2)
    t.equal((await store.claim(everything(NOW))).leased.length, 9_998)
  })

  t.test(
    'what is free goes to where the fewest attempts are in flight, not to the oldest backlog',
    async (t) => {
      const store = await create(t).service()
      await fill(store, 'a@x', 1, 9, 'email')
      await fill(store, 'b@x', 11, 2, 'email')
      await fill(store, 'c@x', 21, 1, 'email')
      const claim = async (free: number, ...inFlight: [string, number][]) =>
        ids(
          await store.claim(
            everything(NOW, {
              channels: limited({ email: { free, perDestination: 4 } }),
              inFlight: new Map(inFlight),
            }),
          ),
        )
      t.same(await claim(1, ['email:a@x', 3]), firsts(11))
      t.same(await claim(1, ['email:a@x', 3], ['email:b@x', 1]), firsts(21))
      t.same(await claim(1, ['email:a@x', 3], ['email:b@x', 1], ['email:c@x', 1]), firsts(12))
      t.same(await claim(1, ['email:a@x', 3], ['email:b@x', 2]), firsts(1), 'when nobody else waits')
    },
  )

  t.test('an event that cannot be read parks its deliveries, and keeps no other out', async (t) => {
    const store = await create(t).service()
    const damaged = entry(event(1), [planned(), planned({ target: '#b' })])
    await store.append({ ...damaged, body: Buffer.from('{"type":') })
    await fill(store, '#a', 2, 1)
    t.same(ids(await store.claim(everything(NOW))), firsts(2))
    const reason = /cannot be read/
    for (const id of [deliveryId(1, 1), deliveryId(1, 2)])
      t.match(await store.delivery(id), { state: 'parked', reason, dueAt: null, attempts: 0 })
  })

  t.test('nor does one that cannot be read keep the later ones of its conversation', async (t) => {
    const store = await create(t).service()
    const conversation = 'analysis an_1'
    const staged = (number: number, stage: string) => {
      const plan = {
        stage: { lifecycle: 'analysis', key: 'an_1', first: 'created', last: 'completed', stage },
      }
      return {
        ...entry(event(number)),
        plan: aPlan(NOW, identified(number, [planned({ conversation })]), plan),
      }
    }
    await store.append({ ...staged(1, 'created'), body: Buffer.from('{"type":') })
    await store.append(staged(2, 'completed'))
    t.same(ids(await store.claim(everything(NOW))), [])
    const { leased } = await store.claim(everything(NOW))
    t.match(leased, [{ delivery: { id: deliveryId(2, 1) }, conversation: { round: 1, sent: [] } }])
    t.same(
      leased[0]?.conversation?.events.map(({ id }) => id),
      [eventId(2)],
    )
  })

  t.test('nextDueAt looks at what was not taken, where something may be sent', async (t) => {
    const store = await create(t).service()
    await fill(store, '#a', 1, 2)
    await fill(store, '#b', 3, 1)
    await fill(store, 'm@x', 4, 1, 'email')
    t.equal((await store.claim(everything(START))).nextDueAt, START + 1)
    const one = limited({ slack: { perDestination: 1 } })
    const inFlight = new Map([['slack:#a', 1]])
    t.equal((await store.claim(everything(START, { channels: one, inFlight }))).nextDueAt, START + 3)
    const mailOnly = everything(START, { channels: limited({ slack: { free: 0 } }) })
    t.equal((await store.claim(mailOnly)).nextDueAt, START + 4)
    t.equal(
      (await store.claim(everything(START + 1))).nextDueAt,
      START + 2,
      'the next of the same destination',
    )
    const all = await store.claim(everything(START + 4))
    t.equal(all.leased.length, 3)
    t.equal(all.nextDueAt, START + 1 + 60_000, 'the lease of the first one ends')
  })

  t.test('what waits for a retry, or is held, is due at its time', async (t) => {
    const store = await create(t).service()
    await fill(store, '#a', 1, 1)
    const held = { kind: 'held', until: NOW + 7_000, reason: 'quiet hours' } as const
    await store.append(entry(event(2), [planned({ target: '#held', start: held })]))
    await store.claim(everything(NOW))
    t.ok(await completeRetry(store, deliveryId(1, 1), 1, NOW, NOW + 5_000))
    t.same(await store.claim(everything(NOW + 4_999)), {
      leased: [],
      nextDueAt: NOW + 5_000,
    })
    const { leased, nextDueAt } = await store.claim(everything(NOW + 5_000))
    t.match(leased, [{ interruptedAt: null, delivery: { attempts: 1, retryingSince: START + 1 } }])
    t.equal(nextDueAt, NOW + 7_000)
    t.same(ids(await store.claim(everything(NOW + 7_000))), firsts(2))
  })

  leaseContract(t, create)
}

function leaseContract(t: Test, create: (t: Test) => Harness): void {
  t.test('a lease that ran out is an interrupted attempt', async (t) => {
    const store = await create(t).service()
    await fill(store, '#a', 1, 1)
    await store.claim(everything(NOW))
    t.same(await store.claim(everything(NOW + 59_999)), {
      leased: [],
      nextDueAt: NOW + 60_000,
    })
    const second = await store.claim(everything(NOW + 60_000))
    t.match(second.leased, [
      { interruptedAt: NOW, delivery: { id: deliveryId(1, 1), attempts: 0, state: 'sending' } },
    ])
    t.same(ids(await store.claim(everything(NOW + 119_999))), [], 'it is leased anew')
    const third = await store.claim(everything(NOW + 120_000))
    t.match(third.leased, [{ interruptedAt: NOW }], 'the start of the attempt is not forgotten')
  })

  t.test('a claim says which attempts may have delivered', async (t) => {
    const store = await create(t).service()
    await fill(store, '#a', 1, 1)
    const again = { state: 'ambiguous', dueAt: NOW, reason: null } as const
    const claimed = async () => (await store.claim(everything(NOW))).leased[0]
    const ended = (number: number, outcome: Outcome) =>
      store.complete(
        { deliveryId: deliveryId(1, 1), number, startedAt: NOW + number, durationMs: 1, outcome, notes: [] },
        again,
        false,
      )
    const unanswered = { kind: 'ambiguous', reason: 'timeout' } as const
    t.match(await claimed(), { unanswered: null, delivery: { ambiguousAttempts: 0 } })
    await ended(1, unanswered)
    t.match(await claimed(), {
      unanswered: { since: NOW + 1, latest: NOW + 1 },
      delivery: { ambiguousAttempts: 1 },
    })
    await ended(2, { kind: 'retry', reason: 'http 503' })
    t.match(await claimed(), { unanswered: { since: NOW + 1 } })
    await ended(3, unanswered)
    t.match(await claimed(), {
      unanswered: { since: NOW + 1, latest: NOW + 3, underWay: NOW + 3 },
      delivery: { ambiguousAttempts: 2 },
    })
    await ended(4, { ...unanswered, lookUp: 'absent', answered: true })
    t.match(await claimed(), {
      unanswered: { since: NOW + 4, latest: NOW + 4, underWay: null },
      delivery: { ambiguousAttempts: 1 },
    })
    await ended(5, { kind: 'park', reason: 'missing_scope' })
    await store.requeue([{ deliveryId: deliveryId(1, 1) }], NOW)
    t.match(
      await claimed(),
      { unanswered: { since: NOW + 4 }, delivery: { ambiguousAttempts: 0 } },
      'also when a person resends it',
    )
    await ended(6, { kind: 'sent', reference: {}, lookUp: 'found' })
    await store.requeue([{ deliveryId: deliveryId(1, 1) }], NOW)
    t.match(await claimed(), { unanswered: null })
  })

  t.test('a lease that is renewed by its holder does not run out', async (t) => {
    const store = await create(t).service()
    await fill(store, '#a', 1, 1)
    await fill(store, '#b', 2, 1)
    await store.claim(everything(NOW))
    await store.renew('test', [deliveryId(1, 1), 'dlv_none'], NOW + 300_000)
    await store.renew('another', [deliveryId(2, 1)], NOW + 300_000)
    const { leased, nextDueAt } = await store.claim(everything(NOW + 60_000))
    t.match(leased, [{ delivery: { id: deliveryId(2, 1) }, interruptedAt: NOW }])
    t.equal(nextDueAt, NOW + 300_000)
    t.equal(await completeSent(store, deliveryId(1, 1), 1, NOW), true)
  })

  t.test('leases of an earlier process end when the next one starts', async (t) => {
    const harness = create(t)
    const before = await harness.service()
    await fill(before, '#a', 1, 2)
    await before.append(entry(event(3), [planned({ target: '#b' })]))
    await before.claim(everything(NOW))
    await completeSent(before, deliveryId(3, 1), 1, NOW)
    await before.close()

    const store = await harness.service()
    const { leased } = await store.claim(everything(NOW + 1))
    t.match(leased, [
      { interruptedAt: NOW, delivery: { id: deliveryId(1, 1), attempts: 0 } },
      { interruptedAt: NOW, delivery: { id: deliveryId(2, 1), attempts: 0 } },
    ])
    t.equal(leased.length, 2)
    t.same(await deliverAll(store, NOW + 2), [], 'the new lease counts')
  })

  t.test('what another process makes due is found', async (t) => {
    const harness = create(t)
    const store = await harness.service()
    const operator = await harness.operator()
    await fill(store, '#a', 1, 1)
    await deliverAll(store, NOW)
    t.same(await store.claim(everything(NOW)), { leased: [], nextDueAt: null })
    t.same(await operator.requeue([{ deliveryId: deliveryId(1, 1) }], NOW + 1), firsts(1))
    t.equal((await store.claim(everything(NOW))).nextDueAt, NOW + 1)
    const again = aPlan(NOW + 1, identified(1, [planned({ target: '#b' })], 2))
    await operator.addPlan(eventId(1), again, ['nobody'])
    t.same(ids(await store.claim(everything(NOW + 1))), [deliveryId(1, 1), deliveryId(1, 2)])
  })

  t.test('a caller of onDue hears of it before the commit, and claims in it', async (t) => {
    const store = await create(t).service()
    let claimed: Promise<Claimed> | undefined
    store.onDue(() => {
      claimed ??= store.claim(everything(NOW))
    })
    await store.append(entry(event(1)))
    t.equal(claimed, undefined, 'nothing falls due by an event that goes nowhere')
    const appended = store.append(entry(event(2), [planned()]))
    t.ok(claimed !== undefined, 'at once')
    await appended
    t.same(claimed && ids(await claimed), firsts(2))
  })
}
