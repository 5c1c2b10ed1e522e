import type { Test } from 'tap'
import { enrichedOf } from '../../../src/core/event.ts'
import {
  aPlan,
  stored as asStored,
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

export function appendContract(t: Test, create: (t: Test) => Harness): void {
  t.test('the last request that was refused for its timestamp is remembered by source', async (t) => {
    const store = await create(t).service()
    t.equal(await store.refusedClock('cuuro'), null)
    await store.noteClock('cuuro', { receivedAt: START, sentAt: START - HOUR })
    await store.noteClock('cuuro', { receivedAt: START + 1, sentAt: START + HOUR })
    await store.noteClock('crm', { receivedAt: START, sentAt: START })
    t.same(await store.refusedClock('cuuro'), { receivedAt: START + 1, sentAt: START + HOUR })
    t.equal((await listed((page) => store.events({}, page))).length, 0)
  })

  t.test('the types that were received, each once for each source', async (t) => {
    const store = await create(t).service()
    t.same(await store.types(), [])
    await store.append(entry(event(1, { type: 'b' }), [planned()]))
    await store.append(entry(event(2, { type: 'b' }), [planned()]))
    await store.append(entry(event(3, { type: 'a' }), [planned()]))
    await store.append(entry(event(4, { source: 'crm', type: 'b' }), [planned()]))
    await store.append(quarantine(5))
    const types = (await store.types()).map(({ source, type }) => `${source} ${type}`)
    t.strictSame(types.toSorted(), ['crm b', 'cuuro a', 'cuuro b'])
  })

  t.test('what enrichment fetched is stored with the event, numbers as they were written', async (t) => {
    const store = await create(t).service()
    const enriched = enrichedOf('{"analysis":{"score":9.10,"id":12345678901234567890}}')
    await store.append(entry(event(1, { enriched }), [planned()]))
    await store.append(entry(event(2), [planned()]))
    const { leased } = await store.claim(everything(START + HOUR))
    t.same(
      leased.map((one) => JSON.stringify(one.event.enriched)),
      ['{"analysis":{"score":9.10,"id":12345678901234567890}}', '{}'],
    )
    t.same(JSON.stringify((await store.event(eventId(1)))?.enriched), JSON.stringify(enriched))
  })

  t.test('an event is stored whole, with its plan', async (t) => {
    const store = await create(t).service()
    const body = Buffer.from('\uFEFF{ "type": "analysis.completed",  "data": {"name": "Zoë ∆"} }')
    const stored = event(1, { secretIndex: 2 })
    const mail = { channel: 'email', target: 'a@example.com', receiver: 'partners' }
    const deliveries = [
      planned({ template: 'big', group: 'g' }),
      planned({ ...mail, skipped: 'muted' }),
      planned({
        ...mail,
        target: 'b@example.com',
        start: { kind: 'held', until: START + HOUR, reason: 'quiet' },
      }),
    ]
    t.same(await store.append({ ...entry(stored, deliveries), body }), { kind: 'stored', id: stored.id })

    const found = await store.event(stored.id)
    const { payload: _payload, ...kept } = stored
    t.match(found, { ...kept, unrouted: false, problem: null, releasedAs: null, releasedFrom: null })
    t.same(Buffer.from(found?.body ?? []), body, 'the body is as it was signed, byte by byte')
    const at = stored.receivedAt
    const common = {
      eventId: stored.id,
      plan: 1,
      attempts: 0,
      ambiguousAttempts: 0,
      createdAt: at,
      retryingSince: at,
      history: [],
    }
    const { deliveries: _deliveries, ...plan } = aPlan(at, [])
    t.same(found?.plans, [
      {
        ...plan,
        number: 1,
        deliveries: [
          {
            ...asStored({ template: 'big', group: 'g' }),
            ...common,
            id: deliveryId(1, 1),
            state: 'pending',
            reason: null,
            dueAt: at,
          },
          {
            ...asStored(mail),
            ...common,
            id: deliveryId(1, 2),
            state: 'skipped',
            reason: 'muted',
            dueAt: null,
          },
          {
            ...asStored({ ...mail, target: 'b@example.com' }),
            ...common,
            id: deliveryId(1, 3),
            state: 'held',
            reason: 'quiet',
            dueAt: START + HOUR,
            retryingSince: START + HOUR,
          },
        ],
      },
    ])
    t.same(await store.delivery(deliveryId(1, 2)), found?.plans[0]?.deliveries[1])
    t.equal(await store.event(eventId(2)), null)
    t.equal(await store.delivery('dlv_none'), null)
  })

  t.test('what append resolved for is there for another process, and after a restart', async (t) => {
    const harness = create(t)
    const store = await harness.service()
    const operator = await harness.operator()
    await store.append(entry(event(1), [planned()]))
    t.equal((await operator.event(eventId(1)))?.plans[0]?.deliveries.length, 1)
    await operator.close()
    await store.close()
    const again = await harness.service()
    t.equal((await again.event(eventId(1)))?.plans[0]?.deliveries.length, 1)
  })

  t.test('the same message within the window is a duplicate', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [planned()]))
    const again = event(2, { messageId: 'msg_1', receivedAt: START + 1 + 72 * HOUR - 1 })
    const duplicate = { kind: 'duplicate', id: eventId(1), quarantined: false }
    t.same(await store.append(entry(again, [planned()])), duplicate)
    t.same(await listed((page) => store.events({}, page)), [eventId(1)])
    t.same(await listed((page) => store.deliveries({}, page)), [deliveryId(1, 1)], 'nothing more is planned')
  })

  t.test('the same message after the window, or from another source, is an event of its own', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1)))
    const later = event(2, { messageId: 'msg_1', receivedAt: START + 1 + 72 * HOUR })
    t.same(await store.append(entry(later)), { kind: 'stored', id: eventId(2) })
    const elsewhere = event(3, { messageId: 'msg_1', source: 'other' })
    t.same(await store.append(entry(elsewhere)), { kind: 'stored', id: eventId(3) })
  })

  t.test('the same message twice at once is stored once', async (t) => {
    const store = await create(t).service()
    const twice = await Promise.all([
      store.append(entry(event(1))),
      store.append(entry(event(2, { messageId: 'msg_1' }))),
      store.append(entry(event(3))),
    ])
    t.same(twice.map(({ kind }) => kind).sort(), ['duplicate', 'stored', 'stored'])
    t.same(await listed((page) => store.events({}, page)), [eventId(3), eventId(1)])
  })

  t.test('an id that is taken rejects that event alone', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1)))
    const results = await Promise.allSettled([
      store.append(entry(event(2))),
      store.append(entry(event(1, { messageId: 'another' }))),
      store.append(entry(event(3))),
    ])
    t.same(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    t.same(await listed((page) => store.events({}, page)), [eventId(3), eventId(2), eventId(1)])
  })

  quarantineContract(t, create)
  replayContract(t, create)
}

