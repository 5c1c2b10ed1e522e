import type { Test } from 'tap'
import type { DeliveryFilter, EventFilter, Page, PageRequest, Store } from '../../../src/store/store.ts'
import {
  aPlan,
  deliverAll,
  deliveryId,
  entry,
  event,
  eventId,
  type Harness,
  identified,
  listed,
  planned,
  quarantine,
  START,
} from './sample.ts'

const mail = { channel: 'email', target: 'b@example.com', receiver: 'b' }

async function fill(store: Store): Promise<void> {
  await store.append(entry(event(1), [planned({ receiver: 'a' })]))
  await deliverAll(store, START + 1)
  const unrouted = { routes: [], unrouted: true }
  await store.append(entry(event(2, { type: 'startup.created', subject: null }), [], unrouted))
  await store.append(quarantine(3))
  await store.append(entry(event(4, { source: 'other', subject: 'an_1' }), [planned(mail)]))
  await store.append(
    entry(event(5), [planned({ receiver: 'a', skipped: 'muted' }), planned({ receiver: 'b', target: '#b' })]),
  )
}

/** Reads a list to its end, so many at a time, and says how many pages it took. */
async function inPages<Item extends { readonly id: string }>(
  list: (page: PageRequest) => Promise<Page<Item>>,
  limit: number,
): Promise<string[]> {
  const ids: string[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await list({ limit, ...(cursor !== undefined && { cursor }) })
    ids.push(...page.items.map(({ id }) => id))
    if (page.next === null) return ids
    cursor = page.next
  }
}

