import type { Test } from 'tap'
import type { Claimed, Store } from '../../../src/store/store.ts'
import {
  stored as asStored,
  deliverAll,
  entry,
  event,
  eventId,
  everything,
  type Harness,
  HOUR,
  planned,
  recordRetry,
  recordSent,
  START,
} from './sample.ts'

const NOW = START + HOUR

function ids(claimed: Claimed): string[] {
  return claimed.leased.map(({ delivery }) => delivery.id)
}

async function fill(
  store: Store,
  rateKey: string,
  from: number,
  count: number,
  channel = 'slack',
): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => from + index)
  await Promise.all(
    numbers.map((number) => store.append(entry(event(number), [planned({ rateKey, channel })]))),
  )
}

export function claimContract(t: Test, create: (t: Test) => Harness): void {
  t.test('a claim leases what is due, with its event', async (t) => {
    const store = await create(t).service()
    const stored = event(1)
    await store.append({
      ...entry(stored, [planned(), planned({ rateKey: 'other' })]),
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
      id: `${stored.id}-1`,
      eventId: stored.id,
      state: 'sending',
      attempts: 0,
    })

    t.same(ids(await store.claim(everything(START + 2))), [], 'nobody else gets it')
    const [shown] = await store.deliveries({ ids: [`${stored.id}-1`], limit: 1 })
    t.equal(shown?.state, 'sending')
  })

  t.test('the longest due comes first', async (t) => {
    const store = await create(t).service()
    for (const number of [5, 2, 9, 1])
      await store.append(entry(event(number), [planned({ rateKey: `rateKey ${number}` })]))
    t.same(
      ids(await store.claim(everything(NOW))),
      [1, 2, 5, 9].map((number) => `${eventId(number)}-1`),
    )
  })

  t.test('limits hold for each rateKey, budgets for each channel', async (t) => {
    const store = await create(t).service()
    await fill(store, 'a', 1, 5)
    await fill(store, 'b', 11, 5)
    await fill(store, 'c', 21, 5)
    await fill(store, 'm', 31, 5, 'email')
    await fill(store, 'n', 41, 5, 'email')
    const limits = new Map([
      ['b', 3],
      ['c', 0],
    ])
    const claimed = await store.claim(everything(NOW, { limit: 1, limits, budgets: new Map([['email', 1]]) }))
    t.same(
      ids(claimed),
      [1, 11, 12, 13, 31].map((number) => `${eventId(number)}-1`),
    )
    const shut = await store.claim(
      everything(NOW, {
        budgets: new Map([
          ['email', 0],
          ['slack', 0],
        ]),
      }),
    )
    t.same(shut, { leased: [], nextDueAt: null })
    const capped = await store.claim(
      everything(NOW, {
        budgets: new Map([
          ['email', 3],
          ['slack', 0],
        ]),
      }),
    )
    t.same(
      ids(capped),
      [32, 33, 34].map((number) => `${eventId(number)}-1`),
      'the longest due of all its lanes',
    )
  })

  t.test('a rateKey with thousands due keeps no other out', async (t) => {
    const store = await create(t).service()
    const crowd = Array.from({ length: 100 }, () => planned({ rateKey: 'dead' }))
    await Promise.all(Array.from({ length: 100 }, (_, n) => store.append(entry(event(n + 1), crowd))))
    await store.append(entry(event(101), [planned({ rateKey: 'zebra' }), planned({ rateKey: 'alive' })]))
    const none = new Map([['dead', 0]])
    const first = await store.claim(everything(NOW, { limit: 1, limits: none }))
    t.same(ids(first), [`${eventId(101)}-1`, `${eventId(101)}-2`])
    t.equal((await store.claim(everything(NOW, { limit: 2 }))).leased.length, 2)
    t.equal((await store.claim(everything(NOW))).leased.length, 9_998)
  })

  t.test('nextDueAt looks at what was not taken, in lanes that may send', async (t) => {
    const store = await create(t).service()
    await fill(store, 'a', 1, 2)
    await fill(store, 'b', 3, 1)
    await fill(store, 'm', 4, 1, 'email')
    t.equal((await store.claim(everything(START))).nextDueAt, START + 1)
    t.equal((await store.claim(everything(START, { limits: new Map([['a', 0]]) }))).nextDueAt, START + 3)
    const mailOnly = everything(START, { budgets: new Map([['slack', 0]]) })
    t.equal((await store.claim(mailOnly)).nextDueAt, START + 4)
    t.equal((await store.claim(everything(START + 1))).nextDueAt, START + 2, 'the next of the same rateKey')
    const behind = await store.claim(everything(NOW, { limit: 0, limits: new Map([['a', 1]]) }))
    t.equal(behind.nextDueAt, START + 1 + 60_000, 'the lease of the first one ends')
    const all = await store.claim(everything(START + 4))
    t.equal(all.leased.length, 2)
    t.equal(all.nextDueAt, START + 1 + 60_000)
  })

  t.test('nextDueAt is in the past while a limit holds back what is due', async (t) => {
    const store = await create(t).service()
    await fill(store, 'a', 1, 3)
    await fill(store, 'b', 11, 1)
    const claimed = await store.claim(everything(NOW, { limit: 2, budgets: new Map([['slack', 2]]) }))
    t.same(ids(claimed), [`${eventId(1)}-1`, `${eventId(2)}-1`])
    t.equal(claimed.nextDueAt, START + 3)
  })

  t.test('what waits for a retry is due at its time', async (t) => {
    const store = await create(t).service()
    await fill(store, 'a', 1, 1)
    await store.claim(everything(NOW))
    t.ok(await recordRetry(store, `${eventId(1)}-1`, 1, NOW, NOW + 5_000))
    t.same(await store.claim(everything(NOW + 4_999)), { leased: [], nextDueAt: NOW + 5_000 })
    const { leased } = await store.claim(everything(NOW + 5_000))
    t.match(leased, [{ interruptedAt: null, delivery: { attempts: 1, owedSince: START + 1 } }])
  })

  t.test('a lease that ran out is an interrupted attempt', async (t) => {
    const store = await create(t).service()
    await fill(store, 'a', 1, 1)
    await store.claim(everything(NOW))
    t.same(await store.claim(everything(NOW + 59_999)), { leased: [], nextDueAt: NOW + 60_000 })
    const second = await store.claim(everything(NOW + 60_000))
    t.match(second.leased, [
      { interruptedAt: NOW, delivery: { id: `${eventId(1)}-1`, attempts: 0, state: 'sending' } },
    ])
    t.same(ids(await store.claim(everything(NOW + 119_999))), [], 'it is leased anew')
    const third = await store.claim(everything(NOW + 120_000))
    t.match(third.leased, [{ interruptedAt: NOW }], 'the start of the attempt is not forgotten')
  })

  t.test('leases of an earlier process end when the next one starts', async (t) => {
    const harness = create(t)
    const before = await harness.service()
    await fill(before, 'a', 1, 2)
    await before.append(entry(event(3), [planned({ rateKey: 'b' })]))
    await before.claim(everything(NOW))
    await recordSent(before, `${eventId(3)}-1`, 1, NOW)
    await before.close()

    const store = await harness.service()
    const { leased } = await store.claim(everything(NOW + 1))
    t.match(leased, [
      { interruptedAt: NOW, delivery: { id: `${eventId(1)}-1`, attempts: 0 } },
      { interruptedAt: NOW, delivery: { id: `${eventId(2)}-1`, attempts: 0 } },
    ])
    t.equal(leased.length, 2)
    t.same(await deliverAll(store, NOW + 2), [], 'the new lease counts')
  })

  t.test('what another process makes due is found', async (t) => {
    const harness = create(t)
    const store = await harness.service()
    const operator = await harness.operator()
    await fill(store, 'a', 1, 1)
    await deliverAll(store, NOW)
    t.same(await store.claim(everything(NOW)), { leased: [], nextDueAt: null })
    t.same(await operator.resend([`${eventId(1)}-1`], NOW + 1), [`${eventId(1)}-1`])
    t.equal((await store.claim(everything(NOW))).nextDueAt, NOW + 1)
    await operator.append({ kind: 'replay', eventId: eventId(1), now: NOW + 1, deliveries: [planned()] })
    t.same(ids(await store.claim(everything(NOW + 1))), [`${eventId(1)}-1`, `${eventId(1)}-2`])
  })
}
