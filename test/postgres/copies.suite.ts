/**
 * The commands of docs/postgresql.md, as they are written there: a backup of one moment, any moment, who has a lock, and what `backup` says
 * instead.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openStore } from '../../src/store/open.ts'
import { fenced, readPage, section } from '../docs/pages.ts'
import { entry, event, eventId, planned } from '../store/contract/sample.ts'
import { hookbridge } from '../support/hookbridge.ts'
import { openedStore } from '../support/opened-store.ts'
import { openDatabase, startPostgres } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const page = readPage('docs/postgresql.md')
const postgres = await startPostgres(t)

function commands(name: string): string {
  return fenced(section(page, name), 'sh').join('\n')
}

async function receive(url: string, ...numbers: readonly number[]): Promise<void> {
  const store = await openStore(url, 'service')
  for (const number of numbers) await store.append(entry(event(number), [planned()]))
  await store.close()
}

async function stored(url: string): Promise<readonly string[]> {
  const store = await openStore(url, 'operator')
  const { items } = await store.events({}, { limit: 100 })
  await store.close()
  return items.map(({ id }) => id).sort()
}

t.test('a backup of one moment, and back', async (t) => {
  const url = postgres.createDatabase()
  const running = await openStore(url, 'service')
  await running.append(entry(event(1), [planned()]))
  postgres.shell(commands('dump'), url)
  await running.append(entry(event(2), [planned()]))
  await running.close()
  // As a newer version does, from which one goes back.
  postgres.query('CREATE TABLE hookbridge.of_a_newer_version (id integer)', url)
  postgres.shell(commands('restore'), url)
  t.same(await stored(url), [eventId(1)])
  await receive(url, 3)
  t.same(await stored(url), [eventId(1), eventId(3)], 'numbers go on')
  const elsewhere = postgres.createDatabase()
  postgres.shell(commands('restore'), elsewhere)
  t.same(await stored(elsewhere), [eventId(1)])

  postgres.shell('truncate --size=-200 hookbridge.dump', url)
  t.throws(() => postgres.shell(commands('dump').split('\n')[1] ?? '', url), /failed: pg_restore: error/)
  t.throws(() => postgres.shell(commands('restore'), url), /failed: pg_restore: error/)
  t.same(await stored(url), [eventId(1), eventId(3)], 'the database stays as it was')
})

t.test('any moment', async (t) => {
  const url = postgres.createDatabase()
  const folder = postgres.shell('pwd', url).trim()
  const here = (name: string) => commands(name).replaceAll('/var/backups/postgresql', join(folder, 'backups'))
  const baseAs = (copy: string) => here('base').replace('$(date +%F)', copy)
  postgres.shell('mkdir backups', url)
  postgres.shell(here('archive'), url)
  await postgres.stop()
  await postgres.start()
  await receive(url, 1)
  for (const copy of ['2026-11-16', '2026-11-23', '2026-11-30']) postgres.shell(baseAs(copy), url)
  const archived = () => postgres.shell(`ls ${join(folder, 'backups/wal')} | grep -v backup`, url).split('\n')
  const before = archived()
  postgres.shell(here('shorten'), url)
  t.ok(archived().length < before.length, 'the archive is shorter')
  await receive(url, 2)
  const [moment = ''] = postgres.query('SELECT clock_timestamp()', url)
  await receive(url, 3)
  await postgres.stop()
  const recover = here('recover')
  t.match(recover, /recovery_target_time = '[\d: +-]+'/)
  postgres.shell(recover.replace(/(recovery_target_time = )'[^']+'/, `$1'${moment}'`), url)
  await postgres.start()
  await until(() => postgres.query('SELECT pg_is_in_recovery()', url)[0] === 'f', 'the end of the recovery')
  t.same(await stored(url), [eventId(1), eventId(2)])
  await receive(url, 4)
  t.same(await stored(url), [eventId(1), eventId(2), eventId(4)])
})

t.test('who has a lock', async (t) => {
  const url = postgres.createDatabase()
  const store = await openedStore(t, url)
  const database = openDatabase(t, `${url}?application_name=forgotten`)
  await database.write(async (forgotten) => {
    const [own] = await forgotten.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    await forgotten.run('LOCK TABLE events')
    const refused = t.rejects(store.append(entry(event(1), [planned()])), {
      name: 'StoreUnavailable',
      message: /a lock was waited for too long; find out who has it/,
    })
    const found = () => postgres.shell(commands('transactions'), url)
    await until(() => found().includes(`{${own?.pid}}`), 'one that waits for it')
    t.match(found(), new RegExp(`\\b${own?.pid} .* forgotten `))
    await refused
  })
})

t.test('backup and restore say what to use instead, without the password', async (t) => {
  const url = postgres.createDatabase()
  const cwd = t.testdir({ 'config.yaml': 'store: { url: "${URL}" }\n' })
  writeFileSync(join(cwd, 'copy.db'), '')
  const options = { cwd, env: { URL: url } }
  const backup = await hookbridge(['backup', 'copy.db', '--force'], options)
  t.match(backup, { code: 1, err: /PostgreSQL database.*pg_dump --format=custom --schema=hookbridge/ })
  const restore = await hookbridge(['restore', 'copy.db', '--force'], options)
  t.match(restore, {
    code: 1,
    err: /PostgreSQL database.*pg_restore and psql, while no instance runs \(docs\/postgresql\.md/,
  })
  t.notMatch(backup.err + restore.err, new URL(url).password)
})
