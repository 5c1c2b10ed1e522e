/** The store's files are deleted, moved, replaced and copied, while a service uses them and while none does. */
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { Database } from '../../src/store/sqlite/database.ts'
import { Checkpoints } from '../../src/store/sqlite/file/checkpoints.ts'
import { mark } from '../../src/store/sqlite/file/log-marker.ts'
import { StoreFiles } from '../../src/store/sqlite/file/store-files.ts'
import { createSqliteStore } from '../../src/store/sqlite/store.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { type Store, StoreUnavailable } from '../../src/store/store.ts'
import {
  completeSent,
  deliveryId,
  entry,
  event,
  eventId,
  everything,
  listed,
  planned,
  START,
} from './contract/sample.ts'

const NOW = START + 1_000

async function opened(t: Test, path: string): Promise<Store> {
  const store = await openSqlite({ path, role: 'service' })
  t.teardown(() => store.close())
  return store
}

async function storedIds(store: Store): Promise<string[]> {
  return (await listed((page) => store.events({}, page))).reverse()
}

/** A store with one event, that was stopped. */
async function anotherStore(t: Test, path: string, number: number): Promise<void> {
  const store = await opened(t, path)
  await store.append(entry(event(number)))
  await store.close()
}

interface Case {
  readonly what: string
  /** Done to the files while the service runs. */
  readonly act: (path: string, other: string) => void
  readonly says: RegExp
  /** Whether messages of accepted events still go out. */
  readonly delivers: boolean
  /** Done after that, before the restart. */
  readonly repair?: (path: string) => void
  /** The events that the next start finds; event 1 was accepted before, event 9 is in the other file. */
  readonly found: readonly number[]
}

const away = (path: string) => `${path}.away`
const cases: readonly Case[] = [
  { what: 'the file is deleted', act: (path) => rmSync(path), says: /is gone/, delivers: true, found: [] },
  {
    what: 'all its files are deleted',
    act: (path) => {
      for (const end of ['', '-wal', '-shm', '.lock']) rmSync(path + end)
    },
    says: /is gone/,
    delivers: true,
    found: [],
  },
  {
    what: 'it is renamed, and put back',
    act: (path) => renameSync(path, away(path)),
    says: /is gone.*put it back and restart/,
    delivers: true,
    repair: (path) => renameSync(away(path), path),
    found: [1],
  },
  {
    what: 'its folder is renamed, and put back',
    act: (path) => renameSync(join(path, '..'), join(path, '../../elsewhere')),
    says: /is gone/,
    delivers: true,
    repair: (path) => renameSync(join(path, '../../elsewhere'), join(path, '..')),
    found: [1],
  },
  {
    what: 'another file is moved over it',
    act: (path, other) => renameSync(other, path),
    says: /it was replaced.*uses the file that is there now/,
    delivers: true,
    found: [9],
  },
  {
    what: 'another file is copied over it',
    act: (path, other) => copyFileSync(other, path),
    says: /was overwritten/,
    delivers: false,
    found: [9],
  },
  {
    what: 'it is emptied',
    act: (path) => truncateSync(path),
    says: /was overwritten/,
    delivers: false,
    found: [],
  },
  {
    what: 'its log is deleted',
    act: (path) => unlinkSync(`${path}-wal`),
    says: /-wal was deleted/,
    delivers: false,
    found: [1],
  },
  {
    what: "its log's index is deleted",
    act: (path) => unlinkSync(`${path}-shm`),
    says: /-shm was deleted/,
    delivers: false,
    found: [1],
  },
  {
    what: 'log and index are deleted',
    act: (path) => {
      for (const end of ['-wal', '-shm']) unlinkSync(path + end)
    },
    says: /-wal was deleted/,
    delivers: false,
    found: [1],
  },
]

