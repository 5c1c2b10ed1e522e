/** Claims of several instances: what was leased is sent, whatever else happens to the database. */
import t from 'tap'
import { createAppends } from '../../src/store/postgres/batched.ts'
import { StoreClock } from '../../src/store/postgres/clock/clock.ts'
import { ServerClock } from '../../src/store/postgres/clock/server-clock.ts'
import { Configurations } from '../../src/store/postgres/configurations.ts'
import { DueNotifier } from '../../src/store/postgres/due-notifier.ts'
import { KnownRows } from '../../src/store/postgres/known-rows.ts'
import { migrate } from '../../src/store/postgres/migrations/migrations.ts'
import { Claims } from '../../src/store/postgres/queue/claims.ts'
import type { Arrival, Store } from '../../src/store/store.ts'
import {
  completeRetry,
  completeSent,
  deliveryId,
  entry,
  event,
  everything,
  limited,
  planned,
  START,
} from '../store/contract/sample.ts'
import { openedStore } from '../support/opened-store.ts'
import { notDurable, openDatabase, startPostgres } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const idsOf = ({ leased }: Awaited<ReturnType<Store['claim']>>) => leased.map(({ delivery }) => delivery.id)

t.test('claims', async (t) => {
  const postgres = await startPostgres(t, { settings: notDurable })

  t.test('what was leased is not lost where its time cannot be saved', async (t) => {
    const url = postgres.createDatabase()
    const store = await openedStore(t, url)
    await store.append(entry(event(1), [planned()]))
    const database = openDatabase(t, url)
    const over = Promise.withResolvers<void>()
    t.teardown(over.resolve)
    const locked = Promise.withResolvers<void>()
    const other = database.write(async (session) => {
      await session.query('SELECT one FROM clock FOR UPDATE')
      locked.resolve()
      await over.promise
    })
    await locked.promise
    const now = START + 10_000
    const claimed = store.claim(everything(now))
    const waiting = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE clock%'"
    await until(() => postgres.query(`SELECT pid ${waiting}`, url).length === 1, 'the claim to save its time')
    postgres.query(`SELECT pg_terminate_backend(pid) ${waiting}`, url)
    t.same(idsOf(await claimed), [deliveryId(1, 1)])
    over.resolve()
    await other
    await store.append(entry(event(2), [planned()]))
    t.same(idsOf(await store.claim(everything(now + 1))), [deliveryId(2, 1)])
    const seenAt = () => postgres.query('SELECT seen_at FROM hookbridge.clock', url)
    await until(() => seenAt()[0] === String(now + 1), 'it to be saved')
  })
  t.test('what is held for a time is not passed where it is being claimed', async (t) => {
    const url = postgres.createDatabase()
    const store = await openedStore(t, url)
    const start = { kind: 'held', until: START + 1_000, reason: 'quiet' } as const
    await store.append(entry(event(1), [planned({ conversation: 'c', start })]))
    const database = openDatabase(t, url)
    const over = Promise.withResolvers<void>()
    t.teardown(over.resolve)
    const locked = Promise.withResolvers<void>()
    // As by an instance whose clock is ahead.
    const claiming = database.write(async (session) => {
      await session.query('SELECT seq FROM deliveries FOR UPDATE')
      locked.resolve()
      await over.promise
      await session.query(
        "UPDATE deliveries SET state = 'sending', due_at = $1, leased_at = $1 WHERE id = $2",
        [START + 60_000, deliveryId(1, 1)],
      )
    })
    await locked.promise
    const appended = store.append(entry(event(2), [planned({ conversation: 'c' })]))
    const isOver = async () => (await store.event(event(2).id)) !== null
    const waits = "FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    await until(
      async () => (await isOver()) || postgres.query(`SELECT pid ${waits}`, url).length > 0,
      'the append to be stored, or to wait',
    )
    over.resolve()
    await Promise.all([claiming, appended])
    t.match(await store.delivery(deliveryId(1, 1)), { state: 'sending' })
    t.match(await store.delivery(deliveryId(2, 1)), { state: 'held', dueAt: null })
  })
  t.test('no event is stored without its deliveries', async (t) => {
    const url = postgres.createDatabase()
    const store = await openedStore(t, url)
    await store.append(entry(event(1), [planned()]))
    // As a failover to a server does that has not got it yet.
    postgres.query('DELETE FROM hookbridge.kinds', url)
    await t.rejects(store.append(entry(event(2), [planned()])), { name: 'StoreUnavailable' })
    t.match(await store.append(entry(event(2), [planned()])), { kind: 'stored' }, 'its sender repeats it')
    t.match((await store.delivery(deliveryId(2, 1)))?.state, 'pending')
  })
  t.test('a commit is reported where something was changed', async (t) => {
    const store = await openedStore(t, postgres.createDatabase())
    const now = START + 10_000
    const commits: number[] = []
    store.onCommit((changes) => commits.push(changes))
    await store.append(entry(event(1), [planned()]))
    t.same(commits, [1])
    await store.append(entry(event(1), [planned()]))
    await store.claimEnrichments({ holder: 'test', now, leaseUntil: now + 60_000, limit: 10 })
    await store.dismiss([deliveryId(1, 1)], 'done', now)
    t.same(commits, [1], 'a duplicate, nothing to ask for, and nothing to dismiss')
    t.same(idsOf(await store.claim(everything(now))), [deliveryId(1, 1)])
    t.same(commits, [1, 1])
    await store.claim(everything(now))
    await completeSent(store, deliveryId(1, 1), 2, now)
    t.same(commits, [1, 1], 'nothing is due, and of another lease')
    await completeSent(store, deliveryId(1, 1), 1, now)
    t.same(commits, [1, 1, 1])
  })

  t.test('a clock that was paused with its machine is set before anything is leased', async (t) => {
    const database = openDatabase(t, postgres.createDatabase())
    await migrate(database)
    const paused = { ms: 0 }
    const serverClock = new ServerClock({
      monotonic: () => performance.now() - paused.ms,
      wall: () => Date.now() - paused.ms,
    })
    await serverClock.read(database)
    const due = new DueNotifier(database)
    const appends = createAppends(database, { known: new KnownRows(database), report: () => {}, due })
    const append = (arrival: Arrival) => due.during(appends.add(arrival), 'deliveries')
    const claims = new Claims(database, {
      instance: 1,
      configurations: new Configurations(),
      serverClock,
      clock: new StoreClock(database),
      committed: () => {},
      due,
      appends,
    })
    const pause = () => {
      paused.ms += 180_000
      return serverClock.now()
    }
    await append(entry(event(1), [planned()]))
    const now = pause()
    t.same(await claims.claim(everything(now)), { leased: [], nextDueAt: now })
    t.ok(serverClock.now() - now >= 179_000)
    t.same(idsOf(await claims.claim(everything(serverClock.now()))), [deliveryId(1, 1)])

    // The same for what is leased by the commit that stores it.
    await claims.claim(everything(serverClock.now()))
    const later = pause()
    const other = planned({ target: '#other' })
    const appended = append(entry(event(2), [other, other]))
    t.same(await claims.claim(everything(later)), { leased: [], nextDueAt: later })
    t.match(await appended, { kind: 'stored' })
    t.ok(serverClock.now() - later >= 179_000)
    const one = { channels: limited({ slack: { perDestination: 1 } }) }
    t.same(idsOf(await claims.claim(everything(serverClock.now(), one))), [deliveryId(2, 1)])

    // And for what the claim before has left.
    const last = pause()
    t.same(await claims.claim(everything(last, one)), { leased: [], nextDueAt: last })
    t.same(idsOf(await claims.claim(everything(serverClock.now(), one))), [deliveryId(2, 2)])
  })

  t.test('others are woken by news, and not by one that was woken itself', async (t) => {
    const database = openDatabase(t, postgres.createDatabase())
    await migrate(database)
    const serverClock = new ServerClock()
    await serverClock.read(database)
    let [woken, hasChanges] = [0, false]
    const due = {
      changed: () => {},
      changesSoFar: 0,
      takeChanges: () => hasChanges,
      settled: async () => {},
      notifyOthers: () => (woken += 1),
    }
    const appends = createAppends(database, { known: new KnownRows(database), report: () => {}, due })
    const claims = new Claims(database, {
      instance: 1,
      configurations: new Configurations(),
      serverClock,
      clock: new StoreClock(database),
      committed: () => {},
      due,
      appends,
    })
    for (let number = 1; number <= 6; number++) await appends.add(entry(event(number), [planned()]))
    const claim = async (inFlight: number) => {
      const channels = limited({ slack: { inOrderUpTo: 3, perDestination: 2 } })
      const request = { channels, inFlight: new Map([['slack:#deal-flow', inFlight]]) }
      return idsOf(await claims.claim(everything(serverClock.now(), request))).length
    }
    t.same([await claim(0), woken], [2, 1], 'it leaves four')
    t.same([await claim(2), woken], [0, 1], 'and says so once')
    hasChanges = true
    t.same([await claim(2), woken], [0, 2], 'until there may be more')
    hasChanges = false
    t.same([await claim(1), woken], [1, 3])
  })

  t.test(
    'a claim leaves what is appended to a destination that another transaction has locked',
    async (t) => {
      const url = postgres.createDatabase()
      const store = await openedStore(t, url)
      const now = START + 10_000
      await store.append(entry(event(1), [planned()]))
      await store.claim(everything(now))
      await completeSent(store, deliveryId(1, 1), 1, now)
      await store.claim(everything(now))
      const over = Promise.withResolvers<void>()
      t.teardown(over.resolve)
      const locked = Promise.withResolvers<void>()
      const other = openDatabase(t, url).write(async (session) => {
        await session.query('SELECT id FROM rates FOR UPDATE')
        locked.resolve()
        await over.promise
      })
      await locked.promise
      const appended = store.append(entry(event(2), [planned()]))
      const claimed = await store.claim(everything(now))
      t.same(idsOf(claimed), [])
      t.ok(claimed.nextDueAt !== null && claimed.nextDueAt <= now + 100, 'it is looked at again soon')
      t.match(await appended, { kind: 'stored' }, 'which waits for nothing')
      over.resolve()
      await other
      t.same(idsOf(await store.claim(everything(now))), [deliveryId(2, 1)])
    },
  )

  t.test('an arrival that cannot be stored fails no claim that was asked for with it', async (t) => {
    const store = await openedStore(t, postgres.createDatabase())
    const now = START + 10_000
    await store.append(entry(event(1), [planned()]))
    await store.claim(everything(now))
    await completeSent(store, deliveryId(1, 1), 1, now)
    await store.claim(everything(now))
    // An id that there is already.
    const [bad, good, claimed] = await Promise.allSettled([
      store.append(entry(event(1, { messageId: 'msg_other' }), [planned()])),
      store.append(entry(event(2), [planned()])),
      store.claim(everything(now)),
    ])
    t.match([bad.status, good], ['rejected', { value: { kind: 'stored' } }])
    t.match(claimed, { value: { leased: [{ delivery: { id: deliveryId(2, 1) } }] } })
  })

  t.test('a time that cannot be saved fails one claim, and not those after it', async (t) => {
    const url = postgres.createDatabase()
    const store = await openedStore(t, url)
    const now = START + 10_000
    postgres.query(
      `CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'out of order'; END $$;
       CREATE TRIGGER fails BEFORE UPDATE ON hookbridge.clock FOR EACH ROW EXECUTE FUNCTION fail()`,
      url,
    )
    await store.append(entry(event(1), [planned()]))
    t.same(idsOf(await store.claim(everything(now))), [deliveryId(1, 1)])
    await until(() => postgres.log().includes('out of order'), 'the failure')
    postgres.query('DROP TRIGGER fails ON hookbridge.clock', url)
    await t.rejects(store.claim(everything(now + 1)), { message: 'out of order' })
    await store.append(entry(event(2), [planned()]))
    t.same(idsOf(await store.claim(everything(now + 2))), [deliveryId(2, 1)])
  })

  t.test('a clock that is set back between claims of what others left is noticed', async (t) => {
    const store = await openedStore(t, postgres.createDatabase())
    const now = START + 100_000
    const one = (at: number) => everything(at, { channels: limited({ slack: { perDestination: 1 } }) })
    await store.append(entry(event(1), [planned({ target: '#later' })]))
    await store.claim(everything(now))
    await completeRetry(store, deliveryId(1, 1), 1, now, now + 60_000)
    for (const number of [2, 3, 4, 5]) await store.append(entry(event(number), [planned()]))
    for (const at of [now, now + 20_000, now + 40_000]) t.equal((await store.claim(one(at))).leased.length, 1)
    t.equal((await store.claim(one(now + 10_000))).leased.length, 1)
    t.match(await store.delivery(deliveryId(1, 1)), { dueAt: now + 30_000 }, 'by how much')
  })

  t.test('an event that is damaged while its attempt is interrupted parks its delivery', async (t) => {
    const url = postgres.createDatabase()
    const store = await openedStore(t, url)
    const now = START + 10_000
    await store.append(entry(event(1), [planned()]))
    await store.claim(everything(now))
    postgres.query("UPDATE hookbridge.events SET body = '{'", url)
    t.same(idsOf(await store.claim(everything(now + 60_000))), [])
    t.match(await store.delivery(deliveryId(1, 1)), { state: 'parked', reason: /cannot be read/ })
  })

  t.test('an attempt that is damaged parks its delivery, and keeps no other out', async (t) => {
    const url = postgres.createDatabase()
    const store = await openedStore(t, url)
    const now = START + 10_000
    await store.append(entry(event(1), [planned()]))
    await store.claim(everything(now))
    await completeRetry(store, deliveryId(1, 1), 1, now, now)
    await store.append(entry(event(2), [planned({ target: '#other' })]))
    postgres.query("UPDATE hookbridge.attempts SET outcome = '{'", url)
    t.same(idsOf(await store.claim(everything(now + 1))), [deliveryId(2, 1)])
    t.match(await store.delivery(deliveryId(1, 1)), { state: 'parked', reason: /cannot be read/ })
  })
})
