import type { Test } from 'tap'
import { type NextState, states } from '../../../src/core/delivery/delivery.ts'
import type { Outcome } from '../../../src/core/delivery/outcome.ts'
import type { Attempt, NewDelivery, Store } from '../../../src/store/store.ts'
import {
  aPlan,
  completeAs,
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
  listed,
  planned,
  quarantine,
  START,
} from './sample.ts'

const NOW = START + HOUR
const ID = deliveryId(1, 1)

export function completeContract(t: Test, create: (t: Test) => Harness): void {
  t.test('every kind of outcome is kept with its attempt', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [planned()]))
    const outcomes: readonly [Outcome, NextState][] = [
      [
        { kind: 'retry', reason: 'http 503', after: 30_000 },
        { state: 'retrying', dueAt: NOW, reason: 'http 503' },
      ],
      [
        { kind: 'ambiguous', reason: 'timeout' },
        { state: 'ambiguous', dueAt: NOW, reason: 'timeout' },
      ],
      [
        { kind: 'ambiguous', reason: 'http 500', after: 30_000, answered: true },
        { state: 'ambiguous', dueAt: NOW, reason: 'http 500' },
      ],
      [
        { kind: 'sent', reference: { channel: 'C1', ts: '1.2' } },
        { state: 'delivered', dueAt: null, reason: null },
      ],
      [
        { kind: 'park', reason: 'not_in_channel' },
        { state: 'parked', dueAt: null, reason: 'not_in_channel' },
      ],
      [
        { kind: 'refuse', reason: 'msg_too_long' },
        { state: 'dead', dueAt: null, reason: 'msg_too_long' },
      ],
    ]
    const attempts: Attempt[] = []
    for (const [index, [outcome, next]] of outcomes.entries()) {
      await store.requeue([{ deliveryId: ID }], NOW)
      t.equal((await store.claim(everything(NOW))).leased[0]?.delivery.attempts, index)
      const notes = index === 0 ? [] : ['rendered with template default instead', 'ünknown variable']
      const attempt = {
        deliveryId: ID,
        number: index + 1,
        startedAt: NOW + index,
        durationMs: index,
        outcome,
        notes,
      }
      attempts.push(attempt)
      t.same(await store.complete(attempt, next, false), next)
      t.match(await store.delivery(ID), { ...next, attempts: index + 1, history: attempts })
    }
    const found = await store.event(eventId(1))
    t.same(found?.plans[0]?.deliveries[0]?.history, attempts, 'an event shows them too')
  })

  t.test('fallbacks are added with the attempt, each destination once', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [planned(), planned({ target: '#ops', route: 'all' })]))
    const stand = (delivery: string) => ({ delivery, receiver: 'deal-flow', reason: 'not_in_channel' })
    const fallback = (id: string, target: string) => ({
      ...planned({ target, receiver: 'backup' }),
      id,
      standsInFor: stand(ID),
    })
    const added = [fallback('dlv_a', '#backup'), fallback('dlv_b', '#ops')]
    const park = async (number: number, fallbacks: readonly NewDelivery[]) => {
      await store.claim(everything(NOW))
      const outcome = { kind: 'park', reason: 'not_in_channel' } as const
      const done = { deliveryId: ID, number, startedAt: NOW, durationMs: 1, outcome, notes: [] }
      return store.complete(done, { state: 'parked', dueAt: null, reason: 'r' }, true, fallbacks)
    }
    t.same(await park(1, added), { state: 'parked', dueAt: null, reason: 'r', fallbacks: added.slice(0, 1) })
    t.match(await store.delivery('dlv_a'), { state: 'pending', plan: 1, standsInFor: stand(ID) })
    t.match(await store.delivery('dlv_b'), { state: 'skipped', reason: 'already sent by route all' })
    t.equal(
      (await store.claim(everything(NOW + 1))).leased.find(({ delivery }) => delivery.id === 'dlv_a')?.event
        .id,
      eventId(1),
    )
    await store.requeue([{ deliveryId: ID }], NOW)
    const again = [fallback('dlv_c', '#backup'), fallback('dlv_d', '#ops')]
    t.notOk('fallbacks' in ((await park(2, again)) ?? {}), 'not when the same one fails again')
    t.equal(await store.delivery('dlv_c'), null)
    t.equal(await store.delivery('dlv_d'), null)
  })

  t.test(
    'a destination gets one fallback of an event, whichever stores end the attempts before it',
    async (t) => {
      const harness = create(t)
      const store = await harness.service()
      const stores = [store, await harness.operator()]
      const numbers = Array.from({ length: 20 }, (_, index) => index + 1)
      // They fail at two destinations, and no conversation keeps their ends apart.
      const failing = [planned({ target: '#a' }), planned({ target: '#b' })]
      for (const number of numbers) await store.append(entry(event(number), failing))
      await store.claim(everything(NOW))
      const outcome = { kind: 'park', reason: 'r' } as const
      const park = (at: Store, event: number, number: number) => {
        const id = deliveryId(event, number)
        const standsInFor = { delivery: id, receiver: 'deal-flow', reason: 'r' }
        const fallback: NewDelivery = { ...planned({ target: '#c' }), id: `${id}_c`, standsInFor }
        const done = { deliveryId: id, number: 1, startedAt: NOW, durationMs: 1, outcome, notes: [] }
        return at.complete(done, { state: 'parked', dueAt: null, reason: 'r' }, true, [fallback])
      }
      await Promise.all(numbers.flatMap((number) => stores.map((at, index) => park(at, number, index + 1))))
      for (const number of numbers) {
        const deliveries = (await store.event(eventId(number)))?.plans[0]?.deliveries ?? []
        const states = deliveries.filter(({ standsInFor }) => standsInFor !== null).map(({ state }) => state)
        t.same(states.sort(), ['pending', 'skipped'], eventId(number))
      }
    },
  )

  t.test('a delivery that a replay takes the place of has no fallback', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [planned()]))
    await store.claim(everything(NOW))
    await store.addPlan(eventId(1), aPlan(NOW, []), null)
    const outcome = { kind: 'park', reason: 'r' } as const
    const done = { deliveryId: ID, number: 1, startedAt: NOW, durationMs: 1, outcome, notes: [] }
    const fallback = {
      ...planned({ target: '#b' }),
      id: 'dlv_a',
      standsInFor: { delivery: ID, receiver: 'd', reason: 'r' },
    }
    t.match(await store.complete(done, { state: 'parked', dueAt: null, reason: 'r' }, true, [fallback]), {
      state: 'cancelled',
    })
    t.equal(await store.delivery('dlv_a'), null)
  })

  t.test('ambiguous attempts are counted until a person resends', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [planned()]))
    for (const number of [1, 2]) {
      t.equal((await store.claim(everything(NOW))).leased[0]?.delivery.ambiguousAttempts, number - 1)
      const outcome = { kind: 'ambiguous', reason: 'timeout' } as const
      await store.complete(
        { deliveryId: ID, number, startedAt: NOW, durationMs: 1, outcome, notes: [] },
        { state: 'ambiguous', dueAt: NOW, reason: 'timeout' },
        false,
      )
    }
    await store.requeue([{ deliveryId: ID }], NOW)
    t.equal((await store.claim(everything(NOW))).leased[0]?.delivery.ambiguousAttempts, 0)
  })

  t.test('a delivery without a lease cannot be completed', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [planned()]))
    const before = await store.deliveries({}, { limit: 10 })
    for (const id of [ID, deliveryId(1, 2), eventId(1), '']) {
      t.equal(await completeSent(store, id, 1, NOW), false, `for "${id}"`)
    }
    t.same(await store.deliveries({}, { limit: 10 }), before)
  })

  t.test('a holder that lost the lease changes nothing', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [planned()]))
    await store.claim(everything(NOW))
    t.equal(await completeSent(store, ID, 2, NOW), false, 'another number than the attempt that was leased')
    t.equal(await completeSent(store, ID, 0, NOW), false)
    await store.claim(everything(NOW + HOUR))
    t.equal(await completeRetry(store, ID, 1, NOW, NOW + 3 * HOUR), true)
    const before = await store.delivery(ID)
    t.equal(await completeSent(store, ID, 1, NOW), false, 'the attempt was recorded as interrupted meanwhile')
    await store.claim(everything(NOW + 3 * HOUR))
    t.equal(await completeSent(store, ID, 1, NOW), false, 'the lease is that of the second attempt')
    t.same((await store.delivery(ID))?.history, before?.history)
    t.equal(await completeSent(store, ID, 2, NOW + 3 * HOUR), true)
  })

  t.test('one attempt that is completed twice at once counts once', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [planned()]))
    await store.claim(everything(NOW))
    const both = await Promise.all([completeSent(store, ID, 1, NOW), completeSent(store, ID, 1, NOW)])
    t.same(both.sort(), [false, true])
    t.equal((await store.delivery(ID))?.history.length, 1)
  })

  conversationContract(t, create)
  requeueContract(t, create)
  purgeContract(t, create)

  t.test('close keeps what was asked for, and may be called again', async (t) => {
    const harness = create(t)
    const store = await harness.service()
    const asked = store.append(entry(event(1)))
    await Promise.all([store.close(), store.close()])
    t.same(await asked, { kind: 'stored', id: eventId(1) })
    await store.close()
    await t.rejects(store.append(entry(event(2))), { name: 'StoreUnavailable' })
    await t.rejects(store.events({}, { limit: 1 }), { name: 'StoreUnavailable' })
    const again = await harness.service()
    t.same(await listed((page) => again.events({}, page)), [eventId(1)])
  })
}

