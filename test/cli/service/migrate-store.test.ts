/** `hookbridge migrate-store` between SQLite files; test/postgres/migrate.suite.ts has the rest. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { StoreCopy } from '../../../src/store/copying/copy-store.ts'
import { openSqliteSource } from '../../../src/store/copying/sqlite-side.ts'
import { lastOf, type Row, tables } from '../../../src/store/copying/tables.ts'
import { openSqlite } from '../../../src/store/sqlite.ts'
import { hookbridge } from '../../support/hookbridge.ts'
import { writeLongHistory } from '../../support/long-history.ts'
import { environment } from '../../support/service.ts'

const cwd = t.testdir()
const path = join(cwd, 'store.db')
await writeLongHistory(path, 250)

function dump(file: string): string {
  const database = new DatabaseSync(file, { readOnly: true })
  const rows = tables.map(({ name }) => database.prepare(`SELECT * FROM ${name} ORDER BY 1, 2`).all())
  database.close()
  return JSON.stringify(rows)
}

t.test('every table of the schema is moved', async (t) => {
  const database = new DatabaseSync(path, { readOnly: true })
  const found = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
  t.same(found.map(({ name }) => name).sort(), ['holder', ...tables.map(({ name }) => name)].sort())
  for (const { name, columns } of tables) {
    const theirs = database.prepare(`PRAGMA table_info(${name})`).all()
    t.same(columns.map(([column]) => column).sort(), theirs.map((column) => column.name).sort(), name)
  }
  database.close()
})

t.test('everything is moved, once', async (t) => {
  const before = dump(path)
  const dry = await hookbridge(['migrate-store', 'sqlite:store.db', 'sqlite:to.db', '--dry-run'], { cwd })
  t.match(dry, { code: 0, out: /^events +250$/m })
  t.notOk(existsSync(join(cwd, 'to.db')))
  const moved = await hookbridge(['migrate-store', 'sqlite:store.db', 'sqlite:to.db'], { cwd })
  t.match(moved, {
    code: 0,
    err: /^copying events, \d0 % done\n.*^comparing attempts, \d0 % done\n$/ms,
    out: /^events +250 rows {2}sha256 \w{16} {2}equal$/m,
  })
  t.ok(dump(join(cwd, 'to.db')) === before)
  t.ok(dump(path) === before)
  const again = await hookbridge(['migrate-store', 'sqlite:store.db', 'sqlite:to.db'], { cwd })
  t.match(again, { code: 1, err: /is not empty/ })
})

t.test('a copy that was stopped goes on, and cannot be used before; what differs is reported', async (t) => {
  const to = `sqlite:${join(cwd, 'stopped.db')}`
  let batches = 0
  const copy = await StoreCopy.open(`sqlite:${path}`, to)
  t.same(await copy.run({ progress: () => {}, stopped: () => ++batches > 8 }), { kind: 'stopped' })
  await copy.close()
  for (const role of ['service', 'operator'] as const)
    await t.rejects(async () => openSqlite({ path: join(cwd, 'stopped.db'), role }), {
      name: 'StoreRefused',
      reason: 'incomplete',
    })
  const database = new DatabaseSync(join(cwd, 'stopped.db'))
  database.exec(
    "UPDATE events SET body = CAST('x' AS BLOB) WHERE seq = 3; INSERT INTO rates VALUES (99, 'a', 'b', NULL)",
  )
  database.close()
  const found = await hookbridge(['migrate-store', 'sqlite:store.db', to], { cwd })
  t.match(found, {
    code: 1,
    out: /^events .* DIFFERENT from the copy \(250 rows\)$/m,
    err: /rates 99; events 3\b/,
  })
  const other = join(cwd, 'other.db')
  await (await openSqlite({ path: other, role: 'service' })).close()
  t.match(await hookbridge(['migrate-store', `sqlite:${other}`, to], { cwd }), {
    code: 1,
    err: /unfinished copy of another store/,
  })
})

t.test('on a terminal, a bar says how far it is', async (t) => {
  const terminal = { cwd, columns: 80 }
  const { code, err } = await hookbridge(['migrate-store', 'sqlite:store.db', 'sqlite:bar.db'], terminal)
  t.equal(code, 0)
  const lines = err.split('\r\u001b[K')
  t.match(lines[1], /^[█░]{24} \d+ % copying \w+, \d+\/s/)
  t.equal(lines.at(-1), '', 'it is taken away')
  for (const line of lines) t.ok(line.length < 80, line)
})

t.test('while it is copied, a store can be read and not changed', async (t) => {
  const copy = await StoreCopy.open(`sqlite:${path}`, `sqlite:${join(cwd, 'held.db')}`)
  const other = new DatabaseSync(path, { timeout: 0 })
  t.match(other.prepare('SELECT count(*) AS count FROM events').get(), { count: 250 })
  t.throws(() => other.exec("UPDATE deliveries SET reason = 'dismissed'"), /locked/)
  const args = ['migrate-store', `sqlite:${path}`, `sqlite:${join(cwd, 'second.db')}`]
  t.match(await hookbridge(args), { code: 1, err: /or another migrate-store, is using .*store\.db/ })
  await copy.close()
  other.exec('UPDATE deliveries SET reason = reason')
  other.close()
})

t.test('batches of large rows are small', async (t) => {
  const large = join(cwd, 'large.db')
  await writeLongHistory(large, 30)
  const database = new DatabaseSync(large)
  database.exec('UPDATE events SET body = zeroblob(1000000) WHERE seq BETWEEN 3 AND 20')
  database.close()
  const events = tables.find(({ name }) => name === 'events')
  if (events === undefined) throw new Error('no events')
  const side = await openSqliteSource(large)
  t.teardown(() => side.close())
  const sizes: number[] = []
  for (let after: Row | null = null; ; ) {
    const rows = await side.rows(events, after)
    if (rows.length === 0) break
    sizes.push(rows.length)
    after = lastOf(events, rows)
  }
  t.same(sizes, [6, 4, 4, 4, 12])
})

t.test('what cannot be moved is refused with what to do, and stays as it is', async (t) => {
  const move = (from: string, to: string) => hookbridge(['migrate-store', from, to], { cwd })
  const make = async (name: string, sql: string) => {
    await (await openSqlite({ path: join(cwd, name), role: 'service' })).close()
    const database = new DatabaseSync(join(cwd, name))
    database.exec(sql)
    database.close()
    return readFileSync(join(cwd, name))
  }
  const service = await openSqlite({ path: join(cwd, 'busy.db'), role: 'service' })
  t.match(await move('sqlite:busy.db', 'sqlite:x.db'), {
    code: 1,
    err: /a hookbridge service \(process \d+, .* stop it, and/,
  })
  t.match(await move('sqlite:store.db', 'sqlite:busy.db'), { code: 1, err: /is using .*busy\.db/ })
  await service.close()
  t.match(await move('store.db', 'sqlite:x.db'), { code: 2, err: /sqlite:PATH/ })
  t.match(await move('sqlite:none.db', 'sqlite:x.db'), {
    code: 1,
    err: /no store at .*none\.db; correct <from>/,
  })
  t.match(await move('${NONE}', 'sqlite:x.db'), { code: 2, err: /NONE_FILE/ })
  t.match(await move('sqlite:store.db', 'sqlite:./store.db'), { code: 1, err: /are the same store/ })
  const secret = await move('sqlite:store.db', 'postgres://app:top/secret@127.0.0.1:1/d')
  t.match(secret, { code: 1, err: /the URL has more than one @/ })
  const nowhere = await move('postgres://app:secret@127.0.0.1:1/d', 'sqlite:x.db')
  t.match(nowhere, { code: 1, err: /postgres:\/\/app@127\.0\.0\.1:1\/d is unavailable: .*ECONNREFUSED/ })
  const many = await hookbridge(['migrate-store', 'sqlite:store.db', 'postgres://app:secret@h/d', 'more'], {
    cwd,
  })
  t.match(many, { code: 2, err: /too many arguments .*postgres:\/\/app:\*\*\*@h\/d/ })
  t.notMatch(secret.err + nowhere.err + many.err, /secret/)
  t.notOk(existsSync(join(cwd, 'x.db')))

  const old = await make('old.db', 'PRAGMA user_version = 4')
  t.match(await move('sqlite:old.db', 'sqlite:x.db'), { code: 1, err: /has schema 4.*restart the service/ })
  t.match(await move('sqlite:store.db', 'sqlite:old.db'), {
    code: 1,
    err: /has schema 4, .*name a file that does not/,
  })
  t.same(readFileSync(join(cwd, 'old.db')), old, 'its schema is not changed for that')
  await make('new.db', 'PRAGMA user_version = 99')
  t.match(await move('sqlite:new.db', 'sqlite:x.db'), { code: 1, err: /upgrade hookbridge/ })
  t.match(await move('sqlite:store.db', 'sqlite:new.db'), { code: 1, err: /upgrade hookbridge/ })
  const other = new DatabaseSync(join(cwd, 'other\nprogram.db'))
  other.exec('CREATE TABLE mine (a)')
  other.close()
  const foreign = 'sqlite:other\nprogram.db'
  for (const { code, err } of [await move(foreign, 'sqlite:x.db'), await move('sqlite:store.db', foreign)]) {
    t.equal(code, 1)
    t.match(err, /other\\nprogram\.db is the database of another program; correct the URL\n$/)
  }
  writeFileSync(join(cwd, 'text.db'), 'no database, but a text that is longer than its header would be')
  t.match(await move('sqlite:text.db', 'sqlite:x.db'), {
    code: 1,
    err: /not a SQLite database; check the URL/,
  })
  t.notOk(existsSync(join(cwd, 'x.db')))
  const odd = "it's 100% #1 [?]; ü.db"
  t.match(await move('sqlite:store.db', `sqlite:${odd}`), { code: 0 })
  t.ok(dump(join(cwd, odd)) === dump(path))
})

t.test('where the disk is full it ends, and continues once there is room', async (t) => {
  const to = join(cwd, 'full.db')
  // A file may have 256 kB.
  const line = 'ulimit -f 512; trap "" XFSZ; exec "$@"'
  const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))
  const args = ['-c', line, 'sh', process.execPath, main, 'migrate-store', `sqlite:${path}`, `sqlite:${to}`]
  const full = spawnSync('sh', args, { encoding: 'utf8', env: environment })
  t.match(full, {
    status: 1,
    stderr: /the store .*full\.db is unavailable.*run this again, and it continues/s,
  })
  t.match(await hookbridge(['migrate-store', `sqlite:${path}`, `sqlite:${to}`]), { code: 0 })
  t.ok(dump(to) === dump(path))
})
