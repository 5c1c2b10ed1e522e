/** What a claim costs, counted in statements: no more because of what cannot be sent now. */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Database, type Row, type Statement, type Value } from '../../src/store/sqlite/database.ts'
import { createSqliteStore } from '../../src/store/sqlite/store.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { ClaimRequest, Leased, Store } from '../../src/store/store.ts'
import {
  aPlan,
  completeRetry,
  completeSent,
  entry,
  event,
  everything,
  identified,
  limited,
  planned,
  START,
} from './contract/sample.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const NOW = START + 60 * MINUTE
const FEW = 20
const MANY = 300

/** Counts what its statements are asked for. */
class CountingDatabase extends Database {
  calls = 0

  override prepare<R extends Row = Row>(sql: string): Statement<R> {
    const statement = super.prepare<R>(sql)
    const counted =
      <T>(ask: (...values: readonly Value[]) => T) =>
      (...values: readonly Value[]): T => {
        this.calls += 1
        return ask(...values)
      }
    return {
      get: counted((...values) => statement.get(...values)),
      all: counted((...values) => statement.all(...values)),
      run: counted((...values) => statement.run(...values)),
    }
  }
}

interface Counted {
  readonly store: Store
  readonly calls: () => number
}

async function opened(t: Test): Promise<Counted> {
  const path = join(t.testdir(), 'store.db')
  await (await openSqlite({ path, role: 'service' })).close()
  const database = new CountingDatabase(path, 0)
  const store = createSqliteStore(database, () => {})
  t.teardown(() => store.close())
  return { store, calls: () => database.calls }
}

function targets({ leased }: { readonly leased: readonly Leased[] }): readonly string[] {
  return leased.map(({ delivery }) => delivery.destination.target)
}

/** A store in which a message waits for each of so many destinations, which have failed so often that they are probed. */
async function withBroken(t: Test, count: number): Promise<Counted> {
  const counted = await opened(t)
  const { store } = counted
  const deliveries = Array.from({ length: count }, (_, n) => planned({ target: `#broken-${n}` }))
  await store.append(entry(event(1), deliveries))
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    const { leased } = await store.claim(everything(NOW))
    await Promise.all(
      leased.map(({ delivery }) => completeRetry(store, delivery.id, attempt, NOW, NOW, true)),
    )
  }
  return counted
}

/** The statements that it takes to store, claim and complete one delivery. */
async function costOfOne({ store, calls }: Counted, number: number, request: ClaimRequest): Promise<number> {
  const before = calls()
  await store.append(entry(event(number), [planned({ target: '#works' })]))
  const { leased } = await store.claim(request)
  const [first] = leased
  if (first === undefined) throw new Error('nothing was claimed')
  await completeSent(store, first.delivery.id, 1, request.now)
  return calls() - before
}

t.test('destinations that are paused cost a claim nothing', async (t) => {
  const costs: number[] = []
  for (const broken of [FEW, MANY]) {
    const counted = await withBroken(t, broken)
    const paused = await counted.store.claim(everything(NOW))
    const nextDueAt = paused.nextDueAt ?? 0
    t.same(paused.leased, [], 'all of them wait')
    t.ok(nextDueAt >= NOW + SECOND / 2 && nextDueAt <= NOW + SECOND, `until ${nextDueAt - NOW}`)
    costs.push(await costOfOne(counted, 2, everything(NOW)))
  }
  t.equal(costs[1], costs[0], `${costs}`)
})

t.test('destinations that cannot be probed, because enough others are, cost it nothing either', async (t) => {
  const costs: number[] = []
  for (const broken of [FEW, MANY]) {
    const counted = await withBroken(t, broken)
    const { store } = counted
    const at = NOW + MINUTE
    const claim = (free: number, inFlight: readonly string[]) => {
      const each = new Map(inFlight.map((target) => [`slack:${target}`, 1]))
      return everything(at, { channels: limited({ slack: { free } }), inFlight: each })
    }
    const probed = targets(await store.claim(claim(8, [])))
    t.equal(probed.length, 4, 'half of the attempts')
    costs.push(await costOfOne(counted, 2, claim(4, probed)))
    t.same(await store.claim(claim(4, probed)), { leased: [], nextDueAt: null }, 'no time changes that')
    await completeRetry(store, 'dlv_1_1', 4, at, at + 5 * MINUTE, true)
    t.equal((await store.claim(claim(5, probed.slice(1)))).leased.length, 1, 'the end of an attempt does')
  }
  t.equal(costs[1], costs[0], `${costs}`)
})

t.test('destinations that have nothing to send until later cost it nothing', async (t) => {
  const costs: number[] = []
  for (const held of [FEW, MANY]) {
    const counted = await opened(t)
    const start = { kind: 'held', until: NOW + MINUTE, reason: 'quiet hours' } as const
    const deliveries = Array.from({ length: held }, (_, n) => planned({ target: `#held-${n}`, start }))
    await counted.store.append(entry(event(1), deliveries))
    t.same(await counted.store.claim(everything(NOW)), {
      leased: [],
      nextDueAt: NOW + MINUTE,
    })
    costs.push(await costOfOne(counted, 2, everything(NOW)))
    t.equal((await counted.store.claim(everything(NOW + MINUTE))).leased.length, held)
  }
  t.equal(costs[1], costs[0], `${costs}`)
})

t.test('what fails in the middle of a transaction is looked at again', async (t) => {
  const { store } = await opened(t)
  await store.append(entry(event(1), [planned()]))
  t.same((await store.claim(everything(START))).leased, [])
  const claim = store.claim(everything(NOW))
  // The same commit: it fails, and each change is made again on its own.
  await t.rejects(
    store.append({ ...entry(event(2)), plan: aPlan(NOW, identified(1, [planned()])) }),
    /UNIQUE/,
  )
  t.equal((await claim).leased.length, 1)
  t.same((await store.claim(everything(NOW))).leased, [])
})