function conversationContract(t: Test, create: (t: Test) => Harness): void {
  t.test('messages of a conversation go one at a time, in their order', async (t) => {
    const harness = create(t)
    const before = await harness.service()
    for (const number of [1, 2, 3])
      await before.append(entry(event(number), [planned({ conversation: 'c', template: String(number) })]))
    const later = { kind: 'held', until: NOW + 5_000, reason: 'quiet' } as const
    await before.append(entry(event(4), [planned({ conversation: 'c', start: later })]))
    await before.append(entry(event(5), [planned({ conversation: 'other' })]))
    t.match(await before.delivery(deliveryId(2, 1)), { state: 'held', dueAt: null })
    t.same(
      (await before.claim(everything(NOW))).leased.map(({ delivery }) => delivery.id),
      [deliveryId(1, 1), deliveryId(5, 1)],
    )
    await completeSent(before, deliveryId(5, 1), 1, NOW)
    await completeRetry(before, deliveryId(1, 1), 1, NOW, NOW + 1_000)
    t.same(
      await deliverAll(before, NOW + 999),
      [],
      'the second waits for the first to end, not for an attempt',
    )
    await before.close()
    const store = await harness.service()
    t.same(await deliverAll(store, NOW + 1_000), [deliveryId(1, 1)])
    t.same(
      (await store.claim(everything(NOW + 1_100))).leased.map(({ delivery }) => delivery.id),
      [deliveryId(2, 1)],
    )
    await completeAs(store, deliveryId(2, 1), 'parked', NOW + 1_100)
    t.same(
      await deliverAll(store, NOW + 1_200),
      [deliveryId(3, 1)],
      'one that waits for a person lets the next go',
    )
    t.same(await store.claim(everything(NOW + 1_300)), {
      leased: [],
      nextDueAt: NOW + 5_000,
    })
    t.same(await deliverAll(store, NOW + 5_000), [deliveryId(4, 1)])
  })

  t.test('a conversation goes on after a replay, or another place, for the message under way', async (t) => {
    const store = await create(t).service()
    for (const number of [1, 2, 3]) await store.append(entry(event(number), [planned({ conversation: 'c' })]))
    const replay = aPlan(NOW, identified(1, [planned({ conversation: 'c' })], 2), { cause: 'replay' })
    t.match(await store.addPlan(eventId(1), replay, null), { cancelled: [deliveryId(1, 1)] })
    const [instead] = identified(2, [planned({ target: '#new' })], 2)
    t.match(await store.delivery(deliveryId(2, 1)), { state: 'pending', dueAt: NOW })
    await store.requeue([{ deliveryId: deliveryId(2, 1), ...(instead && { instead }) }], NOW)
    t.same((await deliverAll(store, NOW)).sort(), [deliveryId(2, 2), deliveryId(3, 1)])
    t.same(await deliverAll(store, NOW + 100), [deliveryId(1, 2)])
  })

  t.test('what is held for a time lets a message of its conversation pass that is not', async (t) => {
    const harness = create(t)
    const before = await harness.service()
    const night = { kind: 'held', until: NOW + HOUR, reason: 'quiet' } as const
    await before.append(entry(event(1), [planned({ conversation: 'c', start: night })]))
    await before.append(entry(event(2), [planned({ conversation: 'c', start: night })]))
    t.match(await before.delivery(deliveryId(1, 1)), { state: 'held', dueAt: NOW + HOUR, reason: 'quiet' })
    await before.append(entry(event(3), [planned({ conversation: 'c' })]))
    await before.append(entry(event(4), [planned({ conversation: 'c' })]))
    t.match(await before.delivery(deliveryId(1, 1)), { state: 'held', dueAt: null })
    await before.close()
    const store = await harness.service()
    t.same(await deliverAll(store, NOW), [deliveryId(3, 1)])
    t.same(await deliverAll(store, NOW + 100), [deliveryId(4, 1)])
    t.match(await store.delivery(deliveryId(1, 1)), {
      state: 'held',
      dueAt: NOW + HOUR,
      reason: 'its route is muted',
    })
    t.same(await store.claim(everything(NOW + HOUR - 1)), { leased: [], nextDueAt: NOW + HOUR })
    t.same(await deliverAll(store, NOW + HOUR), [deliveryId(1, 1)])
    t.same(await deliverAll(store, NOW + HOUR + 100), [deliveryId(2, 1)])
  })

  t.test('of one plan, what is not held passes too', async (t) => {
    const store = await create(t).service()
    const night = { kind: 'held', until: NOW + HOUR, reason: 'quiet' } as const
    const places = [
      planned({ conversation: 'c', start: night }),
      planned({ conversation: 'c', receiver: 'two' }),
      planned({ conversation: 'c', receiver: 'three', start: night }),
    ]
    await store.append(entry(event(1), places))
    t.same(await deliverAll(store, NOW), [deliveryId(1, 2)])
    t.same(await deliverAll(store, NOW + HOUR), [deliveryId(1, 1)])
    t.same(await deliverAll(store, NOW + HOUR + 100), [deliveryId(1, 3)])
  })

  t.test('what was due at its time is not overtaken', async (t) => {
    const store = await create(t).service()
    const soon = { kind: 'held', until: NOW + 1_000, reason: 'quiet' } as const
    await store.append(entry(event(1), [planned({ conversation: 'c', start: soon })]))
    await store.append(entry({ ...event(2), receivedAt: NOW + 2_000 }, [planned({ conversation: 'c' })]))
    t.same(await deliverAll(store, NOW + 2_000), [deliveryId(1, 1)])
    t.same(await deliverAll(store, NOW + 2_100), [deliveryId(2, 1)])
  })

  t.test('what is resent passes what is held for a time', async (t) => {
    const store = await create(t).service()
    const night = { kind: 'held', until: NOW + HOUR, reason: 'quiet' } as const
    await store.append(entry(event(1), [planned({ conversation: 'c' })]))
    await store.claim(everything(NOW))
    await completeAs(store, deliveryId(1, 1), 'parked', NOW)
    await store.append(entry(event(2), [planned({ conversation: 'c', start: night })]))
    t.same(await store.requeue([{ deliveryId: deliveryId(1, 1) }], NOW + 10), [deliveryId(1, 1)])
    t.same(await deliverAll(store, NOW + 20), [deliveryId(1, 1)])
    t.same(await deliverAll(store, NOW + HOUR), [deliveryId(2, 1)])
  })

  t.test('of those that are held for a time, the one whose time comes first goes first', async (t) => {
    const store = await create(t).service()
    const until = (ms: number) => ({ kind: 'held', until: NOW + ms, reason: `until ${ms}` }) as const
    for (const [number, ms] of [300, 400, 100, 200].map((ms, index) => [index + 1, ms] as const))
      await store.append(entry(event(number), [planned({ conversation: 'c', start: until(ms) })]))
    t.match(await store.delivery(deliveryId(3, 1)), { state: 'held', dueAt: NOW + 100, reason: 'until 100' })
    t.match(await store.delivery(deliveryId(1, 1)), { state: 'held', dueAt: null })
    for (const [number, ms] of [
      [3, 100],
      [4, 200],
      [1, 300],
      [2, 400],
    ] as const) {
      t.same(await store.claim(everything(NOW + ms - 1)), { leased: [], nextDueAt: NOW + ms })
      t.same(await deliverAll(store, NOW + ms), [deliveryId(number, 1)])
    }
  })

  t.test('of one plan, too', async (t) => {
    const store = await create(t).service()
    const until = (ms: number) => ({ kind: 'held', until: NOW + ms, reason: 'quiet' }) as const
    const places = [300, 100, 200].map((ms, index) =>
      planned({ conversation: 'c', receiver: `r${index}`, start: until(ms) }),
    )
    await store.append(entry(event(1), places))
    for (const [number, ms] of [
      [2, 100],
      [3, 200],
      [1, 300],
    ] as const) {
      t.same(await store.claim(everything(NOW + ms - 1)), { leased: [], nextDueAt: NOW + ms })
      t.same(await deliverAll(store, NOW + ms), [deliveryId(1, number)])
    }
  })

  t.test('what is held for a time, and resent behind another one, waits for that one alone', async (t) => {
    const store = await create(t).service()
    const night = { kind: 'held', until: NOW + HOUR, reason: 'quiet' } as const
    await store.append(entry(event(1), [planned({ conversation: 'c' })]))
    await store.append(entry(event(2), [planned({ conversation: 'c', start: night })]))
    await store.claim(everything(NOW))
    const again = () => store.requeue([{ deliveryId: deliveryId(2, 1) }], NOW + 10)
    t.same(await again(), [deliveryId(2, 1)])
    t.same(await again(), [], 'it waits for its turn already')
    t.ok(await completeSent(store, deliveryId(1, 1), 1, NOW + 20))
    t.same(await deliverAll(store, NOW + 100), [deliveryId(2, 1)])
  })

  t.test('what is resent waits for its turn in its conversation', async (t) => {
    const store = await create(t).service()
    for (const number of [1, 2, 3]) await store.append(entry(event(number), [planned({ conversation: 'c' })]))
    await store.claim(everything(NOW))
    await completeAs(store, deliveryId(1, 1), 'parked', NOW)
    await store.claim(everything(NOW + 10))
    const asked = [1, 2, 3].map((number) => ({ deliveryId: deliveryId(number, 1) }))
    t.same(await store.requeue(asked, NOW + 20), [deliveryId(1, 1)])
    t.match(await store.delivery(deliveryId(1, 1)), { state: 'held', dueAt: null })
    t.same(await store.claim(everything(NOW + 20)), {
      leased: [],
      nextDueAt: NOW + 60_010,
    })
    await completeSent(store, deliveryId(2, 1), 1, NOW + 20)
    t.same(await deliverAll(store, NOW + 100), [deliveryId(1, 1)])
    t.same(await deliverAll(store, NOW + 200), [deliveryId(3, 1)])
  })
}