for (const { what, act, says, delivers, repair, found } of cases) {
  t.test(`${what} while the service runs: nothing more is accepted, and a restart helps`, async (t) => {
    const folder = t.testdir({ data: {} })
    const path = join(folder, 'data', 'store.db')
    const other = join(folder, 'other.db')
    await anotherStore(t, other, 9)
    const store = await opened(t, path)
    const losses: string[] = []
    store.onLoss((message) => losses.push(message))
    await store.append(entry(event(1), [planned()]))
    t.equal(store.loss(), null)

    act(path, other)
    const reason = { name: 'StoreUnavailable', message: says }
    for (const number of [2, 3]) await t.rejects(store.append(entry(event(number), [planned()])), reason)
    t.match(store.loss(), says)
    t.same(losses, [store.loss()], 'reported once')
    if (delivers) {
      const { leased } = await store.claim(everything(NOW))
      t.same(
        leased.map(({ event }) => event.id),
        [eventId(1)],
        'what was accepted before still goes out, and no more than that',
      )
      t.ok(await completeSent(store, deliveryId(1, 1), 1, NOW))
    } else await t.rejects(store.claim(everything(NOW)), reason)
    await store.close()

    repair?.(path)
    const next = await opened(t, path)
    t.same(await storedIds(next), found.map(eventId))
    if (repair !== undefined)
      t.same(await next.delivery(deliveryId(1, 1)).then((one) => one?.state), 'delivered')
    t.match(await next.append(entry(event(2))), { kind: 'stored' })
    t.equal(next.loss(), null)
  })
}

t.test('what was committed in the moment in which the file went is not acknowledged', async (t) => {
  const path = join(t.testdir(), 'store.db')
  const store = await opened(t, path)
  store.onCommit(() => rmSync(path))
  await t.rejects(store.append(entry(event(1))), { name: 'StoreUnavailable', message: 'is gone' })
})

// TRUNCATE is what litestream does.
for (const sql of [
  ...['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'].map((mode) => `PRAGMA wal_checkpoint(${mode})`),
  'VACUUM; PRAGMA optimize',
]) {
  t.test(`SQLite's own shell may write to the store, and use ${sql}`, async (t) => {
    const path = join(t.testdir(), 'store.db')
    const store = await opened(t, path)
    await store.append(entry(event(1)))
    const shell = new DatabaseSync(path)
    shell.exec(`UPDATE events SET subject = 'x'; ${sql}`)
    shell.close()
    t.match(await store.append(entry(event(2))), { kind: 'stored' })
    t.match(await store.append(entry(event(3))), { kind: 'stored' })
    await store.close()
    t.equal((await storedIds(await opened(t, path))).length, 3)
  })
}

t.test('a log that was emptied while the service runs is missing at the next start', async (t) => {
  const path = join(t.testdir(), 'store.db')
  const store = await opened(t, path)
  await store.append(entry(event(1)))
  truncateSync(`${path}-wal`)
  await t.rejects(store.append(entry(event(2))), { name: 'StoreUnavailable', message: /-wal was emptied/ })
  await store.close()
  await t.rejects(openSqlite({ path, role: 'service' }), { name: 'StoreRefused', reason: 'incomplete' })
})

t.test(
  'a file that cannot be looked into, for too many are open, is not taken for another one',
  async (t) => {
    const path = join(t.testdir(), 'store.db')
    const script = `
    import { closeSync, openSync, utimesSync } from 'node:fs'
    import { openSqlite } from '${new URL('../../src/store/sqlite.ts', import.meta.url)}'
    import { entry, event } from '${new URL('./contract/sample.ts', import.meta.url)}'
    const [path] = process.argv.slice(1)
    const store = await openSqlite({ path, role: 'service' })
    await store.append(entry(event(1)))
    const files = []
    try {
      for (;;) files.push(openSync('/dev/null'))
    } catch (error) {
      console.log(error.code)
    }
    utimesSync(path, new Date(0), new Date(0))
    await store.append(entry(event(2)))
    for (const file of files) closeSync(file)
    await store.append(entry(event(3)))
    await store.close()`
    const run = [
      '-c',
      'ulimit -n 100; exec "$@"',
      'sh',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
      path,
    ]
    t.equal(execFileSync('/bin/sh', run, { encoding: 'utf8' }), 'EMFILE\n')
    t.equal((await storedIds(await opened(t, path))).length, 3)
  },
)