function quarantineContract(t: Test, create: (t: Test) => Harness): void {
  t.test('a quarantined request is stored whole, and its repetition is a duplicate', async (t) => {
    const store = await create(t).service()
    t.same(await store.append(quarantine(1)), { kind: 'stored', id: eventId(1) })
    const duplicate = { kind: 'duplicate', id: eventId(1), quarantined: true }
    t.same(await store.append(quarantine(2, { messageId: 'msg_1' })), duplicate)
    const found = await store.event(eventId(1))
    t.match(found, { type: null, subject: null, secretIndex: 1, plans: [], releasedAs: null })
    t.equal(found?.problem, 'invalid_utf8: the body is not valid UTF-8')
    t.same(Buffer.from(found?.body ?? []), Buffer.from([0x7b, 0xff, 0x00]))
    t.same(await store.claim(everything(START + HOUR)), { leased: [], nextDueAt: null })
  })

  t.test('an event releases the quarantined request of its message; both stay', async (t) => {
    const store = await create(t).service()
    await store.append(quarantine(1))
    t.same(await listed(async () => ({ items: await store.quarantined('', 9) })), [eventId(1)])
    const again = entry(event(2, { messageId: 'msg_1' }), [planned()])
    t.same(await store.append(again), { kind: 'stored', id: eventId(2) })
    t.match(await store.event(eventId(1)), { type: null, releasedAs: eventId(2) })
    t.match(await store.event(eventId(2)), { releasedFrom: eventId(1), plans: [{ number: 1 }] })
    t.same(await store.quarantined('', 9), [])
    const third = entry(event(3, { messageId: 'msg_1' }), [planned()])
    t.same(await store.append(third), { kind: 'duplicate', id: eventId(2), quarantined: false })
  })

  t.test('a quarantined request is released once, by the first event', async (t) => {
    const store = await create(t).service()
    await store.append(quarantine(1))
    await store.append(quarantine(2))
    const read = (number: number) => ({
      ...entry(event(number, { messageId: 'msg_1', receivedAt: START + 1 }), [planned()], {
        cause: 'quarantine',
      }),
      releasedFrom: eventId(1),
    })
    const both = await Promise.all([store.append(read(11)), store.append(read(12))])
    t.same(both.map(({ kind }) => kind).sort(), ['duplicate', 'stored'])
    t.same(await listed(async () => ({ items: await store.quarantined('', 9) })), [eventId(2)])
    t.same(await store.quarantined(eventId(2), 9), [])
    t.match(await store.event(eventId(11)), { releasedFrom: eventId(1), plans: [{ cause: 'quarantine' }] })
    const short = { ...read(13), dedupeFor: 0 }
    t.same(
      await store.append(short),
      { kind: 'duplicate', id: eventId(11), quarantined: false },
      'a window of 0',
    )
  })

  t.test('a quarantined request whose message came again long after is that event', async (t) => {
    const store = await create(t).service()
    await store.append(quarantine(1))
    const later = { messageId: 'msg_1', receivedAt: START + 100 * HOUR }
    t.same(await store.append(entry(event(2, later))), { kind: 'stored', id: eventId(2) })
    t.match(await store.event(eventId(1)), { releasedAs: null }, 'out of the window')
    const read = entry(event(3, { messageId: 'msg_1', receivedAt: START + 1 }), [planned()])
    t.same(await store.append({ ...read, releasedFrom: eventId(1) }), {
      kind: 'duplicate',
      id: eventId(2),
      quarantined: false,
    })
    t.match(await store.event(eventId(1)), { releasedAs: eventId(2) })
    t.same(await store.quarantined('', 9), [])
  })
}

