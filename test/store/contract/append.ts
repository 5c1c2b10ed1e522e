import type { Test } from 'tap'
import {
  stored as asStored,
  entry,
  event,
  eventId,
  everything,
  type Harness,
  HOUR,
  planned,
  quarantine,
  START,
} from './sample.ts'

export function appendContract(t: Test, create: (t: Test) => Harness): void {
  t.test('an event is stored whole, with the deliveries it owes', async (t) => {
    const store = await create(t).service()
    const body = Buffer.from('\uFEFF{ "type": "analysis.completed",  "data": {"name": "Zoë ∆"} }')
    const stored = event(1, { secretIndex: 2 })
    const deliveries = [
      planned({ template: 'big' }),
      planned({ channel: 'email', rateKey: 'email', target: 'a@example.com', skipped: 'muted' }),
    ]
    t.same(await store.append({ ...entry(stored, deliveries), body }), { kind: 'stored', id: stored.id })

    const [found] = await store.events({ limit: 10 })
    t.match(found, {
      id: stored.id,
      messageId: 'msg_1',
      source: 'cuuro',
      type: 'analysis.completed',
      receivedAt: stored.receivedAt,
      sentAt: stored.sentAt,
      secretIndex: 2,
      routing: { routes: ['completed analyses'], unrouted: false },
      problem: null,
    })
    t.same(Buffer.from(found?.body ?? []), body, 'the body is as it was signed, byte by byte')
    const common = {
      eventId: stored.id,
      attempts: 0,
      createdAt: stored.receivedAt,
      owedSince: stored.receivedAt,
    }
    t.same(found?.deliveries, [
      {
        ...asStored({ template: 'big' }),
        ...common,
        id: `${stored.id}-1`,
        state: 'pending',
        reason: null,
        dueAt: stored.receivedAt,
        history: [],
      },
      {
        ...asStored({ channel: 'email', rateKey: 'email', target: 'a@example.com' }),
        ...common,
        id: `${stored.id}-2`,
        state: 'skipped',
        reason: 'muted',
        dueAt: null,
        history: [],
      },
    ])
  })

  t.test('what append resolved for is there for another process, and after a restart', async (t) => {
    const harness = create(t)
    const store = await harness.service()
    const operator = await harness.operator()
    await store.append(entry(event(1), [planned()]))
    t.equal((await operator.events({ id: eventId(1), limit: 1 }))[0]?.deliveries.length, 1)
    await operator.close()
    await store.close()
    const again = await harness.service()
    t.equal((await again.events({ id: eventId(1), limit: 1 }))[0]?.deliveries.length, 1)
  })

  t.test('the same message within the window is a duplicate', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [planned()]))
    const again = event(2, { messageId: 'msg_1', receivedAt: START + 1 + 72 * HOUR - 1 })
    t.same(await store.append(entry(again, [planned()])), { kind: 'duplicate', id: eventId(1) })
    t.equal((await store.events({ limit: 10 })).length, 1)
    t.equal((await store.deliveries({ limit: 10 })).length, 1, 'it owes nothing')
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
    t.equal((await store.events({ id: 'msg_1', limit: 10 })).length, 1)
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
    t.same(
      (await store.events({ limit: 10 })).map(({ id }) => id),
      [eventId(3), eventId(2), eventId(1)],
    )
  })

  t.test('a quarantined request is stored whole, and deduplicated like an event', async (t) => {
    const store = await create(t).service()
    t.same(await store.append(quarantine(1)), { kind: 'stored', id: eventId(1) })
    t.same(await store.append(quarantine(2, { messageId: 'msg_1' })), { kind: 'duplicate', id: eventId(1) })
    t.same(await store.append(entry(event(3, { messageId: 'msg_1' }))), { kind: 'duplicate', id: eventId(1) })
    const [found] = await store.events({ limit: 10 })
    t.match(found, {
      id: eventId(1),
      type: null,
      routing: null,
      problem: 'invalid_utf8: the body is not valid UTF-8',
      secretIndex: 1,
      deliveries: [],
    })
    t.same(Buffer.from(found?.body ?? []), Buffer.from([0x7b, 0xff, 0x00]))
    t.same(await store.claim(everything(START + HOUR)), { leased: [], nextDueAt: null })
  })

  t.test('a replay adds deliveries and goes on counting', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [planned(), planned()]))
    const now = START + 5 * HOUR
    const replay = {
      kind: 'replay',
      eventId: eventId(1),
      now,
      deliveries: [planned({ rateKey: 'new' }), planned()],
    } as const
    t.same(await store.append(replay), { kind: 'stored', id: eventId(1) })
    const [found] = await store.events({ limit: 10 })
    t.same(
      found?.deliveries.map(({ id, createdAt, owedSince, dueAt }) => [id, createdAt, owedSince, dueAt]),
      [
        [`${eventId(1)}-1`, START + 1, START + 1, START + 1],
        [`${eventId(1)}-2`, START + 1, START + 1, START + 1],
        [`${eventId(1)}-3`, now, now, now],
        [`${eventId(1)}-4`, now, now, now],
      ],
    )
  })

  t.test('what is not there, or quarantined, cannot be replayed', async (t) => {
    const store = await create(t).service()
    await store.append(quarantine(1))
    for (const id of [eventId(1), eventId(2)]) {
      const replay = { kind: 'replay', eventId: id, now: START, deliveries: [planned()] } as const
      t.same(await store.append(replay), { kind: 'unknown' })
    }
    t.same(await store.deliveries({ limit: 10 }), [])
  })
}
