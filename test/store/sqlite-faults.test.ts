/** What the store does when the disk is full, another process is slow, or a change is wrong. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Database } from '../../src/store/sqlite/database.ts'
import { createSqliteStore } from '../../src/store/sqlite/store.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { Arrival, Store } from '../../src/store/store.ts'
import {
  aPlan,
  completeSent,
  deliverAll,
  deliveryId,
  entry,
  event,
  eventId,
  everything,
  identified,
  listed,
  planned,
  START,
} from './contract/sample.ts'

const unavailable = { name: 'StoreUnavailable' }

/** A store over a connection that the test can reach. */
async function reachable(
  t: Test,
  busyTimeout = 0,
): Promise<{ store: Store; database: Database; path: string }> {
  const path = join(t.testdir(), 'store.db')
  await (await openSqlite({ path, role: 'service' })).close()
  const database = new Database(path, busyTimeout)
  const store = createSqliteStore(database, () => {})
  t.teardown(() => store.close())
  return { store, database, path }
}

function large(number: number, size = 20_000): Arrival {
  return entry(event(number, { payload: { data: randomBytes(size / 2).toString('hex') } }), [planned()])
}

/** Appends until the disk is full, four at once. Returns the ids that were stored, and those that were not. */
async function fillUp(t: Test, store: Store, from: number): Promise<{ stored: string[]; refused: string[] }> {
  const stored: string[] = []
  const refused: string[] = []
  for (let number = from; refused.length === 0; number += 4) {
    if (number > from + 4_000) throw new Error('the disk does not fill')
    const numbers = [number, number + 1, number + 2, number + 3]
    const results = await Promise.allSettled(numbers.map((each) => store.append(large(each))))
    for (const [index, result] of results.entries()) {
      const id = eventId(number + index)
      if (result.status === 'fulfilled') stored.push(id)
      else refused.push(id)
      if (result.status === 'rejected')
        t.match(result.reason, { ...unavailable, message: 'the disk is full' })
    }
  }
  return { stored, refused }
}

async function storedIds(store: Store): Promise<string[]> {
  return (await listed((page) => store.events({}, page))).reverse()
}

t.test(
  'a full store rejects all of a batch, keeps the rest, and works again when there is room',
  async (t) => {
    const { store, database } = await reachable(t)
    database.execute('PRAGMA max_page_count = 90')
    const { stored, refused } = await fillUp(t, store, 1)
    t.equal(refused.length, 4, 'the whole batch')
    t.ok(stored.length > 4)
    t.same(await storedIds(store), stored)
    const payload = { data: randomBytes(60_000).toString('hex') }
    const firstOfType = entry(event(9_998, { type: 'report.ready', payload }), [planned()])
    await t.rejects(store.append(firstOfType), unavailable)
    database.execute('PRAGMA max_page_count = 1000000')
    t.match(await store.append(firstOfType), { kind: 'stored' })
    const ofType = await store.deliveries({ type: 'report.ready' }, { limit: 9 })
    t.equal(ofType.items.length, 1, 'a type that was rolled back is written again')
    t.same(await store.append(large(9_999)), { kind: 'stored', id: eventId(9_999) })
    t.same(
      await store.append(large(stored.length + 1)),
      { kind: 'stored', id: refused[0] },
      'the sender tries again',
    )
    t.equal((await deliverAll(store, START + 10_000)).length, stored.length + 3)
  },
)

t.test('the same on a disk that is really full', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'small-disk-'))
  t.teardown(() => rmdirSync(folder))
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=5m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    t.comment('no right to mount a small disk here; the test before this one stands alone')
    return
  }
  t.teardown(() => execFileSync('/bin/umount', [folder]))
  const ballast = join(folder, 'ballast')
  writeFileSync(ballast, Buffer.alloc(3_500_000))
  const store = await openSqlite({ path: join(folder, 'store.db'), role: 'service' })
  t.teardown(() => store.close())

  const { stored } = await fillUp(t, store, 1)
  t.same(await storedIds(store), stored)
  rmSync(ballast)
  t.same(await store.append(large(9_999)), { kind: 'stored', id: eventId(9_999) })
  t.equal((await deliverAll(store, START + 10_000)).length, stored.length + 1)
  await store.close()
  const again = await openSqlite({ path: join(folder, 'store.db'), role: 'service' })
  t.teardown(() => again.close())
  t.same(await storedIds(again), [...stored, eventId(9_999)])
})

