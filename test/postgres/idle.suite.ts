/** `idleUntil`: when an instance need not ask the database whether something is due. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import '../support/property-seed.ts'
import { DeliveryLoop } from '../../src/pipeline/loop.ts'
import { createAppends } from '../../src/store/postgres/batched.ts'
import { StoreClock } from '../../src/store/postgres/clock/clock.ts'
import { ServerClock } from '../../src/store/postgres/clock/server-clock.ts'
import { Configurations } from '../../src/store/postgres/configurations.ts'
import type { Database } from '../../src/store/postgres/connection/database.ts'
import type { Value } from '../../src/store/postgres/connection/session.ts'
import { DueNotifier } from '../../src/store/postgres/due-notifier.ts'
import { KnownRows } from '../../src/store/postgres/known-rows.ts'
import { migrate } from '../../src/store/postgres/migrations/migrations.ts'
import { Claims } from '../../src/store/postgres/queue/claims.ts'
import { type Leased, StoreUnavailable } from '../../src/store/store.ts'
import {
  completeRetry,
  completeSent,
  deliveryId,
  entry,
  event,
  everything,
  limited,
  planned,
} from '../store/contract/sample.ts'
import { openedStore } from '../support/opened-store.ts'
import { notDurable, openDatabase, type Postgres, startPostgres } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const LOOK_EVERY_MS = 1_000
const LEASE_MS = 120_000
const HOUR_MS = 3_600_000

const ofConversation = planned({ target: '#talk', conversation: 'analysis an_1' })

t.test('idle', async (t) => {
  const postgres = await startPostgres(t, { settings: notDurable })
  knownCases(t, postgres)
  failing(t, postgres)
  concurrent(t, postgres)
  delivering(t, postgres)
})

function knownCases(t: Test, postgres: Postgres): void {
  t.test('until something may be due, here or elsewhere', async (t) => {
    const url = postgres.createDatabase()
    const store = await openedStore(t, url)
    const operator = await openedStore(t, url, 'operator')
    const now = store.now()
    const claim = async (change = {}) => (await store.claim(everything(now, change))).leased
    const isIdle = () => store.idleUntil(now) !== null
    const becomesIdle = async (message: string) => {
      t.notOk(isIdle(), message)
      const leased = await claim()
      if (!isIdle()) await claim()
      t.ok(isIdle(), 'once it has looked')
      return leased.length
    }

    t.equal(await becomesIdle('it has not looked yet'), 0)
    t.equal(store.idleUntil(now), now + LOOK_EVERY_MS, 'a lost notification delays nothing for longer')
    t.equal(store.idleUntil(now + LOOK_EVERY_MS), null)
    t.equal(store.idleUntil(now - 1), null, 'nor does a clock that was set back')
    await store.append(entry(event(1)))
    t.ok(isIdle(), 'an event that owes nothing')

    await store.append(entry(event(2), [planned()]))
    t.equal(await becomesIdle('an event'), 1)
    await completeSent(store, deliveryId(2, 1), 1, now)
    t.equal(await becomesIdle('the first success of a destination'), 0)
    await store.append(entry(event(6), [planned()]))
    t.equal(await becomesIdle('another event'), 1)
    await completeSent(store, deliveryId(6, 1), 1, now)
    t.ok(isIdle(), 'an attempt that succeeds makes nothing due')
    await operator.requeue([{ deliveryId: deliveryId(2, 1) }], now)
    await until(() => !isIdle(), 'the notification of a command')
    t.equal(await becomesIdle('a command'), 1)
    await completeRetry(store, deliveryId(2, 1), 2, now, now + 300)
    t.equal(await becomesIdle('a retry'), 0)
    t.equal(store.idleUntil(now), now + 300)
    t.equal((await store.claim(everything(now + 300))).leased.length, 1)
    await completeSent(store, deliveryId(2, 1), 3, now + 300)

    await store.append(entry(event(3), [ofConversation]))
    await store.append(entry(event(4), [ofConversation]))
    t.equal(await becomesIdle('two of a conversation'), 1)
    await completeSent(store, deliveryId(3, 1), 1, now)
    t.notOk(isIdle(), 'the end of one releases the next')
    t.equal((await store.claim(everything(now + 20))).leased.length, 1)
    await completeSent(store, deliveryId(4, 1), 1, now)

    await store.append(entry(event(5), [planned({ target: '#full' }), planned({ target: '#full' })]))
    t.equal((await claim({ channels: limited({ slack: { perDestination: 1 } }) })).length, 1)
    t.notOk(isIdle(), 'it leaves one that is due')
    t.equal(await becomesIdle('so'), 1)
    await store.reconfigure()
    t.equal(await becomesIdle('a reload'), 0)

    await openDatabase(t, url).query("SELECT pg_notify('hookbridge_due', '')")
    await until(() => !isIdle(), 'the notification of another instance')
  })

  t.test('what is leased as it is stored ends it only where some is left', async (t) => {
    const store = await openedStore(t, postgres.createDatabase())
    const now = store.now()
    const both = async (number: number, targets: readonly string[]) => {
      const deliveries = targets.map((target) => planned({ target }))
      const appended = store.append(entry(event(number), deliveries))
      const { leased } = await store.claim(everything(now, { leaseUntil: now + LEASE_MS }))
      await appended
      return leased.length
    }
    // The first ones also make the destinations.
    await both(1, ['#a', '#b'])
    await both(2, ['#a', '#b'])
    await store.claim(everything(now))
    t.not(store.idleUntil(now), null)
    t.equal(await both(3, ['#a', '#b']), 2)
    t.not(store.idleUntil(now), null, 'it leased all')
    const one = { channels: limited({ slack: { perDestination: 1 } }) }
    const appended = store.append(entry(event(4), [planned({ target: '#a' }), planned({ target: '#a' })]))
    t.equal((await store.claim(everything(now, one))).leased.length, 1)
    await appended
    t.equal(store.idleUntil(now), null, 'one is left')
    t.equal((await store.claim(everything(now))).leased.length, 1)
    await store.claim(everything(now))
    t.not(store.idleUntil(now), null)

    // The claim is asked for before the second one waits, and after the first one has begun to be stored.
    const first = store.append(entry(event(5), [planned({ target: '#a' })]))
    await new Promise((resolve) => setImmediate(resolve))
    const second = both(6, ['#b'])
    await Promise.all([first, second])
    if (store.idleUntil(now) !== null)
      t.equal((await store.claim(everything(now))).leased.length, 0, 'whatever came together')
  })

  t.test('not where a claim parks what it cannot read', async (t) => {
    const url = postgres.createDatabase()
    const store = await openedStore(t, url)
    const now = store.now()
    await store.append(entry(event(1), [ofConversation]))
    await store.append(entry(event(2), [ofConversation]))
    await openDatabase(t, url).query("UPDATE deliveries SET stands_in_for = '{' WHERE id = $1", [
      deliveryId(1, 1),
    ])
    t.same((await store.claim(everything(now))).leased, [])
    t.equal(store.idleUntil(now), null, 'the next one of its conversation is due')
    t.match((await store.claim(everything(now))).leased, [{ delivery: { id: deliveryId(2, 1) } }])
  })
}

function failing(t: Test, postgres: Postgres): void {
  t.test('not after an append that failed beside a claim that fails', async (t) => {
    const database = openDatabase(t, postgres.createDatabase())
    await migrate(database)
    const serverClock = new ServerClock()
    await serverClock.read(database)
    let isAway = false
    const readable = {
      write: database.write.bind(database),
      query: (sql: string, values: readonly Value[]) =>
        isAway ? Promise.reject(new StoreUnavailable('away')) : database.query(sql, values),
    } as unknown as Database
    const due = new DueNotifier(database)
    const appends = createAppends(database, { known: new KnownRows(database), report: () => {}, due })
    const append = (...given: Parameters<typeof entry>) =>
      due.during(appends.add(entry(...given)), 'deliveries')
    const clock = new StoreClock(database)
    const claims = new Claims(readable, {
      instance: 1,
      configurations: new Configurations(),
      serverClock,
      clock,
      committed: () => {},
      due,
      appends,
    })
    const now = serverClock.now()
    await append(event(1), [planned()])
    t.equal((await claims.claim(everything(now))).leased.length, 1)
    await claims.claim(everything(now))
    t.not(claims.idleUntil(now), null)
    isAway = true
    // Both are stored in one transaction, which fails for the second one's id.
    const first = append(event(2), [planned({ target: '#other' })])
    const second = append({ ...event(1), messageId: 'msg_other' }, [planned({ target: '#other' })])
    const claimed = claims.claim(everything(now))
    t.match(await first, { kind: 'stored' })
    await t.rejects(second)
    await t.rejects(claimed, StoreUnavailable)
    t.equal(claims.idleUntil(now), null, 'the first one is due')
    isAway = false
    t.equal((await claims.claim(everything(now))).leased.length, 1)
  })
}

type How = 'sent' | 'retry' | 'fail'

type Deed =
  | { readonly kind: 'append'; readonly targets: readonly string[]; readonly inConversation: boolean }
  | { readonly kind: 'claim'; readonly most: number }
  | { readonly kind: 'end'; readonly how: How }
  | { readonly kind: 'turn' }

const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({
    kind: fc.constant('append' as const),
    targets: fc.array(fc.constantFrom('#a', '#b'), { minLength: 1, maxLength: 3 }),
    inConversation: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('claim' as const), most: fc.constantFrom(1, 10) }),
  fc.record({
    kind: fc.constant('end' as const),
    how: fc.constantFrom<How>('sent', 'sent', 'retry', 'fail'),
  }),
  fc.record({ kind: fc.constant('turn' as const) }),
)

function concurrent(t: Test, postgres: Postgres): void {
  t.test('whatever is done at the same time, nothing is due while it is idle', async (t) => {
    let idle = 0
    const store = await openedStore(t, postgres.createDatabase())
    let number = 0
    let now = store.now()
    const held: Leased[] = []
    const claim = async (most: number) => {
      const channels = limited({ slack: { perDestination: most } })
      const { leased } = await store.claim(everything(now, { channels, leaseUntil: now + LEASE_MS }))
      held.push(...leased)
      return leased.length
    }
    const end = async ({ delivery: { id, attempts } }: Leased, how: How) => {
      if (how === 'sent') await completeSent(store, id, attempts + 1, now)
      else await completeRetry(store, id, attempts + 1, now, now, how === 'fail')
    }
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(deed, { minLength: 1, maxLength: 8 }), { maxLength: 6 }),
        async (rounds) => {
          for (const deeds of rounds) {
            const under: Promise<unknown>[] = []
            let claiming = Promise.resolve<unknown>(undefined)
            for (const each of deeds) {
              if (each.kind === 'turn') await new Promise((resolve) => setImmediate(resolve))
              else if (each.kind === 'append') {
                number += 1
                const deliveries = each.targets.map((target) =>
                  planned({ target, ...(each.inConversation && { conversation: `analysis ${target}` }) }),
                )
                under.push(store.append(entry(event(number, { receivedAt: now }), deliveries)))
              } else if (each.kind === 'claim') {
                // As the loop does: one after the other.
                claiming = claiming.then(() => claim(each.most))
                under.push(claiming)
              } else {
                const leased = held.shift()
                if (leased !== undefined) under.push(end(leased, each.how))
              }
            }
            await Promise.all(under)
            const idleUntil = store.idleUntil(now)
            if (idleUntil === null) continue
            idle += 1
            now = idleUntil - 1
            assert.equal(await claim(100), 0)
          }
          // Nothing is left for the next one: longer than any pause.
          do {
            now += HOUR_MS
            for (let leased = held.shift(); leased !== undefined; leased = held.shift())
              await end(leased, 'sent')
          } while ((await claim(100)) > 0)
        },
      ),
      { numRuns: 150 },
    )
    t.ok(idle > 20, `it was idle ${idle} times`)
  })
}

function delivering(t: Test, postgres: Postgres): void {
  t.test('the loop claims once for each event that comes alone', async (t) => {
    const store = await openedStore(t, postgres.createDatabase())
    let claims = 0
    const events = 40
    const limits = { rateLimit: { rate: 10_000, burst: 1_000 }, perDestination: 10, concurrency: 10 }
    const loop = new DeliveryLoop({
      holder: 'test',
      store: {
        ...store,
        claim: (request) => {
          claims += 1
          return store.claim(request)
        },
      },
      settings: () => ({ channels: new Map([['slack', limits]]), fingerprint: 'test' }),
      deliver: async ({ delivery: { id, attempts } }) => {
        await completeSent(store, id, attempts + 1, store.now())
        return { kind: 'sent', reference: {} }
      },
      onBug: (error) => t.fail(String(error)),
      now: () => store.now(),
      clock: () => performance.now(),
      observe: () => {},
    })
    loop.start()
    t.teardown(() => loop.stop(0))
    const began = performance.now()
    for (let number = 1; number <= events; number++) {
      const deliveries = [planned({ target: '#a' }), planned({ target: '#b' })]
      await store.append(entry(event(number, { receivedAt: store.now() }), deliveries))
      const isSent = async () => {
        const [{ counts } = { counts: null }] = await store.backlog()
        return counts === null || counts.pending + counts.sending === 0
      }
      await until(isSent, 'the messages')
    }
    // It looks every second anyway, and some events take more than one.
    const bySeconds = Math.ceil((performance.now() - began) / LOOK_EVERY_MS)
    t.ok(claims - bySeconds < events * 1.5, `${claims} claims of ${events} events`)
  })
}