function replayContract(t: Test, create: (t: Test) => Harness): void {
  const now = START + 5 * HOUR
  const replay = (deliveries = [planned({ target: '#new' }), planned()], first = 11) =>
    aPlan(now, identified(1, deliveries, first), { cause: 'replay', fingerprint: 'beef' })

  t.test('a replay is a further plan, and takes the place of what was not delivered', async (t) => {
    const store = await create(t).service()
    const targets = ['#delivered', '#sending', '#parked', '#pending', '#skipped']
    await store.append(
      entry(
        event(1),
        targets.map((target) => planned({ target, ...(target === '#skipped' && { skipped: 'muted' }) })),
      ),
    )
    await store.claim(everything(START + 1))
    const before = (await store.event(eventId(1)))?.plans[0]?.deliveries ?? []
    const idOf = (target: string) => before.find(({ destination }) => destination.target === target)?.id ?? ''
    await store.complete(
      {
        deliveryId: idOf('#delivered'),
        number: 1,
        startedAt: START,
        durationMs: 1,
        outcome: { kind: 'sent', reference: {} },
        notes: [],
      },
      { state: 'delivered', dueAt: null, reason: null },
      true,
    )
    await completeAs(store, idOf('#parked'), 'parked', START)
    await store.complete(
      {
        deliveryId: idOf('#pending'),
        number: 1,
        startedAt: START,
        durationMs: 1,
        outcome: { kind: 'retry', reason: 'r' },
        notes: [],
      },
      { state: 'retrying', dueAt: now + 1, reason: 'r' },
      false,
    )
    const added = await store.addPlan(eventId(1), replay(), null)
    t.same(added, { number: 2, cancelled: [idOf('#parked'), idOf('#pending')] })
    const found = await store.event(eventId(1))
    t.same(
      found?.plans[0]?.deliveries.map(({ state }) => state),
      ['delivered', 'sending', 'cancelled', 'cancelled', 'skipped'],
    )
    t.match(found?.plans[0]?.deliveries[2], { reason: 'replaced by plan 2', dueAt: null })
    t.match(found?.plans[1], { number: 2, at: now, cause: 'replay', fingerprint: 'beef' })
    t.match(found?.plans[1]?.deliveries, [
      { id: deliveryId(1, 11), plan: 2, createdAt: now, retryingSince: now, dueAt: now },
      { id: deliveryId(1, 12), plan: 2 },
    ])
  })

  t.test('what is being sent during a replay is not attempted again', async (t) => {
    const store = await create(t).service()
    const targets = ['#fails', '#arrives', '#other']
    await store.append(
      entry(
        event(1),
        targets.map((target) => planned({ target, receiver: target === '#other' ? 'b' : 'a' })),
      ),
    )
    await store.claim(everything(now))
    const replayed = replay([planned({ receiver: 'a', target: '#new' })])
    t.same(await store.addPlan(eventId(1), replayed, ['a']), { number: 2, cancelled: [] })
    for (const number of [1, 3])
      t.equal(await completeRetry(store, deliveryId(1, number), 1, now, now + 1_000), true)
    t.equal(await completeSent(store, deliveryId(1, 2), 1, now), true)
    t.match((await store.event(eventId(1)))?.plans[0]?.deliveries, [
      { state: 'cancelled', reason: 'replaced by plan 2', dueAt: null, attempts: 1 },
      { state: 'delivered' },
      { state: 'retrying' },
    ])
    await store.requeue([{ deliveryId: deliveryId(1, 2) }], now)
    t.same(
      (await store.claim(everything(now))).leased.map(({ delivery }) => delivery.id).sort(),
      [deliveryId(1, 11), deliveryId(1, 2)].sort(),
    )
    await completeRetry(store, deliveryId(1, 2), 2, now, now + 1_000)
    t.match(await store.delivery(deliveryId(1, 2)), { state: 'retrying' }, 'resent, it counts again')
  })

  t.test('a replay for one receiver leaves the others alone', async (t) => {
    const store = await create(t).service()
    await store.append(
      entry(event(1), [planned({ receiver: 'a' }), planned({ receiver: 'b', target: '#b' })]),
    )
    t.same(await store.addPlan(eventId(1), replay([planned({ receiver: 'b', target: '#b' })]), ['b']), {
      number: 2,
      cancelled: [deliveryId(1, 2)],
    })
    t.same((await deliverAll(store, now)).sort(), [deliveryId(1, 1), deliveryId(1, 11)])
  })

  t.test('an event is unrouted as its last plan says', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [], { routes: [], unrouted: true }))
    t.match(await store.events({ kind: 'unrouted' }, { limit: 9 }), { items: [{ id: eventId(1) }] })
    await store.addPlan(eventId(1), replay(), null)
    t.match(await store.events({ kind: 'unrouted' }, { limit: 9 }), { items: [] })
    t.match(await store.event(eventId(1)), {
      unrouted: false,
      plans: [{ unrouted: true }, { unrouted: false }],
    })
  })

  t.test('what is not there, or quarantined, cannot be replayed', async (t) => {
    const store = await create(t).service()
    await store.append(quarantine(1))
    for (const id of [eventId(1), eventId(2)]) t.equal(await store.addPlan(id, replay(), null), null)
    t.same(await listed((page) => store.deliveries({}, page)), [])
  })
}
