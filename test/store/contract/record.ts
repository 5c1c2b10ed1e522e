import type { Test } from 'tap'
import { finalStates, type NextState, type Outcome } from '../../../src/core/delivery.ts'
import type { Attempt } from '../../../src/store/store.ts'
import {
  deliverAll,
  entry,
  event,
  eventId,
  everything,
  type Harness,
  HOUR,
  planned,
  quarantine,
  recordRetry,
  recordSent,
  START,
} from './sample.ts'

const NOW = START + HOUR
const ID = `${eventId(1)}-1`

export function recordContract(t: Test, create: (t: Test) => Harness): void {
  t.test('every kind of outcome is kept with its attempt', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [planned()]))
    const outcomes: readonly [Outcome, NextState][] = [
      [
        { kind: 'retry', reason: 'http 503', after: 30_000 },
        { state: 'retrying', dueAt: NOW, reason: 'http 503' },
      ],
      [
        { kind: 'retry', reason: 'refused' },
        { state: 'retrying', dueAt: NOW, reason: 'refused' },
      ],
      [
        { kind: 'ambiguous', reason: 'timeout' },
        { state: 'ambiguous', dueAt: NOW, reason: 'timeout' },
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
      await store.resend([ID], NOW)
      t.equal((await store.claim(everything(NOW))).leased[0]?.delivery.attempts, index)
      const notes = index === 0 ? [] : ['rendered with template default instead', 'ünknown variable']
      const attempt = {
        deliveryId: ID,
        number: index + 1,
        startedAt: NOW + index,
        took: index,
        outcome,
        notes,
      }
      attempts.push(attempt)
      t.equal(await store.record(attempt, next), true)
      const [shown] = await store.deliveries({ ids: [ID], limit: 1 })
      t.match(shown, { ...next, attempts: index + 1 })
      t.same(shown?.history, attempts)
    }
    const [found] = await store.events({ limit: 1 })
    t.same(found?.deliveries[0]?.history, attempts, 'an event shows them too')
  })

  t.test('a delivery that nobody leased cannot be recorded', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [planned()]))
    const before = await store.deliveries({ limit: 10 })
    for (const id of [ID, `${eventId(1)}-2`, `${eventId(2)}-1`, eventId(1), '', 'x-1', `${eventId(1)}-01`]) {
      t.equal(await recordSent(store, id, 1, NOW), false, `for "${id}"`)
    }
    t.same(await store.deliveries({ limit: 10 }), before)
  })

  t.test('who lost the lease changes nothing', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [planned()]))
    await store.claim(everything(NOW))
    t.equal(await recordSent(store, ID, 2, NOW), false, 'another number than the attempt that was leased')
    t.equal(await recordSent(store, ID, 0, NOW), false)
    await store.claim(everything(NOW + HOUR))
    t.equal(await recordRetry(store, ID, 1, NOW, NOW + 3 * HOUR), true)
    const before = await store.deliveries({ limit: 1 })
    t.equal(await recordSent(store, ID, 1, NOW), false, 'the attempt was recorded as interrupted meanwhile')
    await store.claim(everything(NOW + 3 * HOUR))
    t.equal(await recordSent(store, ID, 1, NOW), false, 'the lease is that of the second attempt')
    t.same((await store.deliveries({ limit: 1 }))[0]?.history, before[0]?.history)
    t.equal(await recordSent(store, ID, 2, NOW + 3 * HOUR), true)
  })

  t.test('two records of one attempt at once: one counts', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [planned()]))
    await store.claim(everything(NOW))
    const both = await Promise.all([recordSent(store, ID, 1, NOW), recordSent(store, ID, 1, NOW)])
    t.same(both.sort(), [false, true])
    t.equal((await store.deliveries({ limit: 1 }))[0]?.history.length, 1)
  })

  t.test('resend makes finished and waiting deliveries due, with a fresh budget', async (t) => {
    const store = await create(t).service()
    const rest = [...finalStates, 'retrying', 'ambiguous'] as const
    await store.append(
      entry(
        event(1),
        rest.map((state) => planned({ rateKey: state })),
      ),
    )
    await store.claim(everything(NOW))
    for (const [index, state] of rest.entries()) {
      const deliveryId = `${eventId(1)}-${index + 1}`
      const dueAt = state === 'retrying' || state === 'ambiguous' ? NOW + HOUR : null
      const outcome = { kind: 'retry', reason: 'r' } as const
      await store.record(
        { deliveryId, number: 1, startedAt: NOW, took: 1, outcome, notes: [] },
        { state, dueAt, reason: 'r' },
      )
    }
    const ids = rest.map((_, index) => `${eventId(1)}-${index + 1}`)
    t.same(await store.resend(ids, NOW + 5), ids)
    for (const shown of await store.deliveries({ limit: 10 })) {
      t.match(shown, { state: 'pending', dueAt: NOW + 5, owedSince: NOW + 5, reason: null, attempts: 1 })
      t.equal(shown.history.length, 1)
    }
    t.equal((await store.claim(everything(NOW + 5))).leased.length, ids.length)
    t.same(await store.resend(ids, NOW + 6), [], 'what is being sent is left alone')
  })

  t.test('resend returns only what it changed', async (t) => {
    const store = await create(t).service()
    await store.append(entry(event(1), [planned(), planned({ skipped: 'muted' })]))
    const skipped = `${eventId(1)}-2`
    const asked = [ID, skipped, skipped, `${eventId(1)}-3`, 'nonsense', '']
    t.same(await store.resend(asked, NOW), [skipped], 'a pending one is due already')
    t.match(await store.deliveries({ ids: [skipped], limit: 1 }), [
      { state: 'pending', dueAt: NOW, reason: null },
    ])
    t.same(await store.resend([], NOW), [])
  })

  t.test('purge removes old finished events in steps, and leaves the unfinished', async (t) => {
    const store = await create(t).service()
    for (let number = 1; number <= 5; number += 1)
      await store.append(entry(event(number), [planned({ rateKey: 'a' })]))
    await deliverAll(store, NOW)
    await store.append(
      entry(event(6), [planned({ rateKey: 'b', skipped: 'muted' }), planned({ rateKey: 'b' })]),
    )
    await store.append(quarantine(7))
    await store.append(entry(event(8)))
    await store.append(entry(event(9, { receivedAt: NOW })))

    t.equal(await store.purge(START + 3, 100), 2, 'those received before')
    t.equal(await store.purge(NOW, 2), 2)
    t.equal(await store.purge(NOW, 2), 2)
    t.equal(await store.purge(NOW, 2), 1)
    t.equal(await store.purge(NOW, 2), 0)
    t.same(
      (await store.events({ limit: 10 })).map(({ id }) => id),
      [eventId(9), eventId(6)],
    )
    t.equal((await store.deliveries({ limit: 10 })).length, 2, 'deliveries go with their event')
    await deliverAll(store, NOW)
    t.equal(await store.purge(NOW, 2), 1)
    t.same(await store.append(entry(event(10, { messageId: 'msg_6' }))), { kind: 'stored', id: eventId(10) })
  })

  t.test('close keeps what was asked for, and may be called again', async (t) => {
    const harness = create(t)
    const store = await harness.service()
    const asked = store.append(entry(event(1)))
    await Promise.all([store.close(), store.close()])
    t.same(await asked, { kind: 'stored', id: eventId(1) })
    await store.close()
    await t.rejects(store.append(entry(event(2))), { name: 'StoreUnavailable' })
    await t.rejects(store.events({ limit: 1 }), { name: 'StoreUnavailable' })
    const again = await harness.service()
    t.equal((await again.events({ limit: 10 })).length, 1)
  })
}