t.test('while another process writes for too long, changes are refused and reading goes on', async (t) => {
  const { store, path } = await reachable(t, 20)
  const other = new Database(path, 0)
  t.teardown(() => other.close())
  other.execute('BEGIN IMMEDIATE')
  const message = 'another process holds it too long'
  const results = await Promise.allSettled([
    store.append(entry(event(1))),
    store.purge({ before: START, unresolvedBefore: 0, after: null, limit: 1 }),
    store.probe(),
  ])
  for (const result of results) t.match(result, { status: 'rejected', reason: { ...unavailable, message } })
  t.same(await storedIds(store), [])
  other.execute('ROLLBACK')
  t.same(await store.append(entry(event(1))), { kind: 'stored', id: eventId(1) })
})

t.test('all that was asked for in one turn is one transaction, seen after its commit', async (t) => {
  const { store, path } = await reachable(t)
  const observer = await openSqlite({ path, role: 'operator' })
  t.teardown(() => observer.close())
  let settled = 0
  const asked = Array.from({ length: 100 }, (_, number) => store.append(entry(event(number))))
  for (const each of asked) void each.then(() => (settled += 1))
  t.same(await storedIds(observer), [], 'nothing is there yet')
  t.equal(settled, 0, 'and nothing was promised')
  await Promise.race(asked)
  t.equal((await storedIds(observer)).length, 100)
})

t.test('a wrong change rejects alone, with its own error, and leaves nothing behind', async (t) => {
  const { store } = await reachable(t)
  await store.append(entry(event(1), [planned()]))
  await store.claim(everything(START + 1))
  const id = deliveryId(1, 1)
  const attempt = { deliveryId: id, number: 1, startedAt: START, durationMs: 1, notes: [] }
  const results = await Promise.allSettled([
    store.append(entry(event(2))),
    // A delivery that waits for a retry at no time would wait for ever: the schema does not take it.
    store.complete(
      { ...attempt, outcome: { kind: 'retry', reason: 'r' } },
      { state: 'retrying', dueAt: null, reason: 'r' },
      true,
    ),
    store.append(entry(event(3))),
    // Nor two deliveries of one id.
    store.append(entry(event(4), [planned()], { deliveries: identified(1, [planned()]) })),
  ])
  t.match(results, [
    { status: 'fulfilled', value: { kind: 'stored' } },
    { status: 'rejected', reason: { code: 'ERR_SQLITE_ERROR', message: 'CHECK constraint failed' } },
    { status: 'fulfilled', value: { kind: 'stored' } },
    { status: 'rejected', reason: { message: 'UNIQUE constraint failed: deliveries.id' } },
  ])
  t.same(await storedIds(store), [1, 2, 3].map(eventId))
  t.match(await store.delivery(id), { state: 'sending', attempts: 0, history: [] })
  t.equal(await completeSent(store, id, 1, START), true)
})

t.test('a claim that finds nothing writes nothing, and a probe does', async (t) => {
  const { store, path } = await reachable(t)
  const observer = new Database(path, 0)
  t.teardown(() => observer.close())
  const version = () => observer.pragma('data_version')
  await store.append(entry(event(1), [planned()]))
  await store.claim(everything(START))
  const before = version()
  await store.claim(everything(START))
  t.equal(version(), before)
  await store.probe()
  const probed = version()
  t.not(probed, before)
  await store.claim(everything(START + 1))
  t.not(version(), probed)
})

t.test('the log is copied into the file while the service runs, and does not grow for ever', async (t) => {
  const path = join(t.testdir(), 'store.db')
  const store = await openSqlite({ path, role: 'service' })
  t.teardown(() => store.close())
  for (let round = 0; round < 20; round += 1) {
    const numbers = Array.from({ length: 100 }, (_, index) => round * 100 + index)
    await Promise.all(numbers.map((number) => store.append(large(number, 16_000))))
  }
  t.ok(statSync(path).size > 16_000_000)
  t.ok(statSync(`${path}-wal`).size < 24_000_000)
})

t.test('service and operators change the same store at once', async (t) => {
  const path = join(t.testdir(), 'store.db')
  const service = await openSqlite({ path, role: 'service' })
  const operators = await Promise.all([1, 2].map(() => openSqlite({ path, role: 'operator' })))
  t.teardown(() => Promise.all([service, ...operators].map((store) => store.close())))
  await service.append(entry(event(0)))
  const replaying = operators.map(async (operator, which) => {
    for (let count = 0; count < 20; count += 1) {
      const plan = aPlan(START, identified(0, [planned()], which * 100 + count))
      await operator.addPlan(eventId(0), plan, ['nobody'])
    }
  })
  const appending = Array.from({ length: 50 }, (_, index) =>
    service.append(entry(event(index + 1), [planned()])),
  )
  await Promise.all([...replaying, ...appending])
  const delivered = await deliverAll(service, START + 100)
  t.equal(new Set(delivered).size, 90)
  t.equal((await service.event(eventId(0)))?.plans.length, 41)
})
