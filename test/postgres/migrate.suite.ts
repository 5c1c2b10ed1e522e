/** `migrate-store` from SQLite to PostgreSQL and back: the same history, after kills too, and a service that goes on with it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { StoreCopy } from '../../src/store/copying/copy-store.ts'
import { tables } from '../../src/store/copying/tables.ts'
import { openStore } from '../../src/store/open.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { entry, event, planned } from '../store/contract/sample.ts'
import { hookbridge } from '../support/hookbridge.ts'
import { writeLongHistory } from '../support/long-history.ts'
import { startPostgres } from '../support/postgres.ts'
import { hasEnded, stateOf } from '../support/processes.ts'
import { until } from '../support/until.ts'

const cwd = t.testdir()
const path = join(cwd, 'store.db')
await writeLongHistory(path, 2_000)
addHostileRows(path)
const postgres = await startPostgres(t)

/** What PostgreSQL's text and JSON cannot hold as it is, and values at their limits. */
function addHostileRows(file: string): void {
  const database = new DatabaseSync(file)
  database
    .prepare('UPDATE events SET subject = ?, body = ?, enriched = ? WHERE seq = 7')
    .run('nul \0 and \u{10FFFE} and \\ " { }', Buffer.from([0, 255, 128, 34, 0]), '{"a":"\\u0000\\ud800"}')
  database.prepare('UPDATE events SET sent_at = ? WHERE seq = 8').run(Number.MAX_SAFE_INTEGER)
  database
    .prepare('UPDATE rates SET state = ? WHERE id = 1')
    .run('{"failures":3,"pausedUntil":9007199254740991}')
  database.exec(`INSERT INTO attempts VALUES (1, 90, 1, 2, '{"kind":"delivered"}', NULL, '{"a":1}');
    INSERT INTO stages VALUES (7, 'l', 'k', 's', 2); INSERT INTO refused_clocks VALUES ('crm', 5, -6);
    INSERT INTO enrichments VALUES (8, 'received', 12, 'gone', '{"step":"x"}');
    UPDATE holder SET seen_at = 1234567`)
  database.close()
}

function dump(file: string): string {
  const database = new DatabaseSync(file, { readOnly: true })
  const rows = tables.map(({ name, columns }) => {
    const names = columns.map(([column]) => column).join(', ')
    return database.prepare(`SELECT ${names} FROM ${name} ORDER BY 1, 2`).all()
  })
  database.close()
  return JSON.stringify(rows)
}

const secret = (url: string) => new URL(url).password

t.test('to PostgreSQL and back, each row is the same', async (t) => {
  const url = postgres.createDatabase()
  const dry = await hookbridge(['migrate-store', `sqlite:${path}`, url, '--dry-run'], { cwd })
  t.match(dry, { code: 0, out: /^events +\d+$/m })
  const there = await hookbridge(['migrate-store', 'sqlite:store.db', '${URL}'], { cwd, env: { URL: url } })
  t.match(there, { code: 0, out: /^events +\d+ rows {2}sha256 \w{16} {2}equal$/m })
  t.notMatch(there.out + there.err, secret(url))
  const columns = postgres.query(
    `SELECT table_name || '.' || column_name FROM information_schema.columns
     WHERE table_schema = 'hookbridge' AND table_name NOT IN ('schema_version', 'instances', 'clock')`,
    url,
  )
  // Whose lease it is: leases end with the move.
  const left = ['deliveries.instance', 'enrichments.instance']
  const all = tables.flatMap(({ name, columns }) => columns.map(([column]) => `${name}.${column}`))
  t.same(columns.sort(), [...all, ...left].sort(), 'every column of the schema')
  const back = await hookbridge(['migrate-store', url, 'sqlite:back.db'], { cwd })
  t.match(back, { code: 0, out: /set store\.url/ })
  const before = new DatabaseSync(path)
  // A lease ends with the move, as with the process that had it.
  before.exec(`UPDATE deliveries SET due_at = min(due_at, leased_at) WHERE state = 'sending';
    UPDATE enrichments SET holder = NULL, due_at = min(due_at, (SELECT received_at FROM events WHERE seq = event))`)
  before.close()
  t.ok(dump(path) === dump(join(cwd, 'back.db')))
  const again = await hookbridge(['migrate-store', `sqlite:${path}`, url], { cwd })
  t.match(again, { code: 1, err: /is not empty/ })
})

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const isUnfinished = (url: string) =>
  postgres.query("SELECT 1 FROM pg_tables WHERE tablename = 'unfinished_copy'", url).length > 0
