import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { Database } from '../../src/store/sqlite/database.ts'
import { COUNT_OF_PLACE, FIRST_DUE } from '../../src/store/sqlite/history/places.ts'
import { OLDEST_OF_KIND } from '../../src/store/sqlite/purge.ts'
import { FIRST_OF_RATE } from '../../src/store/sqlite/queue/claim.ts'
import { MORE_DUE } from '../../src/store/sqlite/queue/open-rates.ts'
import { openSqlite, type SqliteOptions } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import {
  completeRetry,
  deliveryId,
  entry,
  event,
  everything,
  listed,
  planned,
  START,
} from './contract/sample.ts'
import { storeContract } from './contract.ts'

const serviceProcess = fileURLToPath(new URL('service-process.ts', import.meta.url))

async function opened(t: Test, path: string, role: SqliteOptions['role']): Promise<Store> {
  const store = await openSqlite({ path, role })
  t.teardown(() => store.close())
  return store
}

/** Starts a process that holds the store, and gives the lines it prints. */
function startProcess(t: Test, ...args: readonly string[]) {
  const child = spawn(process.execPath, [serviceProcess, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  const reader = createInterface(child.stdout).on('line', (line) => lines.push(line))
  const kill = async () => {
    const closed = once(reader, 'close')
    if (child.kill('SIGKILL')) await closed
  }
  t.teardown(kill)
  const printed = async (count: number) => {
    while (lines.length < count) await once(reader, 'line', { signal: AbortSignal.timeout(20_000) })
  }
  return { pid: child.pid, lines, kill, printed }
}

t.test('the contract', async (t) => {
  storeContract(t, (t) => {
    const path = join(t.testdir(), 'store.db')
    return { service: () => opened(t, path, 'service'), operator: () => opened(t, path, 'operator') }
  })
})

t.test('a second service on the same file is refused, until the first one is gone', async (t) => {
  const path = join(t.testdir(), 'store.db')
  const first = await opened(t, path, 'service')
  const inUse = { name: 'StoreRefused', reason: 'in_use' }
  const message = new RegExp(
    `another hookbridge service \\(process ${process.pid}, since 20.*is using ${path}; stop it`,
  )
  for (const _ of [1, 2]) await t.rejects(opened(t, path, 'service'), { ...inUse, message })
  await first.append(entry(event(1)))
  await first.close()
  const second = await opened(t, path, 'service')
  t.equal((await second.events({}, { limit: 10 })).items.length, 1)
})

t.test('kill -9 frees the store, and what it was sending comes back as interrupted', async (t) => {
  const path = join(t.testdir(), 'store.db')
  const before = await opened(t, path, 'service')
  await before.append(entry(event(1), [planned()]))
  await before.close()

  const holder = startProcess(t, path)
  await holder.printed(1)
  await t.rejects(opened(t, path, 'service'), { reason: 'in_use', message: `process ${holder.pid}` })
  const operator = await opened(t, path, 'operator')
  const { items } = await operator.deliveries({}, { limit: 10 })
  t.match(items, [{ state: 'sending' }], 'others may look meanwhile')
  await holder.kill()

  const store = await opened(t, path, 'service')
  const { leased } = await store.claim(everything(START + 1_001))
  t.match(leased, [{ interruptedAt: START + 1_000, delivery: { id: deliveryId(1, 1), attempts: 0 } }])
})

t.test('kill -9 loses nothing that was acknowledged', async (t) => {
  const path = join(t.testdir(), 'store.db')
  const appender = startProcess(t, path, 'append')
  await appender.printed(300)
  await appender.kill()
  const store = await opened(t, path, 'service')
  const { items } = await store.events({}, { limit: 1_000_000 })
  const stored = new Map(items.map(({ id, counts }) => [id, counts.pending]))
  t.ok(appender.lines.length >= 300)
  t.same(
    appender.lines.filter((id) => stored.get(id) !== 2),
    [],
  )
  t.same(
    [...stored].filter(([, deliveries]) => deliveries !== 2),
    [],
    'no event without what it sends',
  )
})

t.test('the file and its folder are for their owner alone', async (t) => {
  const folder = join(t.testdir(), 'made', 'here')
  const path = join(folder, 'store.db')
  const store = await opened(t, path, 'service')
  await store.append(entry(event(1)))
  const modes = [folder, dirname(folder), ...readdirSync(folder).map((name) => join(folder, name))].map(
    (each) => [each.slice(dirname(dirname(folder)).length + 1), (statSync(each).mode & 0o777).toString(8)],
  )
  t.same(Object.fromEntries(modes), {
    made: '700',
    'made/here': '700',
    'made/here/store.db': '600',
    'made/here/store.db-shm': '600',
    'made/here/store.db-wal': '600',
    'made/here/store.db.lock': '600',
  })
})

t.test('a store of a newer program is refused, by everyone', async (t) => {
  const path = join(t.testdir(), 'store.db')
  await (await opened(t, path, 'service')).close()
  const database = new Database(path, 0)
  const known = Number(database.pragma('user_version'))
  database.execute('PRAGMA user_version = 999')
  database.close()
  const message = `${path} has schema 999, but this version of Hookbridge supports schemas up to ${known}; upgrade hookbridge, or restore a backup that this version made`
  for (const role of ['service', 'operator'] as const) {
    await t.rejects(opened(t, path, role), { name: 'StoreRefused', reason: 'newer_schema', message })
  }
})

for (const damaged of ['{', 'null', '{}']) {
  t.test(`an attempt that is damaged parks its delivery, and keeps no other out: ${damaged}`, async (t) => {
    const path = join(t.testdir(), 'store.db')
    const store = await opened(t, path, 'service')
    await store.append(entry(event(1), [planned()]))
    await store.claim(everything(START + 1))
    await completeRetry(store, deliveryId(1, 1), 1, START + 1, START + 1)
    await store.append(entry(event(2), [planned({ target: '#other' })]))
    const database = new Database(path, 0)
    t.teardown(() => database.close())
    database.prepare('UPDATE attempts SET outcome = ?').run(damaged)
    const { leased } = await store.claim(everything(START + 2))
    t.same(
      leased.map(({ delivery }) => delivery.id),
      [deliveryId(2, 1)],
    )
    t.match(await store.delivery(deliveryId(1, 1)), {
      state: 'parked',
      reason: /cannot be read/,
      history: [{ outcome: { kind: 'ambiguous', reason: /cannot be read/ } }],
    })
  })
}

t.test('counting the backlog, and claiming, read their index alone', async (t) => {
  const path = join(t.testdir(), 'store.db')
  await (await opened(t, path, 'service')).close()
  const database = new Database(path, 0)
  t.teardown(() => database.close())
  const plan = (sql: string) =>
    database
      .prepare<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => detail)
  t.match(plan(COUNT_OF_PLACE), [
    'SEARCH deliveries USING COVERING INDEX deliveries_place (destination=? AND receiver=? AND state=?)',
  ])
  for (const first of [plan(FIRST_OF_RATE), plan(MORE_DUE), plan(FIRST_DUE)]) {
    t.equal(first.length, 1, 'without sorting')
    t.match(first[0], /^SEARCH deliveries USING COVERING INDEX deliveries_due \(rate=\?/)
  }
  t.match(
    plan(OLDEST_OF_KIND),
    [/^SEARCH events USING COVERING INDEX events_kind \(source=\? AND type=\?/],
    'also to remove',
  )
})

t.test('each commit that changed something is reported', async (t) => {
  const commits: (readonly [number, number])[] = []
  const store = await opened(t, join(t.testdir(), 'store.db'), 'service')
  store.onCommit((changes, durationMs) => commits.push([changes, durationMs]))
  await Promise.all([1, 2, 3].map((number) => store.append(entry(event(number)))))
  await store.claim(everything(START))
  await store.append(entry(event(4)))
  t.same(
    commits.map(([changes]) => changes),
    [3, 1],
    'one commit for three, none for a claim in vain',
  )
  t.ok(commits.every(([, durationMs]) => durationMs > 0 && durationMs < 60_000))
})

t.test(
  'a commit takes in what the next turns of the event loop bring, and is not put off by them for ever',
  async (t) => {
    const store = await opened(t, join(t.testdir(), 'store.db'), 'service')
    const commits: number[] = []
    store.onCommit((changes) => commits.push(changes))
    const asked: Promise<unknown>[] = []
    await new Promise<void>((resolve) => {
      const askFor = (number: number) => {
        asked.push(store.append(entry(event(number))))
        if (number < 30) setImmediate(askFor, number + 1)
        else resolve()
      }
      askFor(1)
    })
    t.ok(commits.length >= 5, `${commits.length} commits while one was asked for in each turn`)
    t.ok(Math.max(...commits) >= 2, 'they take several')
    await Promise.all(asked)
    t.equal(
      commits.reduce((sum, changes) => sum + changes, 0),
      30,
    )
  },
)

t.test('an operator makes and changes no file', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'store.db')
  await t.rejects(opened(t, path, 'operator'), { reason: 'missing', message: `there is no store at ${path}` })
  t.same(readdirSync(folder), [])
  writeFileSync(path, '')
  await t.rejects(opened(t, path, 'operator'), { reason: 'older_schema', message: 'restart the service' })
  t.equal(statSync(path).size, 0)
})

t.test('what cannot be opened says why', async (t) => {
  const folder = t.testdir({ file: 'x', 'notes.txt': 'no database '.repeat(1_000) })
  const unavailable = { name: 'StoreUnavailable' }
  await t.rejects(opened(t, join(folder, 'file', 'store.db'), 'service'), { ...unavailable, message: 'file' })
  await t.rejects(opened(t, join(folder, 'notes.txt'), 'service'), {
    ...unavailable,
    message: 'check store.url',
  })
  await t.rejects(opened(t, join(folder, 'notes.txt'), 'operator'), {
    ...unavailable,
    message: 'check store.url',
  })
  if (process.platform === 'linux')
    await t.rejects(opened(t, '/proc/hookbridge/store.db', 'service'), {
      ...unavailable,
      message: 'cannot be made: no folder can be made in /proc; correct store.url',
    })
  mkdirSync(join(folder, 'store.db'))
  for (const role of ['service', 'operator'] as const)
    await t.rejects(opened(t, join(folder, 'store.db'), role), {
      ...unavailable,
      message: 'store.db is a folder; correct store.url',
    })
  mkdirSync(join(folder, 'fresh'))
  t.ok(await opened(t, join(folder, 'fresh', 'store.db'), 'service'), 'and nothing is left locked')
})

t.test('a store in memory works, and is alone', async (t) => {
  const one = await opened(t, ':memory:', 'service')
  const two = await opened(t, ':memory:', 'service')
  await one.append(entry(event(1), [planned()]))
  t.equal((await one.claim(everything(START + 1))).leased.length, 1)
  t.same(await listed((page) => two.events({}, page)), [])
})
