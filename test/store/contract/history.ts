import type { Test } from 'tap'
import type { DeliveryFilter, EventFilter, Store } from '../../../src/store/store.ts'
import { deliverAll, entry, event, eventId, type Harness, planned, quarantine, START } from './sample.ts'

async function filled(store: Store): Promise<void> {
  const unrouted = { routes: [], unrouted: true }
  await store.append(entry(event(1), [planned({ receiver: 'a', rateKey: '1' })]))
  await deliverAll(store, START + 1)
  await store.append({ ...entry(event(2, { type: 'startup.created' })), routing: unrouted })
  await store.append(quarantine(3))
  await store.append(entry(event(4, { source: 'other' }), [planned({ channel: 'email', receiver: 'b' })]))
  await store.append(
    entry(event(5), [planned({ receiver: 'a', skipped: 'muted' }), planned({ receiver: 'b' })]),
  )
}

export function historyContract(t: Test, create: (t: Test) => Harness): void {
  t.test('events are filtered, newest first', async (t) => {
    const store = await create(t).service()
    await filled(store)
    const cases: readonly [Partial<EventFilter>, readonly number[]][] = [
      [{}, [5, 4, 3, 2, 1]],
      [{ limit: 2 }, [5, 4]],
      [{ id: eventId(4) }, [4]],
      [{ id: 'msg_3' }, [3]],
      [{ id: 'msg_' }, []],
      [{ type: 'startup.created' }, [2]],
      [{ source: 'cuuro' }, [5, 3, 2, 1]],
      [{ kind: 'routed' }, [5, 4, 1]],
      [{ kind: 'unrouted' }, [2]],
      [{ kind: 'quarantined' }, [3]],
      [{ since: START + 4 }, [5, 4]],
      [{ until: START + 2 }, [2, 1]],
      [{ since: START + 2, until: START + 4, limit: 2 }, [4, 3]],
      [{ type: 'analysis.completed', source: 'cuuro', kind: 'routed', since: START + 2 }, [5]],
      [{ type: "x' OR 1=1 --" }, []],
    ]
    for (const [filter, numbers] of cases) {
      const found = await store.events({ limit: 100, ...filter })
      t.same(
        found.map(({ id }) => id),
        numbers.map(eventId),
        JSON.stringify(filter),
      )
    }
  })

  t.test('events sort by when they were received, not by when they were stored', async (t) => {
    const store = await create(t).service()
    for (const number of [2, 3, 1]) await store.append(entry(event(number)))
    t.same(
      (await store.events({ limit: 9 })).map(({ id }) => id),
      [3, 2, 1].map(eventId),
    )
  })

  t.test('the same message after the window is found twice by the sender’s id', async (t) => {
    const store = await create(t).service()
    for (const number of [1, 2])
      await store.append({ ...entry(event(number, { messageId: 'msg' })), dedupeFor: 0 })
    t.same(
      (await store.events({ id: 'msg', limit: 9 })).map(({ id }) => id),
      [2, 1].map(eventId),
    )
  })

  t.test('deliveries are filtered, newest first', async (t) => {
    const store = await create(t).service()
    await filled(store)
    const [one, four, fiveA, fiveB] = [
      `${eventId(1)}-1`,
      `${eventId(4)}-1`,
      `${eventId(5)}-1`,
      `${eventId(5)}-2`,
    ]
    const cases: readonly [Partial<DeliveryFilter>, readonly (string | undefined)[]][] = [
      [{}, [fiveB, fiveA, four, one]],
      [{ limit: 1 }, [fiveB]],
      [{ ids: [one, fiveA, 'nonsense', `${eventId(9)}-1`] }, [fiveA, one]],
      [{ ids: [] }, []],
      [{ states: ['delivered', 'skipped'] }, [fiveA, one]],
      [{ states: [] }, []],
      [{ receiver: 'b' }, [fiveB, four]],
      [{ channel: 'email' }, [four]],
      [{ since: START + 4 }, [fiveB, fiveA, four]],
      [{ receiver: 'a', states: ['delivered'], channel: 'slack' }, [one]],
    ]
    for (const [filter, ids] of cases) {
      const found = await store.deliveries({ limit: 100, ...filter })
      t.same(
        found.map(({ id }) => id),
        ids,
        JSON.stringify(filter),
      )
    }
    const [delivered] = await store.deliveries({ ids: [one], limit: 1 })
    t.match(delivered, { eventId: eventId(1), receiver: 'a', state: 'delivered', attempts: 1 })
    t.equal(delivered?.history.length, 1)
  })

  t.test('a replayed delivery is newer than those of later events', async (t) => {
    const store = await create(t).service()
    for (const number of [1, 2]) await store.append(entry(event(number), [planned()]))
    await store.append({ kind: 'replay', eventId: eventId(1), now: START + 9, deliveries: [planned()] })
    t.same(
      (await store.deliveries({ limit: 9 })).map(({ id }) => id),
      [`${eventId(1)}-2`, `${eventId(2)}-1`, `${eventId(1)}-1`],
    )
  })
}
