/** The delivery loop over a real store, with a clock that the test moves. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { Outcome } from '../../src/core/delivery/outcome.ts'
import type { Fact } from '../../src/pipeline/fact.ts'
import { DeliveryLoop } from '../../src/pipeline/loop.ts'
import { openStore } from '../../src/store/open.ts'
import { type Leased, type Queue, type Store, StoreUnavailable } from '../../src/store/store.ts'
import { completeRetry, completeSent, entry, event, everything, planned } from '../store/contract/sample.ts'
import { temporaryFolder } from '../support/service.ts'
import { until } from '../support/until.ts'

const limits = { rateLimit: { rate: 1_000, burst: 100 }, perDestination: 10, concurrency: 10 }

function queue(store: Store): Pick<Queue, 'idleUntil' | 'renew' | 'reconfigure' | 'onDue' | 'isSequential'> {
  const { idleUntil, renew, reconfigure, onDue, isSequential } = store
  return { idleUntil, renew, reconfigure, onDue, isSequential }
}

t.test('an attempt that outlives its lease is not begun a second time', async (t) => {
  const store = await openStore(`sqlite:${join(temporaryFolder(t), 'store.db')}`, 'service')
  t.teardown(() => store.close())
  await store.append(entry(event(1), [planned()]))
  let now = Date.now()
  let claims = 0
  const begun: Leased[] = []
  const end = Promise.withResolvers<Outcome>()
  const loop = new DeliveryLoop({
    holder: 'test',
    store: {
      ...queue(store),
      claim: (request) => {
        claims++
        return store.claim(request)
      },
    },
    settings: () => ({
      channels: new Map(['slack', 'email', 'console'].map((name) => [name, limits])),
      fingerprint: 'test',
    }),
    deliver: (leased) => {
      begun.push(leased)
      return end.promise
    },
    onBug: (error) => t.fail(String(error)),
    now: () => now,
    clock: () => performance.now(),
    observe: () => {},
  })
  loop.start()
  await until(() => begun.length > 0, 'the attempt')
  const first = begun.length
  now += 10 * 60_000
  const before = claims
  await loop.reconfigure()
  await until(() => claims >= before + 3, 'more claims, long after the lease ran out')
  t.equal(begun.length, first, 'its holder is alive, and it is us')
  t.ok(
    (await store.deliveries({}, { limit: 10 })).items.every(({ state }) => state === 'sending'),
    'it is still leased',
  )
  end.resolve({ kind: 'sent', reference: {} })
  await loop.stop(1_000)
})

t.test(
  'a delivery that is due again at once is begun again, though it was claimed in the same commit',
  async (t) => {
    const store = await openStore(`sqlite:${join(temporaryFolder(t), 'store.db')}`, 'service')
    t.teardown(() => store.close())
    await store.append(entry(event(1), [planned()]))
    const now = Date.now()
    const ambiguous: Outcome = { kind: 'ambiguous', reason: 'nobody knows' }
    const begun: Leased[] = []
    let recordNow = () => {}
    const loop = new DeliveryLoop({
      holder: 'test',
      store: {
        ...queue(store),
        claim: (request) => {
          recordNow()
          return store.claim(request)
        },
      },
      settings: () => ({
        channels: new Map(['slack', 'email', 'console'].map((name) => [name, limits])),
        fingerprint: 'test',
      }),
      deliver: (leased) => {
        begun.push(leased)
        // A claim may be under way when the loop is stopped.
        if (begun.length > 3) return Promise.resolve(ambiguous)
        const { promise, resolve } = Promise.withResolvers<Outcome>()
        const { id: deliveryId, attempts } = leased.delivery
        const attempt = {
          deliveryId,
          number: attempts + 1,
          startedAt: now,
          durationMs: 0,
          outcome: ambiguous,
          notes: [],
        }
        const next = { state: 'ambiguous', dueAt: now, reason: 'nobody knows' } as const
        recordNow = () => {
          recordNow = () => {}
          void store.complete(attempt, next, false).then(() => resolve(ambiguous))
        }
        return promise
      },
      onBug: (error) => t.fail(String(error)),
      now: () => now,
      clock: () => performance.now(),
      observe: () => {},
    })
    loop.start()
    await until(() => begun.length >= 3, 'the third attempt, long before a lease runs out')
    t.strictSame(
      begun.slice(0, 3).map(({ delivery }) => delivery.attempts),
      [0, 1, 2],
    )
    const stopped = loop.stop(1_000)
    recordNow()
    await stopped
  },
)

t.test(
  'an attempt that waits for minutes keeps no other waiting, and as many may wait as may be quick',
  async (t) => {
    const store = await openStore(`sqlite:${join(temporaryFolder(t), 'store.db')}`, 'service')
    t.teardown(() => store.close())
    const now = Date.now()
    for (const number of [1, 2, 3, 4, 5]) {
      const due = event(number, { receivedAt: now - 1_000 + number })
      await store.append(entry(due, [planned({ target: `#${number}` })]))
    }
    const begun: string[] = []
    const ends: (() => void)[] = []
    const clock = { ahead: 0 }
    let claims = 0
    const loop = new DeliveryLoop({
      holder: 'test',
      store: {
        ...queue(store),
        claim: (request) => {
          claims += 1
          return store.claim(request)
        },
      },
      settings: () => ({
        channels: new Map([['slack', { ...limits, concurrency: 2 }]]),
        fingerprint: 'test',
      }),
      deliver: ({ delivery }) => {
        begun.push(delivery.destination.target)
        const { promise, resolve } = Promise.withResolvers<Outcome>()
        ends.push(() => resolve({ kind: 'sent', reference: {} }))
        return promise
      },
      onBug: (error) => t.fail(String(error)),
      now: () => now,
      clock: () => performance.now() + clock.ahead,
      observe: () => {},
    })
    const claimAgain = async () => {
      const before = claims
      await loop.reconfigure()
      await until(() => claims >= before + 2, 'more claims')
    }
    loop.start()
    await until(() => begun.length === 2, 'as many as may be in flight')
    await claimAgain()
    t.same(begun, ['#1', '#2'], 'the others wait')
    clock.ahead = 31_000
    await until(() => begun.length === 4, 'the others, once the first take long')
    await claimAgain()
    t.same(begun, ['#1', '#2', '#3', '#4'])
    clock.ahead = 62_000
    await claimAgain()
    t.equal(begun.length, 4, 'no more than twice as many')
    for (const end of ends) end()
    await until(() => begun.length === 5, 'the last')
    for (const end of ends) end()
    await loop.stop(1_000)
  },
)

const failure = { kind: 'refuse', reason: 'r' } as const
const success = { kind: 'sent', reference: {} } as const
for (const { isSequential, outcome, together } of [
  { isSequential: true, outcome: failure, together: true },
  { isSequential: false, outcome: success, together: true },
  // A claim has to see what it does to the destination.
  { isSequential: false, outcome: failure, together: false },
]) {
  const store = isSequential ? 'a sequential store' : 'another store'
  const what = together ? 'while the one before it is recorded' : 'after that'
  const title = `${store}: the next delivery of a destination is claimed ${what} (${outcome.kind})`
  t.test(title, async (t) => {
    const store = await openStore(`sqlite:${join(temporaryFolder(t), 'store.db')}`, 'service')
    t.teardown(() => store.close())
    const now = Date.now()
    const count = 20
    for (let number = 1; number <= count; number += 1) {
      await store.append(entry(event(number, { receivedAt: now - 1_000 + number }), [planned()]))
    }
    const order: number[] = []
    let inFlight = 0
    let most = 0
    let commits = 0
    let recorded = 0
    const loop = new DeliveryLoop({
      holder: 'test',
      store: { ...queue(store), isSequential, claim: (request) => store.claim(request) },
      settings: () => ({ channels: new Map([['slack', limits]]), fingerprint: 'test' }),
      deliver: async ({ delivery, event: { receivedAt } }, _, recording) => {
        most = Math.max(most, ++inFlight)
        order.push(receivedAt)
        // Longer than claims count as close to each other, and during none: the loop then waits for nothing.
        const sentAt = performance.now()
        const isFree = () => performance.now() - sentAt > 10 && loop.activity.doing === 'resting'
        await until(isFree, 'the answer')
        const made = {
          deliveryId: delivery.id,
          number: 1,
          startedAt: now,
          durationMs: 10,
          outcome,
          notes: [],
        }
        const state = outcome === success ? 'delivered' : 'dead'
        const done = store.complete(made, { state, reason: null, dueAt: null }, true)
        inFlight -= 1
        recording?.(true, outcome)
        await done
        recorded += 1
        return outcome
      },
      onBug: (error) => t.fail(String(error)),
      now: () => now,
      clock: () => performance.now(),
      observe: () => {},
    })
    store.onCommit(() => (commits += 1))
    loop.start()
    await until(() => recorded === count, 'all deliveries')
    await loop.stop(1_000)
    t.equal(most, 1, 'one at a time')
    t.same(
      order,
      order.toSorted((a, b) => a - b),
      'in their order',
    )
    const expected = together ? commits <= 1.8 * count : commits >= 2 * count - 2
    t.ok(expected, `${commits} commits for ${count} deliveries`)
  })
}

t.test('a stop is known to what a claim under way leases, and claims nothing more', async (t) => {
  const store = await openStore('sqlite::memory:', 'service')
  t.teardown(() => store.close())
  await store.append(entry(event(1), [planned()]))
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  let claims = 0
  const begun: boolean[] = []
  const loop = new DeliveryLoop({
    holder: 'test',
    store: {
      ...queue(store),
      async claim(request) {
        claims += 1
        asked.resolve()
        await answer.promise
        return store.claim(request)
      },
    },
    settings: () => ({ channels: new Map([['slack', limits]]), fingerprint: 'test' }),
    async deliver(_leased, stopped) {
      begun.push(stopped.isAnnounced)
      return null
    },
    onBug: (error) => t.fail(String(error)),
    now: Date.now,
    clock: () => performance.now(),
    observe: () => {},
  })
  loop.start()
  await asked.promise
  const stopped = loop.stop(1_000)
  answer.resolve()
  await stopped
  t.strictSame(begun, [true])
  t.equal(claims, 1)
})

t.test('however many destinations fail, attempts at them begin a few at a time', async (t) => {
  const store = await openStore('sqlite::memory:', 'service')
  t.teardown(() => store.close())
  const failing = Array.from({ length: 40 }, (_, n) => planned({ target: `#f${n}` }))
  await store.append(entry(event(1), failing))
  const now = Date.now()
  const { leased } = await store.claim(everything(now))
  for (const { delivery } of leased) await completeRetry(store, delivery.id, 1, now, now - 1, true)
  await store.append(entry(event(2), [planned({ target: '#works' })]))
  const begun: string[] = []
  let clock = 0
  let claims = 0
  const end = Promise.withResolvers<null>()
  const loop = new DeliveryLoop({
    holder: 'test',
    store: {
      ...queue(store),
      claim(request) {
        claims += 1
        return store.claim(request)
      },
    },
    settings: () => ({
      channels: new Map([['slack', { ...limits, concurrency: 100 }]]),
      fingerprint: 'test',
    }),
    deliver({ delivery }) {
      begun.push(delivery.destination.target)
      return end.promise
    },
    onBug: (error) => t.fail(String(error)),
    now: () => now + 1_000,
    clock: () => clock,
    observe: () => {},
  })
  loop.start()
  await until(() => claims >= 3, 'claims at one time')
  t.same([begun.length, begun[0]], [6, '#works'])
  clock += 120
  await until(() => begun.length >= 9, 'three more')
  const before = claims
  await until(() => claims >= before + 2, 'claims at one time')
  t.equal(begun.length, 9)
  clock += 10_000
  await until(() => begun.length >= 14, 'as many as at first, however long nothing was tried')
  t.equal(begun.length, 14)
  end.resolve(null)
  await loop.stop(0)
})

t.test('attempts that find a failing destination working again hold no other one back', async (t) => {
  const store = await openStore('sqlite::memory:', 'service')
  t.teardown(() => store.close())
  const targets = Array.from({ length: 40 }, (_, n) => `#f${n}`)
  const planneds = targets.map((target) => planned({ target }))
  await store.append(entry(event(1), planneds))
  const now = Date.now()
  const { leased } = await store.claim(everything(now))
  for (const { delivery } of leased) await completeRetry(store, delivery.id, 1, now, now - 1, true)
  const tried = new Set<string>()
  const loop = new DeliveryLoop({
    holder: 'test',
    store: { ...queue(store), claim: (request) => store.claim(request) },
    settings: () => ({
      channels: new Map([['slack', { ...limits, concurrency: 100 }]]),
      fingerprint: 'test',
    }),
    async deliver({ delivery: { id, destination } }) {
      tried.add(destination.target)
      await completeSent(store, id, 2, now)
      return { kind: 'sent', reference: {} }
    },
    onBug: (error) => t.fail(String(error)),
    now: () => now + 1_000,
    // Nothing may begin because time passes.
    clock: () => 0,
    observe: () => {},
  })
  loop.start()
  await until(() => tried.size === targets.length, 'all of them')
  await loop.stop(0)
})

t.test('a bug of the store is reported, and later claims are made', async (t) => {
  const store = await openStore('sqlite::memory:', 'service')
  t.teardown(() => store.close())
  await store.append(entry(event(1), [planned()]))
  const bug = new TypeError('a bug')
  let claims = 0
  const bugs: unknown[] = []
  const facts: Fact[] = []
  const begun: string[] = []
  const loop = new DeliveryLoop({
    holder: 'test',
    store: {
      ...queue(store),
      async claim(request) {
        if (++claims === 1) throw bug
        return store.claim(request)
      },
    },
    settings: () => ({ channels: new Map([['slack', limits]]), fingerprint: 'test' }),
    async deliver({ delivery }) {
      begun.push(delivery.id)
      return null
    },
    onBug: (error) => bugs.push(error),
    now: Date.now,
    clock: () => performance.now(),
    observe: (fact) => facts.push(fact),
  })
  loop.start()
  await until(() => begun.length > 0, 'the claim after it')
  await loop.stop(1_000)
  t.same(bugs, [bug])
  t.same(facts, [{ kind: 'store_failed', during: 'claim', message: 'TypeError: a bug' }])
})

t.test('whenever answers come, first attempts at a destination begin in the order of events', async () => {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.nat({ max: 999 })), async (choices) => {
      const store = await openStore('sqlite::memory:', 'service')
      const now = Date.now()
      const inFlight = new Map<Leased, (outcome: Outcome) => void>()
      const arrived = new Map<string, number[]>()
      const retried = new Set<string>()
      let delivered = 0
      const loop = new DeliveryLoop({
        holder: 'test',
        store: { ...queue(store), claim: store.claim },
        settings: () => ({ channels: new Map([['slack', limits]]), fingerprint: 'test' }),
        deliver: async (leased) => {
          const { promise, resolve } = Promise.withResolvers<Outcome>()
          inFlight.set(leased, resolve)
          const outcome = await promise
          await record(store, leased, outcome, now)
          if (outcome.kind === 'sent') delivered += 1
          return outcome
        },
        onBug: (error) => assert.fail(String(error)),
        now: () => now,
        clock: () => performance.now(),
        observe: () => {},
      })
      loop.start()
      const numbers = Array.from({ length: 12 }, (_, index) => index + 1)
      const targets = ['#a', '#b']
      for (const number of numbers) {
        const due = event(number, { receivedAt: now - 1_000 + Math.floor(number / 3) })
        void store.append(
          entry(
            due,
            targets.map((target) => planned({ target })),
          ),
        )
      }
      for (;;) {
        await until(() => inFlight.size > 0 || delivered === numbers.length * targets.length, 'an attempt')
        if (inFlight.size === 0) break
        const under = [...inFlight.keys()].map(({ delivery }) => delivery.destination.target)
        assert.equal(new Set(under).size, under.length, 'one at a time to each destination')
        const choice = choices.next().value ?? 0
        const [leased, end] = [...inFlight][choice % inFlight.size] ?? assert.fail()
        inFlight.delete(leased)
        const fails = choice % 5 === 0 && leased.delivery.attempts === 0
        if (fails) retried.add(leased.delivery.id)
        const { target } = leased.delivery.destination
        if (!retried.has(leased.delivery.id))
          arrived.set(target, [...(arrived.get(target) ?? []), Number(leased.event.messageId.slice(4))])
        end(fails ? { kind: 'retry', reason: 'http 503' } : { kind: 'sent', reference: {} })
      }
      for (const order of arrived.values())
        assert.deepEqual(
          order,
          order.toSorted((a, b) => a - b),
        )
      await loop.stop(1_000)
      await store.close()
    }),
    { numRuns: 15 },
  )
})

function record(store: Store, { delivery }: Leased, outcome: Outcome, now: number) {
  const [deliveryId, number] = [delivery.id, delivery.attempts + 1]
  const attempt = { deliveryId, number, startedAt: now, durationMs: 0, outcome, notes: [] }
  const sent = outcome.kind === 'sent'
  // Not reached: a destination that is broken waits by the clock.
  return store.complete(
    attempt,
    { state: sent ? 'delivered' : 'retrying', dueAt: sent ? null : now, reason: null },
    false,
  )
}

t.test(
  'a store that takes no change for a while ends nothing, and leases are renewed after that',
  async (t) => {
    const store = await openStore(`sqlite:${join(temporaryFolder(t), 'store.db')}`, 'service')
    t.teardown(() => store.close())
    await store.append(entry(event(1), [planned()]))
    let now = Date.now()
    let failures = 0
    let isFull = false
    const begun: Leased[] = []
    const end = Promise.withResolvers<Outcome>()
    const refuse = async () => {
      throw new StoreUnavailable('the disk is full')
    }
    const loop = new DeliveryLoop({
      holder: 'test',
      store: {
        ...queue(store),
        renew: (...lease) => (isFull ? refuse() : store.renew(...lease)),
        claim: (request) => (isFull ? refuse() : store.claim(request)),
      },
      settings: () => ({
        channels: new Map(['slack', 'email', 'console'].map((name) => [name, limits])),
        fingerprint: 'test',
      }),
      deliver: (leased) => {
        begun.push(leased)
        return end.promise
      },
      onBug: (error) => t.fail(String(error)),
      now: () => now,
      clock: () => performance.now(),
      observe: (fact) => {
        if (fact.kind === 'store_failed') failures += 1
      },
    })
    loop.start()
    await until(() => begun.length > 0, 'the attempt')
    isFull = true
    now += 70_000
    await until(() => failures >= 2, 'claims in vain')
    isFull = false
    const dueAt = async () => (await store.deliveries({}, { limit: 1 })).items[0]?.dueAt ?? 0
    await until(async () => (await dueAt()) >= now + 120_000, 'a longer lease')
    t.equal(begun.length, 1)
    end.resolve({ kind: 'sent', reference: {} })
    await loop.stop(1_000)
  },
)
