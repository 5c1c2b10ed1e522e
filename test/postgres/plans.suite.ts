/** How often the server plans what runs with every event: not each time, and again where tables have grown. */
import t from 'tap'
import { openPostgres } from '../../src/store/postgres.ts'
import {
  aPlan,
  completeRetry,
  completeSent,
  deliveryId,
  entry,
  event,
  everything,
  HOUR,
  identified,
  planned,
  START,
} from '../store/contract/sample.ts'
import { notDurable, startPostgres } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const PATIENCE_MS = 60_000

t.test('what an event takes is not planned again each time', async (t) => {
  const settings = {
    ...notDurable,
    shared_preload_libraries: 'pg_stat_statements',
    'pg_stat_statements.track_planning': 'on',
  }
  const postgres = await startPostgres(t, { settings })
  postgres.query('CREATE EXTENSION pg_stat_statements')
  const store = await openPostgres({ url: postgres.createDatabase(), role: 'service' })
  t.teardown(() => store.close())
  const rounds = 60
  let now = START + 1_000
  const claimAll = async () => {
    const { leased } = await store.claim(everything(now))
    t.equal(leased.length, 1)
    for (const { delivery } of leased) await completeSent(store, delivery.id, delivery.attempts + 1, now)
  }
  for (let number = 1; number <= 6 * rounds; number += 6) {
    await Promise.all([store.append(entry(event(number), [planned()])), claimAll()])
    await store.append(entry(event(number + 1), [planned()]))
    await claimAll()
    // Two stages of one conversation.
    const stage = { lifecycle: 'analysis', key: `an_${number}`, first: 'created', last: 'completed' }
    for (const [place, name] of ['created', 'completed'].entries()) {
      const deliveries = identified(number + 2 + place, [planned({ conversation: `analysis an_${number}` })])
      const plan = aPlan(now, deliveries, { stage: { ...stage, stage: name } })
      await store.append({ ...entry(event(number + 2 + place)), plan })
    }
    await claimAll()
    // It waits for the end of the one before.
    now += 20
    await claimAll()
    // One that is enriched.
    const enriched = event(number + 4)
    await store.append({ ...entry(enriched), plan: null })
    await store.claimEnrichments({ holder: 'test', now: now + HOUR, leaseUntil: now + 2 * HOUR, limit: 10 })
    const plan = aPlan(now, identified(number + 4, [planned()]))
    const ended = { enriched: {}, steps: [], current: null }
    t.ok(await store.endEnrichment({ eventId: enriched.id, holder: 'test' }, ended, plan))
    await claimAll()
    // One that fails at first.
    await store.append(entry(event(number + 5), [planned()]))
    await store.claim(everything(now))
    await completeRetry(store, deliveryId(number + 5, 1), 1, now, now, true)
    await claimAll()
  }
  const rows = postgres.query(
    `SELECT calls, plans, regexp_replace(query, '\\s+', ' ', 'g') FROM pg_stat_statements WHERE calls >= ${rounds / 2} AND query LIKE '% %'`,
  )
  t.ok(
    rows.some((row) => row.includes('SKIP LOCKED')) && rows.some((row) => row.includes('INSERT INTO events')),
  )
  const again = rows.filter((row) => {
    const [calls = 0, plans = 0] = row.split('|').map(Number)
    return plans > calls / 2
  })
  t.same(again, [], 'a cached plan is used')
})

t.test('a plan that was made for small tables is not kept when they have grown', async (t) => {
  const settings = {
    ...notDurable,
    // It would analyze them, which makes new plans too.
    autovacuum: 'off',
    shared_preload_libraries: 'pg_stat_statements',
  }
  const postgres = await startPostgres(t, { settings })
  postgres.query('CREATE EXTENSION pg_stat_statements')
  const url = postgres.createDatabase()
  const store = await openPostgres({ url, role: 'service' })
  t.teardown(() => store.close())
  const now = START + 1_000
  let number = 0
  const work = async () => {
    number += 1
    await store.append(entry(event(number), [planned()]))
    const { leased } = await store.claim(everything(now))
    for (const { delivery } of leased) await completeSent(store, delivery.id, 1, now)
    return leased.length
  }
  /** How many pages an event reads. */
  const pages = async () => {
    postgres.query('SELECT pg_stat_statements_reset()')
    t.equal(await work(), 1)
    return Number(postgres.query('SELECT sum(shared_blks_hit + shared_blks_read) FROM pg_stat_statements')[0])
  }
  for (let round = 1; round <= 20; round++) await work()
  postgres.query('VACUUM ANALYZE', url)
  for (let round = 1; round <= 20; round++) await work()
  const small = await pages()
  const copyOf = (table: string, change: Readonly<Record<string, string>>) => {
    const columns = postgres.query(
      `SELECT column_name FROM information_schema.columns WHERE table_schema = 'hookbridge'
         AND table_name = '${table}' AND column_name <> 'seq'`,
      url,
    )
    const values = columns.map((column) => change[column] ?? `one."${column}"`)
    postgres.query(
      `INSERT INTO hookbridge.${table} (${columns.map((column) => `"${column}"`).join(', ')})
       SELECT ${values.join(', ')} FROM (SELECT * FROM hookbridge.${table} ORDER BY seq LIMIT 1) AS one,
         generate_series(1, 40000) AS number`,
      url,
    )
  }
  copyOf('events', { id: 'one.id || number', message_id: 'one.message_id || number' })
  copyOf('deliveries', { id: 'one.id || number' })
  let large = 0
  await until(
    async () => {
      large = await pages()
      return large < 3 * small
    },
    'plans for large tables',
    PATIENCE_MS,
  )
  t.comment(`${small} pages before, ${large} after`)
})