const countOf = (table: string, url: string) =>
  Number(postgres.query(`SELECT count(*) FROM hookbridge.${table}`, url)[0])

/** A program that suspends itself once it has printed that it copies another part of the table. */
const suspending = (table: string) => `
  const { stderr } = process
  const write = stderr.write.bind(stderr)
  let printed = ''
  stderr.write = (text) => {
    write(text)
    printed += text
    if (printed.split('copying ${table}, ').length !== 3) return
    stderr.write = write
    process.kill(process.pid, 'SIGSTOP')
  }`

/** Runs it as a process until it has copied a part of the table, then does something to it; how it ended. */
async function interrupted(
  { from, to, table }: { readonly from: string; readonly to: string; readonly table: string },
  interrupt: (child: ChildProcess) => void | Promise<void>,
) {
  const hook = `data:text/javascript,${encodeURIComponent(suspending(table))}`
  const child = spawn(process.execPath, ['--import', hook, main, 'migrate-store', from, to], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const ended = once(child, 'close')
  await until(() => {
    if (hasEnded(child)) throw new Error(`it ended with ${child.exitCode ?? child.signalCode}:\n${output}`)
    return stateOf(child.pid ?? 0) === 'T'
  }, 'a part to be copied')
  await interrupt(child)
  child.kill('SIGCONT')
  const [code, signal] = await ended
  return { code, signal, output }
}

const kill = (child: ChildProcess) => void child.kill('SIGKILL')

/** What the tests below find in the state in which the one before left it. */
const moved = postgres.createDatabase()

t.test('a copy to PostgreSQL that was killed goes on, and cannot be used before', async (t) => {
  const url = moved
  for (const table of ['events', 'deliveries', 'attempts']) {
    t.match(await interrupted({ from: `sqlite:${path}`, to: url, table }, kill), { signal: 'SIGKILL' })
    t.ok(countOf(table, url) > 0)
    t.ok(isUnfinished(url))
    for (const role of ['service', 'operator'] as const)
      await t.rejects(openStore(url, role), { name: 'StoreRefused', reason: 'incomplete' })
  }
  t.match(await hookbridge(['migrate-store', `sqlite:${path}`, url], { cwd }), { code: 0 })
  t.notOk(isUnfinished(url))
})

t.test('so does one from PostgreSQL', async (t) => {
  const url = moved
  const to = join(cwd, 'killed.db')
  for (const table of ['events', 'attempts']) {
    t.match(await interrupted({ from: url, to: `sqlite:${to}`, table }, kill), { signal: 'SIGKILL' })
    await t.rejects(openStore(`sqlite:${to}`, 'service'), { name: 'StoreRefused', reason: 'incomplete' })
  }
  t.match(await hookbridge(['migrate-store', url, `sqlite:${to}`], { cwd }), { code: 0 })
  t.ok(dump(to) === dump(path))
})

t.test(
  'a database that goes away ends it, Ctrl-C does after a batch, and the same command goes on',
  async (t) => {
    const url = postgres.createDatabase()
    const copy = { from: `sqlite:${path}`, to: url }
    const away = await interrupted({ ...copy, table: 'events' }, () => postgres.kill())
    t.match(away, {
      code: 1,
      output: /is unavailable: .*; run this again, and it continues where it stopped/s,
    })
    await postgres.start()
    const stopped = await interrupted({ ...copy, table: 'deliveries' }, (child) => void child.kill('SIGINT'))
    t.match(stopped, { code: 1, output: /stopped; run the same command again to continue/ })
    t.match(await hookbridge(['migrate-store', `sqlite:${path}`, url], { cwd }), { code: 0 })
    t.notMatch(away.output + stopped.output, secret(url))
  },
)

t.test('a byte that differs is found, with its table and key', async (t) => {
  const url = moved
  const from = new DatabaseSync(path)
  const { pid, started_at } = from.prepare('SELECT pid, started_at FROM holder').get() ?? {}
  const { events, deliveries } =
    from
      .prepare(
        'SELECT (SELECT max(seq) FROM events) AS events, (SELECT max(seq) FROM deliveries) AS deliveries',
      )
      .get() ?? {}
  from.close()
  // As it is before its end.
  const state = JSON.stringify({ store: `sqlite:${path}`, pid, started_at, events, deliveries })
  postgres.query(
    `CREATE TABLE hookbridge.unfinished_copy (source text NOT NULL);
    INSERT INTO hookbridge.unfinished_copy VALUES ('${state}');
    UPDATE hookbridge.events SET body = set_byte(body, 2, 1) WHERE seq = 7;
    DELETE FROM hookbridge.attempts WHERE delivery = 1 AND number = 1`,
    url,
  )
  const found = await hookbridge(['migrate-store', `sqlite:${path}`, url], { cwd })
  t.match(found, { code: 1, err: /events 7\b.*attempts 1\/1\b/s })
  await t.rejects(openStore(url, 'service'), { name: 'StoreRefused', reason: 'incomplete' })
})

t.test('services keep it away, and deliver what waited afterwards', async (t) => {
  const url = postgres.createDatabase()
  const file = join(cwd, 'waiting.db')
  const sqlite = await openSqlite({ path: file, role: 'service' })
  await sqlite.append(entry(event(1), [planned()]))
  t.match(await hookbridge(['migrate-store', `sqlite:${file}`, url], { cwd }), {
    code: 1,
    err: /is using.*stop it/,
  })
  await sqlite.close()
  const empty = await openStore(url, 'service')
  t.match(await hookbridge(['migrate-store', `sqlite:${file}`, url], { cwd }), {
    code: 1,
    err: /are using.*stop them/,
  })
  await empty.close()
  t.match(await hookbridge(['migrate-store', `sqlite:${file}`, url], { cwd }), { code: 0 })
  const moved = await openStore(url, 'service')
  t.match((await moved.deliveries({}, { limit: 5 })).items, [{ state: 'pending' }])
  // A new row takes the next number.
  t.match(await moved.append(entry(event(2), [planned()])), { kind: 'stored' })
  t.match(await moved.append(entry(event(1), [planned()])), { kind: 'duplicate' })
  await moved.close()
})

t.test(
  'while it is copied, a store can be read and not changed, and none is copied to it twice',
  async (t) => {
    const [from, to] = [postgres.createDatabase(), postgres.createDatabase()]
    const service = await openStore(from, 'service')
    await service.append(entry(event(1), [planned()]))
    await service.close()
    const copy = await StoreCopy.open(from, to)
    t.teardown(() => copy.close())
    const store = await openStore(from, 'operator')
    t.match((await store.deliveries({}, { limit: 5 })).items, [{ state: 'pending' }])
    const update = "SET lock_timeout = 100; UPDATE hookbridge.deliveries SET reason = 'x'"
    t.throws(() => postgres.query(update, from), /lock timeout/)
    await t.rejects(openStore(from, 'service'), { name: 'StoreUnavailable' })
    await store.close()
    t.match(await hookbridge(['migrate-store', from, to], { cwd }), {
      code: 1,
      err: /another migrate-store is writing to/,
    })
    t.match(await copy.run({ progress: () => {}, stopped: () => false }), { kind: 'done' })
  },
)

t.test('other schemas are refused, and stay as they are', async (t) => {
  const move = (from: string, to: string) => hookbridge(['migrate-store', from, to], { cwd })
  const small = join(cwd, 'small.db')
  await writeLongHistory(small, 5)
  const store = postgres.createDatabase()
  t.match(await move(`sqlite:${small}`, store), { code: 0 })
  t.match(await move(store, `${store}?application_name=other`), { code: 1, err: /are the same store/ })
  const versions = () =>
    postgres.query("SELECT version || '/' || compatible FROM hookbridge.schema_version", store)
  const before = versions()
  postgres.query('UPDATE hookbridge.schema_version SET version = version + 1', store)
  // A service of this version would take it.
  t.match(await move(store, 'sqlite:newer.db'), { code: 1, err: /has schema \d+, .*upgrade hookbridge/ })
  t.match(await move(`sqlite:${small}`, store), { code: 1, err: /has schema \d+, .*upgrade hookbridge/ })
  postgres.query('UPDATE hookbridge.schema_version SET version = version - 2', store)
  t.match(await move(store, 'sqlite:older.db'), { code: 1, err: /older schema.*restart the service/ })
  t.match(await move(`sqlite:${small}`, store), { code: 1, err: /start the service once, or use an empty/ })
  postgres.query('UPDATE hookbridge.schema_version SET version = version + 1', store)
  t.same(versions(), before)
  const foreign = postgres.createDatabase()
  postgres.query('CREATE SCHEMA hookbridge; CREATE TABLE hookbridge.events (a int)', foreign)
  t.match(await move(`sqlite:${small}`, foreign), {
    code: 1,
    err: /of another program; name another database/,
  })
  t.match(await move(foreign, 'sqlite:x.db'), { code: 1, err: /there is no store in/ })
  t.match(await move(`sqlite:${small}`, foreign.replace(/\w+$/, 'none')), {
    code: 1,
    err: /no such database; make it/,
  })
  t.notOk(existsSync(join(cwd, 'x.db')))
})
