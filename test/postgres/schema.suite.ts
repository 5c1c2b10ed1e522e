/** The schema of the PostgreSQL store, and the connections that everything else goes through. */
import t from 'tap'
import type { Database } from '../../src/store/postgres/connection/database.ts'
import type { Work } from '../../src/store/postgres/connection/transactions.ts'
import { migrate, schemaVersion, steps } from '../../src/store/postgres/migrations/migrations.ts'
import { notDurable, openDatabase, type Postgres, startPostgres } from '../support/postgres.ts'
import { until } from '../support/until.ts'

function changed(postgres: Postgres, url: string, sql: string): void {
  postgres.query(`SET search_path = hookbridge; ${sql}`, url)
}

t.test('PostgreSQL', async (t) => {
  const postgres = await startPostgres(t, { settings: notDurable })

  t.test('several instances make the schema once', async (t) => {
    const url = postgres.createDatabase()
    const databases = [openDatabase(t, url), openDatabase(t, url), openDatabase(t, url)]
    await Promise.all(databases.map((database) => migrate(database)))
    await Promise.all(databases.map((database) => migrate(database)))
    const versions = postgres.query('SELECT version FROM hookbridge.schema_version', url)
    t.same(versions, [String(schemaVersion)])
  })

  t.test('one that is being made while an instance looks for it', async (t) => {
    const database = openDatabase(t, postgres.createDatabase())
    await migrate(database)
    let looks = 0
    // The server finds no table by its name until it has heard of it, though its catalog shows the table already.
    const hearsLater = {
      name: database.name,
      read: async (work: Work<unknown>) => {
        looks += 1
        if (looks === 1) await database.query('SELECT * FROM hookbridge.not_yet')
        return database.read(work)
      },
    } as unknown as Database
    await migrate(hearsLater)
    t.equal(looks, 2)
  })

  t.test('an administrator may make the schema, for a user who has no right to', async (t) => {
    const url = postgres.createDatabase()
    postgres.query("CREATE ROLE plain LOGIN PASSWORD 'plain'", url)
    const own = url.replace(/\/\/[^@]*@/, '//plain:plain@')
    await t.rejects(migrate(openDatabase(t, own)), {
      name: 'StoreUnavailable',
      message: /make it the owner of the database, or of the schema hookbridge and its tables/,
    })
    postgres.query('CREATE SCHEMA hookbridge AUTHORIZATION plain', url)
    await migrate(openDatabase(t, own))
    t.same(postgres.query('SELECT version FROM hookbridge.schema_version', url), [String(schemaVersion)])
  })

  t.test(
    'the schema of the first version is brought up to date, and instances of that version go on',
    async (t) => {
      const url = postgres.createDatabase()
      const database = openDatabase(t, url)
      const first = steps.slice(0, 1)
      await migrate(database, first)
      // As that version does it.
      const start = "INSERT INTO instances (name, started_at) VALUES ('older', 0) RETURNING number"
      await database.query(start)
      await migrate(database)
      await database.query(start)
      await migrate(database, first)
      const versions = postgres.query(
        "SELECT version || '/' || compatible FROM hookbridge.schema_version",
        url,
      )
      t.same(versions, [`${schemaVersion}/1`])
      t.same(await database.query('SELECT name, configuration, channels FROM instances'), [
        { name: 'older', configuration: null, channels: null },
        { name: 'older', configuration: null, channels: null },
      ])
    },
  )

  t.test('a newer schema is used where it is compatible, and refused where it is not', async (t) => {
    const url = postgres.createDatabase()
    const database = openDatabase(t, url)
    await migrate(database)
    changed(postgres, url, `UPDATE schema_version SET version = ${schemaVersion + 1}`)
    await migrate(database)
    const versions = postgres.query('SELECT version FROM hookbridge.schema_version', url)
    t.same(versions, [String(schemaVersion + 1)], 'and stays')
    changed(postgres, url, `UPDATE schema_version SET compatible = ${schemaVersion + 1}`)
    await t.rejects(migrate(database), { name: 'StoreRefused', reason: 'newer_schema', message: /upgrade/ })
  })

  const later = (sql: string) => [...steps, { sql, compatible: schemaVersion }]
  const versionOf = (url: string) => postgres.query('SELECT version FROM hookbridge.schema_version', url)

  t.test('a change of the schema may take longer than a statement', async (t) => {
    const database = openDatabase(t, `${postgres.createDatabase()}?statement_timeout=1s`)
    await migrate(database, later('SELECT pg_sleep(3.5); ALTER TABLE kinds ADD COLUMN colour text'))
    t.same(await database.query('SELECT colour FROM kinds'), [])
    await t.rejects(database.query('SELECT pg_sleep(30)::text AS nothing'), {
      name: 'StoreUnavailable',
      message: /a statement took too long/,
    })
  })

  t.test('a change that waits for a table lets the others pass, and is made in the end', async (t) => {
    const url = postgres.createDatabase()
    const [database, dump] = [openDatabase(t, url), openDatabase(t, url)]
    await migrate(database)
    const over = Promise.withResolvers<void>()
    const reading = Promise.withResolvers<void>()
    const dumped = dump.read(async (session) => {
      await session.query('SELECT id FROM kinds')
      reading.resolve()
      await over.promise
    })
    await reading.promise
    const migrated = migrate(database, later('ALTER TABLE kinds ADD COLUMN colour text'))
    const waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
    await until(() => postgres.query(waiting, url)[0] === '1', 'the change to wait')
    t.same(await dump.query('SELECT id FROM kinds'), [], 'what came behind it goes on')
    await until(() => postgres.query(waiting, url)[0] === '0', 'it to stand back')
    t.same(versionOf(url), [String(schemaVersion)])
    over.resolve()
    await dumped
    await migrated
    t.same(versionOf(url), [String(schemaVersion + 1)])
  })

  t.test('a change that is cut off leaves nothing behind, and is made by the next instance', async (t) => {
    const url = postgres.createDatabase()
    const database = openDatabase(t, url)
    await migrate(database)
    const sql = 'ALTER TABLE kinds ADD COLUMN colour text'
    const running =
      "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()"
    const cut = t.rejects(migrate(database, later(`${sql}; SELECT pg_sleep(600)`)), {
      name: 'StoreUnavailable',
    })
    await until(() => postgres.query(running, url).length === 1, 'the change to be under way')
    postgres.query(`SELECT pg_terminate_backend(${postgres.query(running, url)[0]})`, url)
    await cut
    t.same(versionOf(url), [String(schemaVersion)])
    await migrate(database, later(sql))
    t.same(versionOf(url), [String(schemaVersion + 1)])
  })

  t.test('text comes back as it was, and numbers are numbers', async (t) => {
    const database = openDatabase(t, postgres.createDatabase())
    for (const text of ['', 'a\0b', '\u{10FFFE}', '\u{10FFFE}0\0\u{10FFFE}1', 'é \'"\\{}, ∆ 🦄', 'NULL']) {
      const rows = await database.query('SELECT $1::text AS one, unnest($2::text[]) AS each', [text, [text]])
      t.same(rows, [{ one: text, each: text }])
    }
    t.same(await database.query('SELECT $1::bigint AS time', [Date.UTC(2500, 1)]), [
      { time: Date.UTC(2500, 1) },
    ])
  })

  t.test('a statement that was prepared outlives a column that a newer version adds', async (t) => {
    const url = postgres.createDatabase()
    const connections = 10
    const database = openDatabase(t, url, connections)
    await migrate(database)
    const all = 'SELECT * FROM kinds'
    await Promise.all(Array.from({ length: connections }, () => database.query(all)))
    changed(postgres, url, 'ALTER TABLE kinds ADD COLUMN colour text')
    t.same(await database.query(all), [])
  })

  t.test('what the server ends is unavailable, and works again afterwards', async (t) => {
    const url = postgres.createDatabase()
    const database = openDatabase(t, url)
    const unavailable = { name: 'StoreUnavailable' }
    const end = "SELECT pg_terminate_backend(pg_backend_pid()) AS ended, '' AS nothing"
    await t.rejects(database.query(end), unavailable)
    await t.rejects(
      database.write((session) => session.query(end)),
      unavailable,
    )
    t.same(await database.query('SELECT 1 AS one'), [{ one: 1 }])
    const wrong = openDatabase(t, url.replace(/\/[^/]*$/, '/nothing'))
    await t.rejects(wrong.query('SELECT 1'), { ...unavailable, message: /no such database/ })
    const secret = openDatabase(t, url.replace(/:[^:/@]*@/, ':s3cret@'))
    const error = await secret.query('SELECT 1').catch((error: unknown) => error)
    t.match(error, { ...unavailable, message: /the password is wrong/ })
    t.notMatch(String(error), /s3cret/)
  })
})