t.test('a disk that fails while the log is copied: after a stop the file opens', async (t) => {
  const path = join(t.testdir(), 'store.db')
  await anotherStore(t, path, 1)
  // The checkpoint at the start takes two writes, the event one, and of the next checkpoint the second fails.
  const FAILS_AT = 5
  class Failing extends Database {
    writes = 0
    override write<T>(work: () => T): T {
      this.writes += 1
      if (this.writes === FAILS_AT) throw new StoreUnavailable('the disk is full')
      return super.write(work)
    }
  }
  const database = new Failing(path, 0)
  database.execute(`PRAGMA wal_autocheckpoint = 0; CREATE TABLE ballast (bytes BLOB)`)
  const checkpoints = new Checkpoints(database, () => {})
  const files = new StoreFiles(path, path)
  files.watch(checkpoints)
  const store = createSqliteStore(database, () => {}, { files, checkpoints })
  database.execute(
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4100)
     INSERT INTO ballast SELECT zeroblob(4000) FROM n`,
  )
  await store.append(entry(event(2)))
  t.equal(database.writes, FAILS_AT)
  await store.close()
  t.same(await storedIds(await opened(t, path)), [eventId(1), eventId(2)])
})

function mounted(t: Test, folder: string, options = 'size=8m'): boolean {
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'ignore' })
    t.teardown(() => {
      try {
        execFileSync('/bin/umount', ['-l', folder], { stdio: 'ignore' })
      } catch {
        // It is unmounted already.
      }
    })
    return true
  } catch {
    t.comment('no right to mount here')
    return false
  }
}

t.test('its volume is unmounted, swapped, mounted again and remounted read-only', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'volume-'))
  t.teardown(() => rmdirSync(folder))
  if (!mounted(t, folder)) return
  const path = join(folder, 'store.db')
  await anotherStore(t, path, 8)
  const store = await opened(t, path)
  await store.append(entry(event(1)))
  execFileSync('/bin/umount', ['-l', folder])
  await t.rejects(store.append(entry(event(2))), { message: /its volume was unmounted/ })
  if (!mounted(t, folder)) return
  // Made in the same order, so that its files have the same numbers there.
  await anotherStore(t, path, 9)
  copyFileSync(path, `${path}-wal`)
  await t.rejects(store.append(entry(event(2))), { message: /another volume is mounted/ })
  t.match((await store.event(eventId(1)))?.id, eventId(1), 'what was accepted is there, as long as it runs')
  await store.close()
  t.ok(existsSync(`${path}-wal`), 'what belongs to the other volume is left alone')
  rmSync(`${path}-wal`)
  const next = await opened(t, path)
  t.same(await storedIds(next), [eventId(9)])
  await next.close()
  execFileSync('/bin/mount', ['-o', 'remount,ro', folder])
  await t.rejects(openSqlite({ path, role: 'service' }), {
    name: 'StoreUnavailable',
    message: /mounted read-only/,
  })
})

t.test('a store is the same one under all its names', async (t) => {
  const folder = t.testdir({ data: {}, links: {} })
  const path = join(folder, 'data', 'store.db')
  const links = join(folder, 'links')
  symlinkSync(path, join(links, 'dangling.db'))
  const first = await opened(t, join(links, 'dangling.db'))
  await first.append(entry(event(1)))
  t.same(readdirSync(links), ['dangling.db'], 'log and lock are where the file is')
  symlinkSync(path, join(links, 'file.db'))
  symlinkSync('../data', join(links, 'folder'))
  linkSync(path, join(folder, 'hard.db'))
  const names: readonly (readonly [string, string])[] = [
    [path, 'in_use'],
    [join(links, 'file.db'), 'in_use'],
    [join(links, 'folder', 'store.db'), 'in_use'],
    [`${folder}/links/../data/./store.db`, 'in_use'],
    [join(folder, 'hard.db'), 'incomplete'],
  ]
  for (const [name, reason] of names)
    await t.rejects(openSqlite({ path: name, role: 'service' }), { name: 'StoreRefused', reason }, name)
  await first.close()
  t.same(await storedIds(await opened(t, join(links, 'folder', 'store.db'))), [eventId(1)])
})

t.test('a copy of the file without its log is found out, and no other copy is', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'store.db')
  const store = await opened(t, path)
  await store.append(entry(event(1)))
  const source = new DatabaseSync(path, { readOnly: true })
  const copies: Readonly<Record<string, (to: string) => unknown>> = {
    alone: (to) => copyFileSync(path, to),
    both: (to) => ['', '-wal'].map((end) => copyFileSync(path + end, to + end)),
    'by SQLite': (to) => backup(source, to),
    'into a new file': (to) => source.exec(`VACUUM INTO '${to}'`),
  }
  for (const [name, copy] of Object.entries(copies)) {
    const to = join(folder, `${name}.db`)
    await copy(to)
    for (const role of ['operator', 'service'] as const) {
      const opening = openSqlite({ path: to, role })
      if (name === 'alone') {
        const message =
          /alone\.db-wal, which contains the last changes, is missing.*hookbridge restore --incomplete/
        await t.rejects(opening, { name: 'StoreRefused', reason: 'incomplete', message })
      } else {
        const opened = await opening
        t.same(await storedIds(opened), [eventId(1)], `${name}, ${role}`)
        await opened.close()
      }
    }
  }
  source.close()
  await store.close()
  copyFileSync(path, join(folder, 'stopped.db'))
  t.same(
    await storedIds(await opened(t, join(folder, 'stopped.db'))),
    [eventId(1)],
    'after a stop it is whole',
  )
})

t.test('a log beside a file that it does not belong to is found out', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'store.db')
  await anotherStore(t, path, 1)
  copyFileSync(path, join(folder, 'monday.db'))
  const running = await opened(t, path)
  await running.append(entry(event(2)))
  const crashed = join(folder, 'crashed.db')
  for (const end of ['', '-wal']) copyFileSync(path + end, crashed + end)
  await running.close()
  copyFileSync(join(folder, 'monday.db'), crashed)
  for (const role of ['operator', 'service'] as const)
    await t.rejects(openSqlite({ path: crashed, role }), {
      name: 'StoreRefused',
      reason: 'incomplete',
      message: 'is the write-ahead log of another file',
    })
  renameSync(`${crashed}-wal`, `${crashed}-wal.old`)
  t.same(await storedIds(await opened(t, crashed)), [eventId(1)], 'as the message says')
})

t.test('a crash at any moment of copying the log leaves a store that opens', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'store.db')
  const store = await opened(t, path)
  await store.append(entry(event(1)))
  const database = new Database(path, 0)
  t.teardown(() => database.close())
  const moments: Readonly<Record<string, () => void>> = {
    marked: () => database.write(() => mark(database, { round: 77, inLog: true })),
    copied: () => void database.checkpoint('PASSIVE'),
    'log begun anew': () => database.write(() => mark(database, { round: 77, inLog: false })),
  }
  for (const [moment, reach] of Object.entries(moments)) {
    reach()
    const crashed = join(folder, `${moment}.db`)
    for (const end of ['', '-wal']) copyFileSync(path + end, crashed + end)
    const operator = await openSqlite({ path: crashed, role: 'operator' })
    await operator.close()
    t.same(await storedIds(await opened(t, crashed)), [eventId(1)], moment)
  }
})

t.test('a disk that is full, or has no inodes left, at the start', async (t) => {
  const disks: readonly (readonly [string, (folder: string) => void, RegExp])[] = [
    [
      'size=64k',
      (folder) => fill(join(folder, 'ballast')),
      /the disk.* is full; make room|the disk is full; make room/,
    ],
    [
      'size=1m,nr_inodes=2',
      (folder) => writeFileSync(join(folder, 'one'), ''),
      /no inodes left; delete files/,
    ],
  ]
  for (const [options, use, says] of disks) {
    const folder = mkdtempSync(join(tmpdir(), 'volume-'))
    t.teardown(() => rmdirSync(folder))
    if (!mounted(t, folder, options)) return
    use(folder)
    const opening = openSqlite({ path: join(folder, 'store.db'), role: 'service' })
    await t.rejects(opening, { name: 'StoreUnavailable', message: says }, options)
  }
})

function fill(path: string): void {
  try {
    writeFileSync(path, Buffer.alloc(10_000_000))
  } catch {
    // It is full.
  }
}

t.test('the database of another program is left alone', async (t) => {
  const path = join(t.testdir(), 'other.db')
  const theirs = new DatabaseSync(path)
  theirs.exec('CREATE TABLE users (id INTEGER); PRAGMA user_version = 2')
  theirs.close()
  for (const role of ['operator', 'service'] as const)
    await t.rejects(openSqlite({ path, role }), {
      name: 'StoreRefused',
      reason: 'foreign',
      message: 'store.url',
    })
  const after = new DatabaseSync(path)
  t.same(after.prepare('PRAGMA journal_mode').get(), { journal_mode: 'delete' })
  after.close()
})
