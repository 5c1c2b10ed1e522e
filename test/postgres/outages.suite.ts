/** What services do while the database is away, over a failover to a standby, and over rolling restarts. */
import t from 'tap'
import { migrate, schemaVersion, steps } from '../../src/store/postgres/migrations/migrations.ts'
import {
  ambiguousAttempts,
  endWell,
  makeStories,
  settled,
  startInstances,
  startSender,
  storedDeliveries,
  unexplainedArrivals,
} from '../support/instances.ts'
import { openDatabase, startPostgres } from '../support/postgres.ts'
import { seeded } from '../support/seeded-random.ts'
import { newEvent, post } from '../support/service.ts'
import { startSinks } from '../support/sinks.ts'
import { until } from '../support/until.ts'

const PATIENCE_MS = 300_000
const few = { analyses: 60, alerts: 60, mails: 420 }
const EVENTS = 2 * few.analyses + few.alerts + few.mails

t.test('a database that is away costs 503s, and no event', { timeout: 2 * PATIENCE_MS }, async (t) => {
  const postgres = await startPostgres(t)
  const url = postgres.createDatabase()
  const sinks = await startSinks(t)
  const { services } = await startInstances(t, { url, sinks, count: 1 })
  const [service] = services
  if (service === undefined) return
  const first = newEvent('startup.created')
  t.equal((await post(service.url, first)).status, 202)

  for (const away of [() => postgres.stop(), () => postgres.kill()]) {
    await away()
    const refused = await post(service.url, newEvent('startup.created'))
    t.equal(refused.status, 503)
    t.match(refused.headers.get('retry-after'), /^\d+$/)
    await until(async () => (await fetch(`${service.url}/readyz`)).status === 503, 'it not to be ready')
    t.equal((await fetch(`${service.url}/livez`)).status, 200, 'a restart would not help')
    await postgres.start()
    const event = newEvent('startup.created')
    await until(async () => (await post(service.url, event)).ok, 'it to take events again, without a restart')
    await until(async () => (await fetch(`${service.url}/readyz`)).status === 200, 'it to be ready')
  }

  // Connections stay open, and nothing answers.
  postgres.pause()
  const hanging = post(service.url, first)
  t.equal((await hanging).status, 503, 'it gives up in time')
  postgres.resume()
  const last = newEvent('startup.created')
  await until(async () => (await post(service.url, last)).ok, 'it to take events again')
  await settled(t, url, PATIENCE_MS)
  t.strictSame(unexplainedArrivals(sinks, storedDeliveries(postgres, url)), [])
  await endWell(t, services)
})

t.test('a service stops in order while the database hangs', { timeout: PATIENCE_MS }, async (t) => {
  const postgres = await startPostgres(t)
  const url = postgres.createDatabase()
  const sinks = await startSinks(t)
  const { services } = await startInstances(t, { url, sinks, count: 1 })
  const [service] = services
  if (service === undefined) return
  t.equal((await post(service.url, newEvent('startup.created'))).status, 202)
  await settled(t, url, PATIENCE_MS)
  postgres.pause()
  t.teardown(() => postgres.resume())
  const hanging = post(service.url, newEvent('startup.created')).catch(() => null)
  // It ends itself with another code where a stop takes nine seconds.
  await endWell(t, services)
  t.match(service.output(), '"stopped"')
  await hanging
})

t.test('a failover to a standby loses nothing', { timeout: 2 * PATIENCE_MS }, async (t) => {
  const primary = await startPostgres(t)
  const standby = await primary.createStandby()
  const url = primary.createDatabase()
  const both = url.replace(`:${primary.port}/`, `:${primary.port},127.0.0.1:${standby.port}/`)
  const there = url.replace(`:${primary.port}/`, `:${standby.port}/`)
  const sinks = await startSinks(t)
  const instances = await startInstances(t, { url: both, sinks, count: 2 })
  const sender = startSender(makeStories(few, seeded(1)), instances, 8)
  await until(() => sender.acknowledged.size >= EVENTS / 3, 'a third', PATIENCE_MS)
  await primary.kill()
  await standby.promote()
  await sender.done
  await settled(t, there, PATIENCE_MS)
  const deliveries = storedDeliveries(standby, there)
  t.strictSame(new Set(deliveries.map(({ event }) => event)), new Set(sender.acknowledged.values()))
  t.equal(sender.acknowledged.size, EVENTS, 'every event was acknowledged')
  t.strictSame(unexplainedArrivals(sinks, deliveries), [])
  await endWell(t, instances.services)
})

t.test(
  'a rolling restart loses nothing, and sends nothing twice',
  { timeout: 2 * PATIENCE_MS },
  async (t) => {
    const postgres = await startPostgres(t)
    const url = postgres.createDatabase()
    const sinks = await startSinks(t)
    const instances = await startInstances(t, { url, sinks, count: 3 })
    const sender = startSender(makeStories(few, seeded(2)), instances, 8)
    for (const index of [0, 1, 2]) {
      await until(() => sender.acknowledged.size >= ((index + 1) * EVENTS) / 5, 'the next step', PATIENCE_MS)
      await instances.roll(t, index)
    }
    await sender.done
    await settled(t, url, PATIENCE_MS)
    const deliveries = storedDeliveries(postgres, url)
    t.strictSame(new Set(deliveries.map(({ event }) => event)), new Set(sender.acknowledged.values()))
    t.equal(sender.acknowledged.size, EVENTS, 'every event was acknowledged')
    t.strictSame(unexplainedArrivals(sinks, deliveries), [])
    t.strictSame(ambiguousAttempts(postgres, url), [], 'no attempt was cut off')
    await endWell(t, instances.services)
  },
)

t.test(
  'instances of two versions share the database during an upgrade',
  { timeout: 2 * PATIENCE_MS },
  async (t) => {
    const postgres = await startPostgres(t)
    const url = postgres.createDatabase()
    const sinks = await startSinks(t)
    const instances = await startInstances(t, { url, sinks, count: 2 })
    const sender = startSender(makeStories(few, seeded(3)), instances, 8)
    await until(() => sender.acknowledged.size >= EVENTS / 4, 'a quarter', PATIENCE_MS)
    // As the first instance of a later version does: columns and an index that those before it can ignore.
    const later = `ALTER TABLE deliveries ADD COLUMN of_a_later_version text;
      ALTER TABLE events ADD COLUMN of_a_later_version integer NOT NULL DEFAULT 7;
      CREATE INDEX of_a_later_version ON deliveries (of_a_later_version)`
    const database = openDatabase(t, url)
    await migrate(database, [...steps, { sql: later, compatible: schemaVersion }])
    await until(() => sender.acknowledged.size >= EVENTS / 2, 'half', PATIENCE_MS)
    // One of this version starts beside it as well.
    await instances.roll(t, 0)
    await sender.done
    await settled(t, url, PATIENCE_MS)
    const deliveries = storedDeliveries(postgres, url)
    t.strictSame(new Set(deliveries.map(({ event }) => event)), new Set(sender.acknowledged.values()))
    t.strictSame(unexplainedArrivals(sinks, deliveries), [])
    t.notMatch(
      postgres.log(),
      /cached plan must not change/,
      'no statement depends on which columns there are',
    )
    await endWell(t, instances.services)
  },
)
