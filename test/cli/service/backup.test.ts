/** `hookbridge backup` and `restore`, beside a store in use; and what `doctor` finds in a damaged one. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  watch,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { giveToOwner } from '../../../src/store/backup.ts'
import { checkDamage } from '../../../src/store/damage.ts'
import { openSqlite } from '../../../src/store/sqlite.ts'
import type { Store } from '../../../src/store/store.ts'
import { entry, event, eventId, planned } from '../../store/contract/sample.ts'
import { whileClosed } from '../../support/closed.ts'
import { hookbridge } from '../../support/hookbridge.ts'
import { temporaryFolder } from '../../support/service.ts'
import { until } from '../../support/until.ts'

async function serving(t: { teardown(end: () => unknown): unknown }, path: string): Promise<Store> {
  const store = await openSqlite({ path, role: 'service' })
  t.teardown(() => store.close())
  return store
}

async function storedIds(store: Store): Promise<string[]> {
  return (await store.events({}, { limit: 100 })).items.map(({ id }) => id).reverse()
}

t.test('what killed backups have left is removed by the next one', async (t) => {
  const cwd = t.testdir({ 'config.yaml': 'store: { url: "sqlite:store.db" }\n' })
  await serving(t, join(cwd, 'store.db'))
  const ended = spawnSync(process.execPath, ['--version']).pid
  const yesterday = (Date.now() - 24 * 3_600_000) / 1000
  const left = (name: string, isOld = true) => {
    writeFileSync(join(cwd, name), 'a half')
    if (isOld) utimesSync(join(cwd, name), yesterday, yesterday)
  }
  left(`copy.db.${ended}.part`)
  left(`copy.db.${ended}.part-journal`)
  const kept = [`copy.db.${process.ppid}.part`, `other.db.${ended}.part`, `copy.db.${ended}.parts`]
  for (const name of kept) left(name)
  left(`copy.db.${ended}.part-wal`, false)
  kept.push(`copy.db.${ended}.part-wal`)
  t.match(await hookbridge(['backup', 'copy.db'], { cwd }), { code: 0 })
  t.same(
    readdirSync(cwd)
      .filter((name) => name.includes('.part'))
      .sort(),
    kept.sort(),
  )
})

t.test('neither follows a link in a folder that another user may write to', async (t) => {
  const cwd = t.testdir({ 'config.yaml': 'store: { url: "sqlite:stores/store.db" }\n', other: 'not theirs' })
  const store = await openSqlite({ path: join(cwd, 'stores/store.db'), role: 'service' })
  await store.close()
  const link = (...names: string[]) => {
    for (const name of names) symlinkSync(join(cwd, 'other'), join(cwd, name))
  }
  link(`copy.db.${process.pid}.part`)
  t.match(await hookbridge(['backup', 'copy.db'], { cwd }), { code: 0 })
  link(`stores/store.db.${process.pid}.part`, `stores/store.db.${process.pid}.part-wal`)
  await hookbridge(['restore', 'copy.db', '--force'], { cwd })
  t.equal(readFileSync(join(cwd, 'other'), 'utf8'), 'not theirs')
  for (const name of ['copy.db', 'stores/store.db']) {
    const found = lstatSync(join(cwd, name))
    t.ok(found.isFile(), `${name} is no link`)
    t.equal(found.mode & 0o777, 0o600)
  }
})

const forRoot = process.getuid?.() === 0 ? {} : { skip: 'needs root' }
t.test(
  'what root restores belongs to the owner of the folder, and what a link there leads to does not',
  forRoot,
  async (t) => {
    const [uid, gid] = [12_345, 12_345]
    const folder = t.testdir({ other: '', 'store.db': '', 'store.db.lock': t.fixture('symlink', 'other') })
    chownSync(folder, uid, gid)
    giveToOwner(join(folder, 'store.db'))
    t.match(statSync(join(folder, 'store.db')), { uid, gid })
    t.match(statSync(join(folder, 'other')), { uid: 0 })
  },
)

t.test('a backup of a running service, restored', async (t) => {
  const cwd = t.testdir({ 'config.yaml': 'store: { url: "sqlite:store.db" }\n' })
  const path = join(cwd, 'store.db')
  const store = await serving(t, path)
  await store.append(entry(event(1), [planned()]))
  const file = join(cwd, 'copy.db')
  t.match(await hookbridge(['backup', 'copy.db'], { cwd }), {
    code: 0,
    err: '',
    out: /^\S+copy\.db: 1 event, the newest of 2026-\S+, 1 waiting message, 0\.\d MB, checked\n$/,
  })
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.same(readdirSync(cwd).sort(), [
    'config.yaml',
    'copy.db',
    'store.db',
    'store.db-shm',
    'store.db-wal',
    'store.db.lock',
  ])
  await store.append(entry(event(2), [planned()]))

  t.match(await hookbridge(['backup', 'copy.db'], { cwd }), { code: 1, err: /copy\.db exists; .*--force/ })
  t.match(await hookbridge(['backup', 'store.db', '--force'], { cwd }), {
    code: 1,
    err: /is the store itself/,
  })
  t.match(await hookbridge(['restore', 'copy.db', '--force'], { cwd }), {
    code: 1,
    err: /another hookbridge service/,
  })
  await store.close()
  t.match(await hookbridge(['restore', 'copy.db'], { cwd }), {
    code: 1,
    err: /there is a store at .*--force/,
  })
  t.match(await hookbridge(['restore', 'none.db'], { cwd }), { code: 1, err: /there is no file .*none\.db/ })
  const renamed: (string | null)[] = []
  const watcher = watch(cwd, (kind, name) => void (kind === 'rename' && renamed.push(name)))
  t.teardown(() => watcher.close())
  const restored = await hookbridge(['restore', 'copy.db', '--force'], { cwd })
  writeFileSync(join(cwd, 'end'), '')
  await until(() => renamed.includes('end'), 'all changes to be seen')
  t.equal(
    renamed.filter((name) => name === 'store.db').length,
    1,
    'replaced in one step: a kill leaves one or the other',
  )
  t.match(restored, {
    code: 0,
    err: '',
    out: /^restored 1 event, .*\n.*store\.db\.before-\S+\n1 message will be sent/,
  })
  const next = await serving(t, path)
  t.same(await storedIds(next), [eventId(1)])
  await next.close()
  const [, aside = ''] = /is now (\S+)/.exec(restored.out) ?? []
  t.same(await storedIds(await serving(t, aside)), [eventId(1), eventId(2)], 'nothing was thrown away')
  t.match(await hookbridge(['backup', 'copy.db', '--force'], { cwd }), { code: 0, out: /: 1 event/ })
})

t.test('what cannot be written or read is said of the copy, and not of the store', async (t) => {
  const cwd = temporaryFolder(t)
  chmodSync(cwd, 0o777)
  writeFileSync(join(cwd, 'config.yaml'), 'store: { url: "sqlite:store.db" }\n')
  writeFileSync(join(cwd, 'file'), '')
  mkdirSync(join(cwd, 'folder'))
  const store = await serving(t, join(cwd, 'store.db'))
  await store.close()
  const names = readdirSync(cwd)
  const cases: readonly (readonly [args: string, says: RegExp])[] = [
    [
      'backup none/x.db',
      /the backup \S+x\.db cannot be written: there is no folder \S+none; make it, or name ano/,
    ],
    [
      'backup file/x.db',
      /the backup \S+x\.db cannot be written: a part of \S+file is a file, not a folder; name/,
    ],
    ['backup folder', /\/folder is a folder; name a file in it/],
    ['backup folder --force', /\/folder is a folder; name a file in it/],
    ['backup /dev/null --force', /\/dev\/null is not a regular file/],
    ['restore none.db', /there is no file \S+none\.db; correct the name of the copy/],
    ['restore file/x.db', /there is no file \S+x\.db/],
    ['restore folder', /\/folder is not a file; correct the name of the copy/],
    [
      'migrate-store sqlite:store.db sqlite:file/x.db',
      /x\.db cannot be made: a part of \S+file is a file.*the URL/,
    ],
    ['migrate-store sqlite:store.db sqlite:folder', /\/folder is unavailable: \S+folder is a folder/],
  ]
  for (const [args, says] of cases) {
    const { code, err } = await hookbridge(args.split(' '), { cwd })
    t.equal(code, 1, args)
    t.match(err, says, args)
    t.notMatch(err, /\bE[A-Z]+: |store\.url/, args)
    t.same(
      readdirSync(cwd).filter((name) => name !== 'folder.lock'),
      names,
      'nothing is left',
    )
  }
  for (const name of ['store.db', 'store.db.lock']) chmodSync(join(cwd, name), 0o666)
  copyFileSync(join(cwd, 'store.db'), join(cwd, 'folder/copy.db'))
  for (const [args, says] of [
    ['backup folder/x.db', /the backup \S+x\.db cannot be written: this user .* may not use \S+folder/],
    [
      'restore folder/copy.db',
      /the backup \S+copy\.db cannot be read: this user .* may not read \S+copy\.db/,
    ],
  ] as const) {
    const closed = () => hookbridge(args.split(' '), { cwd })
    t.match(await whileClosed(join(cwd, 'folder'), closed), { code: 1, err: says })
  }
})

t.test('a backup is whole and one moment, however much is written meanwhile', async (t) => {
  const cwd = t.testdir({ 'config.yaml': 'store: { url: "sqlite:store.db" }\n' })
  const store = await serving(t, join(cwd, 'store.db'))
  const fill = (from: number) =>
    Promise.all(Array.from({ length: 200 }, (_, n) => store.append(entry(event(from + n), [planned()]))))
  await fill(1)
  let ended = false
  const backup = hookbridge(['backup', 'copy.db'], { cwd }).finally(() => {
    ended = true
  })
  let count = 200
  while (!ended) {
    await fill(count + 1)
    count += 200
  }
  t.match(await backup, { code: 0, out: /: \d+ events/ })
  const copy = await serving(t, join(cwd, 'copy.db'))
  const { items } = await copy.events({}, { limit: 1_000_000 })
  t.ok(items.length >= 200 && items.length % 200 === 0, 'whole transactions')
  t.ok(
    items.every(({ counts }) => counts.pending === 1),
    'and each event with what it sends',
  )
})

t.test('a copy without its log is restored when that is said, and a damaged one never', async (t) => {
  const cwd = t.testdir({ 'config.yaml': 'store: { url: "sqlite:store.db" }\n' })
  const path = join(cwd, 'store.db')
  const store = await serving(t, path)
  await store.append(entry(event(1), [planned()]))
  copyFileSync(path, join(cwd, 'alone.db'))
  await store.close()
  const before = readFileSync(path)
  t.match(await hookbridge(['restore', 'alone.db', '--force'], { cwd }), {
    code: 1,
    err: /alone\.db is incomplete/,
  })
  damage(join(cwd, 'alone.db'), join(cwd, 'damaged.db'))
  const damaged = await hookbridge(['restore', 'damaged.db', '--force', '--incomplete'], { cwd })
  t.match(damaged, { code: 1, err: /damaged/ })
  t.same(readFileSync(path), before, 'the store is as it was')
  const options = ['--force', '--incomplete']
  t.match(await hookbridge(['restore', 'alone.db', ...options], { cwd }), {
    code: 0,
    out: /^restored 0 events/,
  })
  t.same(await storedIds(await serving(t, path)), [])
  copyFileSync(path, join(cwd, 'here.db'))
  writeFileSync(join(cwd, 'config.yaml'), 'store: { url: "sqlite:here.db" }\n')
  t.match(await hookbridge(['restore', 'here.db', '--incomplete'], { cwd }), { code: 0 }, 'also in its place')
})

/** Overwrites every page but the first. */
function damage(from: string, to: string): void {
  copyFileSync(from, to)
  const file = openSync(to, 'r+')
  for (let at = 4_096; at < statSync(to).size; at += 4_096) writeSync(file, Buffer.alloc(200, 7), 0, 200, at)
}

t.test('doctor finds damage, in a time that is bounded', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'store.db')
  const store = await serving(t, path)
  await store.append(entry(event(1), [planned()]))
  t.match(await checkDamage(path, 60_000), { code: 'store_intact', level: 'fine' })
  const held = new DatabaseSync(join(folder, 'held.db'))
  t.teardown(() => held.close())
  held.exec('CREATE TABLE anything (id); BEGIN EXCLUSIVE')
  t.match(
    await checkDamage(join(folder, 'held.db'), 1),
    { code: 'store_check_unfinished', level: 'unknown', hint: /--timeout/ },
    'it waits for whoever changes the file',
  )
  await store.close()
  damage(path, join(folder, 'damaged.db'))
  t.match(await checkDamage(join(folder, 'damaged.db'), 60_000), {
    code: 'store_damaged',
    level: 'wrong',
    hint: /hookbridge restore/,
  })
})