export function historyContract(t: Test, create: (t: Test) => Harness): void {
  t.test('events are filtered, newest first, and read in pages', async (t) => {
    const store = await create(t).service()
    await fill(store)
    const cases: readonly [EventFilter, readonly number[]][] = [
      [{}, [5, 4, 3, 2, 1]],
      [{ type: 'startup.created' }, [2]],
      [{ type: 'analysis.completed' }, [5, 4, 1]],
      [{ source: 'cuuro' }, [5, 3, 2, 1]],
      [{ subject: 'an_1' }, [4, 1]],
      [{ subject: 'an_1', source: 'other' }, [4]],
      [{ kind: 'routed' }, [5, 4, 1]],
      [{ kind: 'unrouted' }, [2]],
      [{ kind: 'unrouted', type: 'analysis.completed' }, []],
      [{ kind: 'quarantined' }, [3]],
      [{ kind: 'quarantined', source: 'other' }, []],
      [{ since: START + 4 }, [5, 4]],
      [{ until: START + 3 }, [2, 1]],
      [{ since: START + 2, until: START + 5 }, [4, 3, 2]],
      [{ type: 'analysis.completed', source: 'cuuro', kind: 'routed', since: START + 2 }, [5]],
      [{ type: "x' OR 1=1 --" }, []],
    ]
    for (const [filter, numbers] of cases) {
      for (const limit of [1, 2, 100]) {
        const found = await inPages((page) => store.events(filter, page), limit)
        t.same(found, numbers.map(eventId), `${JSON.stringify(filter)}, ${limit} at a time`)
      }
    }
  })

  t.test('a summary says what became of an event', async (t) => {
    const store = await create(t).service()
    await fill(store)
    const { items } = await store.events({}, { limit: 10 })
    const { id, messageId, source, type, subject, receivedAt } = event(5)
    t.same(items[0], {
      ...{ id, messageId, source, type, subject, receivedAt },
      unrouted: false,
      problem: null,
      releasedAs: null,
      enriching: false,
      counts: { skipped: 1, pending: 1 },
    })
    t.match(items[2], { type: null, problem: /^invalid_utf8/, counts: {} })
    t.match(items[3], { unrouted: true, counts: {} })
    t.same(items[4]?.counts, { delivered: 1 })
  })

  t.test('events sort by when they were received, not by when they were stored', async (t) => {
    const store = await create(t).service()
    for (const number of [2, 3, 1]) await store.append(entry(event(number)))
    t.same(await inPages((page) => store.events({}, page), 2), [3, 2, 1].map(eventId))
  })

  t.test('deliveries are filtered, newest first, and read in pages', async (t) => {
    const store = await create(t).service()
    await fill(store)
    const [one, four, fiveA, fiveB] = [deliveryId(1, 1), deliveryId(4, 1), deliveryId(5, 1), deliveryId(5, 2)]
    const cases: readonly [DeliveryFilter, readonly string[]][] = [
      [{}, [fiveB, fiveA, four, one]],
      [{ states: ['delivered', 'skipped'] }, [fiveA, one]],
      [{ states: [] }, []],
      [{ receiver: 'b' }, [fiveB, four]],
      [{ channel: 'email' }, [four]],
      [{ target: '#b' }, [fiveB]],
      [{ since: START + 4 }, [fiveB, fiveA, four]],
      [{ until: START + 4 }, [one]],
      [{ type: 'analysis.completed' }, [fiveB, fiveA, four, one]],
      [{ source: 'other' }, [four]],
      [{ subject: 'an_1' }, [four, one]],
      [{ subject: 'an_1', states: ['pending'] }, [four]],
      [{ type: 'startup.created' }, []],
      [{ type: 'analysis.completed', states: ['parked'] }, []],
      [{ type: 'analysis.completed', receiver: 'b', source: 'cuuro' }, [fiveB]],
      [{ receiver: 'a', states: ['delivered'], channel: 'slack' }, [one]],
    ]
    for (const [filter, ids] of cases) {
      for (const limit of [1, 3, 100]) {
        const found = await inPages((page) => store.deliveries(filter, page), limit)
        t.same(found, ids, `${JSON.stringify(filter)}, ${limit} at a time`)
      }
    }
    const { items } = await store.deliveries({ states: ['delivered'] }, { limit: 1 })
    const about = { type: 'analysis.completed', source: 'cuuro', subject: 'an_1' }
    t.match(items[0], { eventId: eventId(1), receiver: 'a', attempts: 1, ...about })
  })

  t.test('a replayed delivery is newer than those of later events', async (t) => {
    const store = await create(t).service()
    for (const number of [1, 2]) await store.append(entry(event(number), [planned()]))
    await store.addPlan(eventId(1), aPlan(START + 9, identified(1, [planned()], 2)), ['nobody'])
    const [first, second, again] = [deliveryId(1, 1), deliveryId(2, 1), deliveryId(1, 2)]
    t.same(await inPages((page) => store.deliveries({}, page), 1), [again, second, first])
    const ofType = { type: 'analysis.completed' }
    t.same(await inPages((page) => store.deliveries(ofType, page), 1), [again, second, first])
  })

  t.test('many of one millisecond are all on some page, once', async (t) => {
    const store = await create(t).service()
    const numbers = Array.from({ length: 60 }, (_, index) => index + 1)
    for (const number of numbers)
      await store.append(entry(event(number, { receivedAt: START }), [planned(), planned(mail)]))
    const newest = numbers.toReversed()
    t.same(await inPages((page) => store.events({}, page), 7), newest.map(eventId))
    const both = newest.flatMap((number) => [deliveryId(number, 2), deliveryId(number, 1)])
    t.same(await inPages((page) => store.deliveries({}, page), 7), both)
    t.same(await inPages((page) => store.deliveries({ source: 'cuuro' }, page), 7), both)
  })

  t.test('what is no cursor is refused', async (t) => {
    const store = await create(t).service()
    await fill(store)
    for (const cursor of ['', 'x', '1', '1-2-3-4', '-1-2', "1-2'"]) {
      await t.rejects(
        store.events({}, { limit: 1, cursor }),
        { name: 'RangeError', message: 'cursor' },
        cursor,
      )
    }
  })

  t.test('an id of any kind, or the beginning of one, is found', async (t) => {
    const store = await create(t).service()
    await fill(store)
    const found = async (text: string) =>
      (await store.find(text, 9)).map(({ kind, by, id }) => `${kind} ${by} ${id}`)
    t.same(await found(eventId(4)), [`event id ${eventId(4)}`])
    t.same(await found('msg_3'), [`event message_id ${eventId(3)}`])
    t.same(await found('an_1'), [`event subject ${eventId(4)}`, `event subject ${eventId(1)}`])
    t.same(await found(deliveryId(5, 2)), [`delivery id ${deliveryId(5, 2)}`])
    t.same(await found(deliveryId(5, 2).slice(0, -1)), [
      `delivery id ${deliveryId(5, 1)}`,
      `delivery id ${deliveryId(5, 2)}`,
    ])
    t.equal((await found('an_')).length, 3, 'what only begins so')
    t.equal((await store.find('evt_', 2)).length, 2, 'no more than asked for')
    t.same(await found('nothing'), [])
    t.same(await found(''), [])
    t.match(await store.find('msg_5', 9), [{ text: 'msg_5' }])
  })

  t.test('the same message after the window is found twice by the sender’s id', async (t) => {
    const store = await create(t).service()
    for (const number of [1, 2])
      await store.append({ ...entry(event(number, { messageId: 'msg' })), dedupeFor: 0 })
    t.same(await listed(async () => ({ items: await store.find('msg', 9) })), [2, 1].map(eventId))
  })
}
