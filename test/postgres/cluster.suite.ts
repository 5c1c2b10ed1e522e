/** What the other suites rely on: a cluster that keeps what it committed, whatever happens to it. */
import t from 'tap'
import { makeAuthority, makeCertificate } from '../support/certificates.ts'
import { startPostgres } from '../support/postgres.ts'

t.test('a cluster keeps what it committed over a stop and a kill -9', async (t) => {
  const postgres = await startPostgres(t)
  const url = postgres.createDatabase()
  t.same(postgres.query('SHOW fsync', url), ['on'])
  postgres.query('CREATE TABLE numbers (n int); INSERT INTO numbers VALUES (1)', url)
  await postgres.stop()
  t.throws(() => postgres.query('SELECT 1', url), /Connection refused/)
  await postgres.start()
  postgres.query('INSERT INTO numbers VALUES (2)', url)
  await postgres.kill()
  t.throws(() => postgres.query('SELECT 1', url), /Connection refused/)
  await postgres.start()
  t.same(postgres.query('SELECT n FROM numbers ORDER BY n', url), ['1', '2'])
  t.match(postgres.log(), /was not properly shut down; automatic recovery in progress/)
})

t.test('a database is made empty, or as a copy, and dropped', async (t) => {
  const postgres = await startPostgres(t)
  const template = postgres.createDatabase()
  postgres.query('CREATE TABLE numbers (n int)', template)
  const [copy, empty] = [postgres.createDatabase(template), postgres.createDatabase()]
  const tables = (url: string) =>
    postgres.query("SELECT relname FROM pg_class WHERE relname = 'numbers'", url)
  t.same([tables(copy), tables(empty)], [['numbers'], []])
  postgres.dropDatabase(copy)
  t.throws(() => tables(copy), /does not exist/)
})

t.test('a standby has what was committed when the primary dies', async (t) => {
  const primary = await startPostgres(t)
  const standby = await primary.createStandby()
  const url = primary.createDatabase()
  primary.query('CREATE TABLE numbers (n int); INSERT INTO numbers VALUES (1)', url)
  const there = url.replace(`:${primary.port}/`, `:${standby.port}/`)
  t.throws(() => standby.query('INSERT INTO numbers VALUES (2)', there), /read-only transaction/)
  await primary.kill()
  await standby.promote()
  standby.query('INSERT INTO numbers VALUES (2)', there)
  t.same(standby.query('SELECT n FROM numbers ORDER BY n', there), ['1', '2'])
})

t.test('a cluster with a certificate takes encrypted connections alone', async (t) => {
  const issuer = makeAuthority('Hookbridge Test Root CA')
  const tls = makeCertificate({ subject: 'db', hosts: ['127.0.0.1'], issuer })
  const postgres = await startPostgres(t, { tls })
  const url = postgres.createDatabase()
  t.throws(() => postgres.query('SELECT 1', `${url}?sslmode=disable`), /no encryption/)
  t.same(postgres.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()', url), ['t'])
})
