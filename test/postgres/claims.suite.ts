/** Claims of several instances: what was leased is sent, whatever else happens to the database. */
import t, { type Test } from 'tap'
import { append } from '../../src/store/postgres/append.ts'
import { StoreClock } from '../../src/store/postgres/clock.ts'
import { KnownRows } from '../../src/store/postgres/known-rows.ts'
import { migrate } from '../../src/store/postgres/migrations/migrations.ts'
import { Claims } from '../../src/store/postgres/queue/claims.ts'
import { ServerClock } from '../../src/store/postgres/server-clock.ts'
import { openPostgres } from '../../src/store/postgres.ts'
import type { Store } from '../../src/store/store.ts'
import {
  completeSent,
  deliveryId,
  entry,
  event,
  everything,
  planned,
  START,
} from '../store/contract/sample.ts'
import { notDurable, openDatabase, startPostgres } from '../support/postgres.ts'
import { until } from '../support/until.ts'

async function opened(t: Test, url: string): Promise<Store> {
  const store = await openPostgres({ url, role: 'service' })
  t.teardown(() => store.close())
  return store
}

const idsOf = ({ leased }: Awaited<ReturnType<Store['claim']>>) => leased.map(({ delivery }) => delivery.id)

t.test('claims', async (t) => {
  const postgres = await startPostgres(t, { settings: notDurable })

  t.test('what was leased is not lost where its time cannot be saved', async (t) => {
    const url = postgres.createDatabase()
    const store = await opened(t, url)
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
    t.same(
      postgres.query('SELECT seen_at FROM hookbridge.clock', url),
      [String(now + 1)],
      'it is saved later',
    )
  })
  t.test('no event is stored without its deliveries', async (t) => {
    const url = postgres.createDatabase()
    const store = await opened(t, url)
    await store.append(entry(event(1), [planned()]))
    // As a failover to a server does that has not got it yet.
    postgres.query('DELETE FROM hookbridge.kinds', url)
    await t.rejects(store.append(entry(event(2), [planned()])), { name: 'StoreUnavailable' })
    t.match(await store.append(entry(event(2), [planned()])), { kind: 'stored' }, 'its sender repeats it')
    t.match((await store.delivery(deliveryId(2, 1)))?.state, 'pending')
  })
  t.test('a commit is reported where something was changed', async (t) => {
    const store = await opened(t, postgres.createDatabase())
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
    const claims = new Claims(database, {
      instance: 1,
      serverClock,
      clock: new StoreClock(database),
      committed: () => {},
      leavesSome: () => {},
    })
    const known = new KnownRows(database)
    const arrival = entry(event(1), [planned()])
    await known.with([planned().destination], [arrival.event], () =>
      database.write((session) => append(session, known, [arrival])),
    )
    paused.ms = 180_000
    const now = serverClock.now()
    t.same(await claims.claim(everything(now)), { leased: [], nextDueAt: now })
    t.ok(serverClock.now() - now >= 179_000)
    t.same(idsOf(await claims.claim(everything(serverClock.now()))), [deliveryId(1, 1)])
  })
})
