/** Claims of several instances: what was leased is sent, whatever else happens to the database. */
import t, { type Test } from 'tap'
import { openPostgres } from '../../src/store/postgres.ts'
import type { Store } from '../../src/store/store.ts'
import { deliveryId, entry, event, everything, planned, START } from '../store/contract/sample.ts'
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
})
