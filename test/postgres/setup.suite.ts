/** Databases as providers and administrators set them up: defaults of their own, other encodings, and users with few rights. */
import t from 'tap'
import { openPostgres } from '../../src/store/postgres.ts'
import { entry, event, planned } from '../store/contract/sample.ts'
import { openedStore } from '../support/opened-store.ts'
import { notDurable, openDatabase, startPostgres } from '../support/postgres.ts'

const databaseOf = (url: string) => new URL(url).pathname.slice(1)

t.test('a database that is set up', async (t) => {
  const postgres = await startPostgres(t, { settings: notDurable })
  const [version = 0] = postgres.query('SHOW server_version_num').map(Number)

  t.test('with time limits and an isolation of its own: those of the store apply', async (t) => {
    const url = postgres.createDatabase()
    const defaults = {
      statement_timeout: '3s',
      lock_timeout: '3s',
      idle_in_transaction_session_timeout: '3s',
      default_transaction_isolation: 'serializable',
      ...(version >= 14_00_00 && { idle_session_timeout: '1min' }),
      ...(version >= 17_00_00 && { transaction_timeout: '1min' }),
    }
    for (const [name, value] of Object.entries(defaults))
      postgres.query(`ALTER DATABASE ${databaseOf(url)} SET ${name} = '${value}'`)
    // Both make the schema at once, which is an error where what one sees was settled before it waited.
    const [one, other] = await Promise.all([openedStore(t, url), openedStore(t, url)])
    t.equal((await one.append(entry(event(1), [planned()]))).kind, 'stored')
    t.equal((await other.append(entry(event(2), [planned()]))).kind, 'stored')
    const database = openDatabase(t, url)
    for (const [name, value] of Object.entries(defaults)) {
      const rows = await database.query('SELECT current_setting($1) AS value', [name])
      t.not(rows[0]?.value, value, name)
    }
    const limits = await database.query("SELECT current_setting('idle_session_timeout', true) AS idle")
    t.same(limits, [{ idle: version >= 14_00_00 ? '0' : null }], 'idle connections stay open')
  })

  t.test('with another encoding, which lacks characters: it is refused, and stays empty', async (t) => {
    for (const encoding of ['LATIN1', 'SQL_ASCII']) {
      const url = postgres.createDatabase()
      postgres.dropDatabase(url)
      const locale = "LC_COLLATE 'C' LC_CTYPE 'C'"
      postgres.query(`CREATE DATABASE ${databaseOf(url)} ENCODING '${encoding}' TEMPLATE template0 ${locale}`)
      for (const role of ['service', 'operator'] as const)
        await t.rejects(openPostgres({ url, role }), {
          name: 'StoreRefused',
          reason: 'unusable',
          message: new RegExp(`has the encoding ${encoding}; name a database with the encoding UTF8`),
        })
      t.same(postgres.query("SELECT 1 FROM pg_namespace WHERE nspname = 'hookbridge'", url), [])
    }
  })

  t.test('for a user with few rights, who is told which one is missing', async (t) => {
    const url = postgres.createDatabase()
    await (await openPostgres({ url, role: 'service' })).close()
    postgres.query("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    const own = url.replace(/\/\/[^@]*@/, '//guest:guest@')
    const refused = (missing: RegExp) => ({ name: 'StoreUnavailable', message: missing })
    const operator = { url: own, role: 'operator' } as const
    const service = { url: own, role: 'service' } as const

    const schema = refused(/owner of .* the schema hookbridge and its tables .*denied for schema hookbridge/)
    await t.rejects(openPostgres(operator), schema)
    await t.rejects(openPostgres(service), schema)

    postgres.query('GRANT USAGE ON SCHEMA hookbridge TO guest', url)
    await t.rejects(openPostgres(operator), refused(/denied for table schema_version/))

    postgres.query('GRANT SELECT ON ALL TABLES IN SCHEMA hookbridge TO guest', url)
    const reading = await openPostgres(operator)
    t.same((await reading.events({}, { limit: 1 })).items, [], 'reading takes no right to write')
    await t.rejects(reading.dismiss(['dlv_1'], 'over', 1), refused(/denied for table/))
    await reading.close()
    await t.rejects(openPostgres(service), refused(/denied for table instances/))

    postgres.query('GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA hookbridge TO guest', url)
    postgres.query('GRANT USAGE ON ALL SEQUENCES IN SCHEMA hookbridge TO guest', url)
    const working = await openedStore(t, own)
    t.equal(
      (await working.append(entry(event(1), [planned()]))).kind,
      'stored',
      'a service needs to own nothing',
    )
  })

  t.test('whose tables are dropped under a service, and made again, is used again', async (t) => {
    const url = postgres.createDatabase()
    const store = await openedStore(t, url)
    await store.append(entry(event(1), [planned({ target: '#one' })]))
    postgres.query('DROP SCHEMA hookbridge CASCADE', url)
    await t.rejects(store.append(entry(event(2), [planned({ target: '#one' })])), {
      name: 'StoreUnavailable',
      message: /the tables of the store are gone; restore them/,
    })
    // The number of the first instance, which is still connected, is given again.
    await t.rejects(openPostgres({ url, role: 'service' }), {
      name: 'StoreUnavailable',
      message: /a lock was waited for too long/,
    })
    // It has the number that #one had.
    postgres.query(
      `INSERT INTO hookbridge.rates (channel, key) VALUES ('slack', 'slack:#another');
       INSERT INTO hookbridge.destinations (channel, target, rate) VALUES ('slack', '#another', 1)`,
      url,
    )
    await store.append(entry(event(2), [planned({ target: '#one' })]))
    const { items } = await store.deliveries({}, { limit: 10 })
    t.same(
      items.map(({ destination }) => destination.target),
      ['#one'],
    )
  })
})