function requeueContract(t: Test, create: (t: Test) => Harness): void {
  t.test('what is held is retried for as long as anything else, from its time on', async (t) => {
    const store = await create(t).service()
    const night = { kind: 'held', until: NOW + HOUR, reason: 'quiet' } as const
    await store.append(entry(event(1), [planned({ start: night })]))
    const { leased } = await store.claim(everything(NOW + HOUR))
    t.match(leased, [{ delivery: { id: deliveryId(1, 1), retryingSince: NOW + HOUR } }])
  })

  t.test('requeue makes deliveries due that wait or have ended, with a fresh budget', async (t) => {
    const store = await create(t).service()
    const others = ['pending', 'held', 'sending', 'skipped', 'merged', 'cancelled']
    const rest = states.filter((state) => !others.includes(state))
    await store.append(
      entry(
        event(1),
        rest.map((state) => planned({ target: state })),
      ),
    )
    await store.claim(everything(NOW))
    for (const [index, state] of rest.entries()) {
      const dueAt = state === 'retrying' || state === 'ambiguous' ? NOW + HOUR : null
      const outcome = { kind: 'retry', reason: 'r' } as const
      const attempt = {
        deliveryId: deliveryId(1, index + 1),
        number: 1,
        startedAt: NOW,
        durationMs: 1,
        outcome,
      }
      await store.complete({ ...attempt, notes: [] }, { state, dueAt, reason: 'r' }, false)
    }
    const ids = rest.map((_, index) => deliveryId(1, index + 1))
    const requests = ids.map((deliveryId) => ({ deliveryId }))
    t.same(await store.requeue(requests, NOW + 5), ids)
    for (const id of ids) {
      const shown = await store.delivery(id)
      t.match(shown, { state: 'pending', dueAt: NOW + 5, retryingSince: NOW + 5, reason: null, attempts: 1 })
      t.equal(shown?.history.length, 1)
    }
    t.equal((await store.claim(everything(NOW + 5))).leased.length, ids.length)
    t.same(await store.requeue(requests, NOW + 6), [], 'what is being sent is left alone')
  })

  t.test(
    'requeue to another place makes a delivery there, and cancels the old one unless it arrived',
    async (t) => {
      const store = await create(t).service()
      await store.append(entry(event(1), [planned({ target: '#old' }), planned({ target: '#arrived' })]))
      await store.claim(everything(NOW))
      await completeAs(store, deliveryId(1, 1), 'parked', NOW)
      await completeSent(store, deliveryId(1, 2), 1, NOW)
      const [one, two] = identified(1, [planned({ target: '#new' }), planned({ target: '#new2' })], 3)
      if (one === undefined || two === undefined) throw new Error('two were asked for')
      const changed = await store.requeue(
        [
          { deliveryId: deliveryId(1, 1), instead: one },
          { deliveryId: deliveryId(1, 2), instead: two },
        ],
        NOW + 1,
      )
      t.same(changed, [deliveryId(1, 1), deliveryId(1, 2)])
      t.match((await store.event(eventId(1)))?.plans[0]?.deliveries, [
        { state: 'cancelled', reason: `sent to #new instead, as ${deliveryId(1, 3)}`, dueAt: null },
        { state: 'delivered' },
        { state: 'pending', plan: 1, destination: { target: '#new' }, createdAt: NOW + 1, dueAt: NOW + 1 },
        { state: 'pending', plan: 1, destination: { target: '#new2' } },
      ])
    },
  )

  t.test('a delivery that is skipped at its attempt releases the next of its conversation', async (t) => {
    const store = await create(t).service()
    const conversation = 'analysis/1/slack/#deal-flow'
    await store.append(entry(event(1), [planned({ conversation }), planned({ conversation })]))
    const [leased] = (await store.claim(everything(NOW))).leased
    const { id, attempts } = leased?.delivery ?? { id: '', attempts: 0 }
    t.equal(await store.skip({ id, attempts: 1 }, 'old news', NOW), false, 'of another attempt')
    t.equal(await store.skip({ id, attempts }, 'old news', NOW), true)
    t.match(await store.delivery(id), { state: 'skipped', reason: 'old news', dueAt: null, history: [] })
    t.equal(await store.skip({ id, attempts }, 'old news', NOW), false, 'the lease is over')
    t.same(await deliverAll(store, NOW), [deliveryId(1, 2)])
  })

  t.test('events of a lifecycle and key are in rounds, which a replay keeps', async (t) => {
    const store = await create(t).service()
    const conversation = 'analysis/an_1/slack/#deal-flow'
    const stage = (name: string) => ({
      lifecycle: 'analysis',
      key: 'an_1',
      stage: name,
      first: 'created',
      last: 'completed',
    })
    for (const [index, name] of ['created', 'completed', 'created', 'completed'].entries()) {
      const one = event(index + 1, { type: name })
      await store.append(entry(one, [planned({ conversation })], { stage: stage(name) }))
    }
    const roundOf = async (number: number, name: string) =>
      (await store.conversation(eventId(number), stage(name), conversation)).round
    t.same(await Promise.all([1, 2, 3, 4].map((number) => roundOf(number, 'completed'))), [1, 1, 2, 2])
    await store.addPlan(eventId(1), aPlan(NOW, [], { cause: 'replay', stage: stage('created') }), null)
    t.equal(await roundOf(1, 'created'), 1)
    t.equal(await roundOf(99, 'created'), 3, 'of an event that would come now')
    const record = await store.conversation(eventId(4), stage('completed'), conversation)
    t.match(record, {
      lifecycle: 'analysis',
      key: 'an_1',
      sent: [],
      events: [{ id: eventId(3) }, { id: eventId(4) }],
    })
  })

  t.test('requeue returns only what it changed', async (t) => {
    const store = await create(t).service()
    const held = { kind: 'held', until: NOW + HOUR, reason: 'quiet' } as const
    await store.append(entry(event(1), [planned(), planned({ start: held }), planned({ skipped: 'muted' })]))
    const second = deliveryId(1, 2)
    const skipped = deliveryId(1, 3)
    const asked = [ID, second, second, skipped, deliveryId(1, 4), ''].map((deliveryId) => ({ deliveryId }))
    t.same(await store.requeue(asked, NOW), [second], 'a pending one is due already')
    t.match(await store.delivery(second), { state: 'pending', dueAt: NOW, reason: null })
    t.match(await store.delivery(skipped), { state: 'skipped', reason: 'muted' }, 'another one is sent')
    t.same(await store.requeue([], NOW), [])
  })

  t.test('a delivery goes to another place once, however often that is asked', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [planned({ target: '#old' })]))
    const instead = identified(1, [planned({ target: '#new' }), planned({ target: '#new' })], 2)
    const asked = instead.map((one) => store.requeue([{ deliveryId: ID, instead: one }], NOW))
    const changed = await Promise.all(asked)
    // Of two that are asked for at once, either may be the first.
    t.same(changed.toSorted(), [[], [ID]], 'also where it was pending')
    t.same(await store.requeue([{ deliveryId: ID }], NOW), [], 'what it was replaced by is sent')
    const sent = instead.filter((_, index) => changed[index]?.length === 1)
    t.same(
      await deliverAll(store, NOW),
      sent.map(({ id }) => id),
    )
  })

  t.test('what changed since it was looked at is not resent', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [planned(), planned({ target: '#b' })]))
    await store.claim(everything(NOW))
    for (const number of [1, 2]) await completeAs(store, deliveryId(1, number), 'parked', NOW)
    const seen = { state: 'parked', attempts: 1 } as const
    const asked = [1, 2].map((number) => ({ deliveryId: deliveryId(1, number), seen }))
    await store.dismiss([deliveryId(1, 2)], 'done', START + 10)
    t.same(await store.requeue(asked, NOW + 1), [ID])
    await store.claim(everything(NOW + 1))
    await completeSent(store, ID, 2, NOW + 1)
    t.same(await store.requeue(asked, NOW + 2), [], 'two people asked for the same')
    t.same(await store.requeue([{ deliveryId: ID, seen: { state: 'delivered', attempts: 2 } }], NOW + 3), [
      ID,
    ])
  })

  t.test('dismiss closes what waits for a person, for a reason, and nothing else', async (t) => {
    const store = await create(t).service()
    await store.append(
      entry(
        event(1),
        ['#a', '#b', '#c'].map((target) => planned({ target })),
      ),
    )
    await store.append(entry(event(2), [planned({ target: '#d' })]))
    await store.claim(everything(START + 1))
    await completeAs(store, deliveryId(1, 1), 'parked', NOW)
    await completeAs(store, deliveryId(1, 2), 'dead', NOW)
    const all = [1, 2, 3].map((number) => deliveryId(1, number))
    t.same(await store.dismiss([...all, deliveryId(2, 1), 'dlv_none'], 'called them', NOW), all.slice(0, 2))
    t.match(await store.delivery(ID), { state: 'dismissed', reason: 'called them', dueAt: null })
    t.match(await store.delivery(deliveryId(1, 3)), { state: 'sending' })
    t.same(await store.dismiss(all, 'again', NOW), [], 'it is closed already')
    t.match(await store.backlog(), [{ counts: { parked: 0, dead: 0, sending: 1, pending: 1 } }])
  })
}

