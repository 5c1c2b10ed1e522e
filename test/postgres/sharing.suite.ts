/** Instances that share a database: what one finds out holds for the others, clocks that are apart, and one that dies. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { decodeTime } from 'ulid'
import type { Outcome } from '../../src/core/delivery/outcome.ts'
import type { Leased, Store } from '../../src/store/store.ts'
import { deliveryId, entry, event, everything, limited, planned } from '../store/contract/sample.ts'
import {
  endWell,
  makeStories,
  outOfOrder,
  rateHolds,
  settled,
  startInstances,
  startSender,
  storedDeliveries,
  unexplainedArrivals,
} from '../support/instances.ts'
import { openedStore } from '../support/opened-store.ts'
import { notDurable, openDatabase, type Postgres, startPostgres } from '../support/postgres.ts'
import { killAfter } from '../support/processes.ts'
import { seeded } from '../support/seeded-random.ts'
import { startSinks } from '../support/sinks.ts'
import { until } from '../support/until.ts'

const PATIENCE_MS = 300_000
const HOUR_MS = 3_600_000
const LEASE_MS = 120_000

async function sharing(t: Test, postgres: Postgres): Promise<readonly [Store, Store]> {
  const url = postgres.createDatabase()
  return [await openedStore(t, url), await openedStore(t, url)]
}

async function end(store: Store, { delivery }: Leased, outcome: Outcome, now: number): Promise<void> {
  await store.complete(
    {
      deliveryId: delivery.id,
      number: delivery.attempts + 1,
      startedAt: now,
      durationMs: 0,
      outcome,
      notes: [],
    },
    { state: 'dead', dueAt: null, reason: 'test' },
    true,
  )
}

t.test('two instances', async (t) => {
  const postgres = await startPostgres(t, { settings: notDurable })

  t.test('a pause that one was asked for is kept by the other', async (t) => {
    const [one, other] = await sharing(t, postgres)
    for (const number of [1, 2, 3]) await one.append(entry(event(number), [planned()]))
    const now = one.now()
    const few = limited({ slack: { perDestination: 1 } })
    const [leased] = (await one.claim(everything(now, { channels: few }))).leased
    if (leased === undefined) throw new Error('nothing was claimed')
    await end(one, leased, { kind: 'retry', reason: 'http 429', after: HOUR_MS }, now)
    t.same(await other.claim(everything(now + 1)), {
      leased: [],
      nextDueAt: now + HOUR_MS,
    })
  })

  t.test('where too many wait, each sends as many as it can; otherwise one of both', async (t) => {
    const [one, other] = await sharing(t, postgres)
    for (let number = 1; number <= 9; number++) await one.append(entry(event(number), [planned()]))
    const now = one.now()
    const claim = async (store: Store, inOrderUpTo: number, inFlight: number) => {
      const channels = limited({ slack: { inOrderUpTo, perDestination: 3 } })
      const request = everything(now, { channels, inFlight: new Map([['slack:#deal-flow', inFlight]]) })
      return (await store.claim(request)).leased.map(({ delivery }) => delivery.id)
    }
    const ids = (...numbers: number[]) => numbers.map((number) => deliveryId(number, 1))
    t.same(await claim(one, 9, 0), ids(1))
    t.same(await claim(other, 9, 0), [])
    t.same(await claim(other, 7, 0), ids(2, 3, 4))
    t.same(await claim(one, 7, 1), ids(5, 6))
    t.same(await claim(one, 7, 3), [])
    t.same(await claim(other, 7, 1), ids(7, 8))
  })

  t.test('the health of a destination is the same for both', async (t) => {
    const [one, other] = await sharing(t, postgres)
    for (let number = 1; number <= 9; number++) await one.append(entry(event(number), [planned()]))
    const now = one.now()
    const few = limited({ slack: { perDestination: 1 } })
    // Each sees a part of the failures.
    for (const [index, store] of [one, other, one].entries()) {
      const [leased] = (await store.claim(everything(now + index, { channels: few }))).leased
      if (leased === undefined) throw new Error('nothing was claimed')
      await end(store, leased, { kind: 'retry', reason: 'http 503' }, now + index)
    }
    for (const store of [one, other]) {
      t.equal((await store.claim(everything(now + 10))).leased.length, 0, 'it is left in peace')
      t.match(await store.destinations(), [{ state: { failures: 3 } }])
    }
    t.equal((await other.claim(everything(now + 2_000))).leased.length, 1, 'and probed, by one of them')
    t.equal((await one.claim(everything(now + 2_000))).leased.length, 0)
  })

  t.test('one wakes the other where it has no room itself', async (t) => {
    const url = postgres.createDatabase()
    const [one, other] = [await openedStore(t, url), await openedStore(t, url)]
    let woken = 0
    other.onDue(() => {
      woken += 1
    })
    await one.append(entry(event(1), [planned()]))
    t.equal((await one.claim(everything(one.now()))).leased.length, 1)
    const full = limited({ slack: { free: 0 }, email: { free: 0 } })
    await one.claim(everything(one.now(), { channels: full }))
    await one.append(entry(event(2), [planned()]))
    // Longer than notifications are gathered.
    await openDatabase(t, url).query('SELECT pg_sleep(0.2)::text AS nothing')
    t.equal(
      woken,
      0,
      'neither what it takes by itself is announced, nor that it has no room for what is not due',
    )
    const none = limited({ slack: { free: 0 } })
    await one.claim(everything(one.now(), { channels: none }))
    await until(() => woken > 0, 'the other one to be woken')
    t.equal((await other.claim(everything(other.now()))).leased.length, 1)
  })

  t.test('a conversation is kept in order, whichever claims', async (t) => {
    const [one, other] = await sharing(t, postgres)
    const conversation = 'analysis an_1 1 slack'
    for (const number of [1, 2]) await one.append(entry(event(number), [planned({ conversation })]))
    const now = one.now()
    const [first] = (await one.claim(everything(now))).leased
    if (first === undefined) throw new Error('nothing was claimed')
    t.equal(first.delivery.id, deliveryId(1, 1))
    t.same((await other.claim(everything(now))).leased, [], 'the second stage waits for the first')
    await end(one, first, { kind: 'sent', reference: {} }, now)
    const next = (await other.claim(everything(now + 1))).leased.map(({ delivery }) => delivery.id)
    t.same(next, [deliveryId(2, 1)])
  })

  t.test('what one held that was killed is taken over long before its leases end', async (t) => {
    const url = postgres.createDatabase()
    const store = await openedStore(t, url)
    await store.append(entry(event(1), [planned()]))
    const leaseUntil = store.now() + LEASE_MS
    const program = `
      import { openPostgres } from '${new URL('../../src/store/postgres.ts', import.meta.url)}'
      import { everything } from '${new URL('../store/contract/sample.ts', import.meta.url)}'
      const store = await openPostgres({ url: '${url}', role: 'service' })
      const { leased } = await store.claim(everything(store.now(), { leaseUntil: ${leaseUntil} }))
      process.stdout.write(String(leased.length))
      setInterval(() => {}, 1_000)`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    killAfter(t, child)
    const [count] = await once(child.stdout, 'data')
    t.equal(String(count), '1')
    t.same((await store.claim(everything(store.now()))).leased, [], 'while it lives, it is its own')
    child.kill('SIGKILL')
    const died = performance.now()
    let taken: readonly Leased[] = []
    await until(async () => {
      taken = (await store.claim(everything(store.now()))).leased
      return taken.length > 0
    }, 'the other one to take over')
    t.match(taken, [{ delivery: { id: deliveryId(1, 1) }, interruptedAt: Number }])
    t.ok(store.now() < leaseUntil, `after ${Math.round(performance.now() - died)} ms`)
  })
})

/** A process whose own clock is off; nothing else of it is. */
function clockOffBy(ms: number): Readonly<Record<string, string>> {
  const program = `
    const Real = Date
    globalThis.Date = class extends Real {
      constructor(...given) { given.length === 0 ? super(Real.now() + ${ms}) : super(...given) }
      static now() { return Real.now() + ${ms} }
    }`
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(program)}` }
}

t.test(
  'instances whose clocks are an hour off share the work as any others',
  { timeout: 2 * PATIENCE_MS },
  async (t) => {
    const postgres = await startPostgres(t, { settings: notDurable })
    const url = postgres.createDatabase()
    const sinks = await startSinks(t)
    const clocks = [HOUR_MS, -HOUR_MS, 0]
    const instances = await startInstances(t, {
      url,
      sinks,
      count: clocks.length,
      env: (index) => clockOffBy(clocks[index] ?? 0),
    })
    const began = Date.now()
    const counts = { analyses: 15, alerts: 30, mails: 90 }
    const sender = startSender(makeStories(counts, seeded(4)), instances, 8)
    await sender.done
    t.same(Object.fromEntries(sender.refused), {}, 'none refuses a signature for its age')
    await settled(t, url, PATIENCE_MS)
    const deliveries = storedDeliveries(postgres, url)
    t.equal(deliveries.length, 2 * counts.analyses + counts.alerts + counts.mails)
    t.strictSame(unexplainedArrivals(sinks, deliveries), [])
    t.equal(
      deliveries.reduce((sum, { ambiguous }) => sum + ambiguous, 0),
      0,
      'none takes the leases of another for ended',
    )
    t.strictSame(outOfOrder(sinks, deliveries), [])
    for (const channel of ['#alerts', '#stories']) rateHolds(t, sinks, channel)
    const received = postgres.query('SELECT received_at FROM hookbridge.events', url).map(Number)
    const ids = postgres.query('SELECT id FROM hookbridge.events', url)
    const times = [...received, ...ids.map((id) => decodeTime(id.replace('evt_', '')))]
    t.ok(
      Math.min(...times) >= began - 1_000 && Math.max(...times) <= Date.now() + 1_000,
      'all go by the clock of the server, and ids sort by it',
    )
    await endWell(t, instances.services)
  },
)