function purgeContract(t: Test, create: (t: Test) => Harness): void {
  const purge = { before: NOW, unresolvedBefore: 0, after: null, limit: 100 }

  t.test('purge removes old finished events in steps, and leaves the unfinished', async (t) => {
    const store = await create(t).service()
    for (let number = 1; number <= 5; number += 1) await store.append(entry(event(number), [planned()]))
    await deliverAll(store, NOW)
    await store.append(entry(event(6), [planned({ skipped: 'muted' }), planned()]))
    await store.append(entry(event(8)))
    await store.append(entry(event(9, { receivedAt: NOW })))

    t.match(await store.purge({ ...purge, before: START + 3 }), { events: 2, unresolved: 0, next: null })
    const first = await store.purge({ ...purge, limit: 2 })
    t.match(first, { events: 2, unresolved: 0, next: String })
    const second = await store.purge({ ...purge, limit: 2, after: first.next })
    t.equal(second.events, 1, 'one of the two is not finished')
    const third = await store.purge({ ...purge, limit: 2, after: second.next })
    t.same(third, { events: 1, unresolved: 0, next: null })
    t.same(await listed((page) => store.events({}, page)), [eventId(9), eventId(6)])
    t.equal((await listed((page) => store.deliveries({}, page))).length, 2, 'deliveries go with their event')
    await deliverAll(store, NOW)
    t.equal((await store.purge(purge)).events, 1)
    t.same(await store.append(entry(event(10, { messageId: 'msg_6' }))), { kind: 'stored', id: eventId(10) })
  })

  t.test('purge removes the oldest first, whatever their type', async (t) => {
    const store = await create(t).service()
    const types = ['c.third', 'a.first', 'b.second']
    for (let number = 1; number <= 9; number += 1)
      await store.append(entry(event(number, { type: types[number % 3] ?? '' })))
    const step = async (after: string | null) => {
      const purged = await store.purge({ ...purge, limit: 4, after })
      return { ...purged, left: (await listed((page) => store.events({}, page))).toReversed() }
    }
    const first = await step(null)
    t.same(first.left, [5, 6, 7, 8, 9].map(eventId))
    t.same((await step(first.next)).left, [eventId(9)])
  })

  t.test('what was planned again, or resent, is kept as long as what came in then', async (t) => {
    const store = await create(t).service()
    for (const number of [1, 2]) await store.append(entry(event(number), [planned()]))
    await store.append(quarantine(3))
    await deliverAll(store, NOW)
    const later = NOW + 40 * 24 * HOUR
    await store.requeue([{ deliveryId: deliveryId(1, 1) }], later)
    await store.addPlan(eventId(2), aPlan(later, [], { cause: 'replay' }), null)
    const read = entry(event(4, { messageId: 'msg_3', receivedAt: START + 3 }), [], { at: later })
    await store.append({ ...read, releasedFrom: eventId(3) })
    await deliverAll(store, later)
    t.equal((await store.purge({ ...purge, before: later })).events, 0)
    t.equal((await store.purge({ ...purge, before: later + 1 })).events, 3)
    t.equal((await store.purge({ ...purge, before: later + 1 })).events, 1)
  })

  t.test('what still needs a person stays, for its own time', async (t) => {
    const store = await create(t).service()
    for (const number of [1, 2, 3])
      await store.append(entry(event(number), [planned({ target: `#${number}` })]))
    await store.append(quarantine(4))
    await store.append(quarantine(5))
    await store.append(entry(event(6, { messageId: 'msg_5' })))
    await store.claim(everything(START + 10))
    await completeAs(store, deliveryId(1, 1), 'parked', NOW)
    await completeAs(store, deliveryId(2, 1), 'dead', NOW)
    await completeAs(store, deliveryId(3, 1), 'parked', NOW)
    await store.dismiss([deliveryId(3, 1)], 'done', NOW)
    t.equal((await store.purge(purge)).events, 1, 'what was dismissed just now stays for a while')
    t.same(
      await store.purge({ ...purge, before: NOW + 1 }),
      { events: 2, unresolved: 0, next: null },
      'what was dismissed long enough ago; and what is released goes after its event',
    )
    t.same(await listed((page) => store.events({}, page)), [4, 2, 1].map(eventId))
    t.same(await store.purge({ ...purge, unresolvedBefore: START + 2 }), {
      events: 1,
      unresolved: 1,
      next: null,
    })
    t.same(await store.purge({ ...purge, unresolvedBefore: NOW }), { events: 2, unresolved: 2, next: null })
  })
}
