/**
 * Transactions as the server sees them: how often they wait for it, and what happens where the connection is lost while it commits. The
 * answer is unknown then, and nothing is lost or done twice.
 */
import { connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { Outcome } from '../../src/core/delivery/outcome.ts'
import { conversationLock, lock } from '../../src/store/postgres/locks.ts'
import { openPostgres } from '../../src/store/postgres.ts'
import type { Leased } from '../../src/store/store.ts'
import {
  aPlan,
  deliveryId,
  entry,
  event,
  eventId,
  everything,
  identified,
  limited,
  planned,
  START,
} from '../store/contract/sample.ts'
import { notDurable, openDatabase, startPostgres } from '../support/postgres.ts'
import { until } from '../support/until.ts'

/** The types of the messages of one side: https://www.postgresql.org/docs/current/protocol-message-formats.html */
class Messages {
  #rest = Buffer.alloc(0)
  /** How long the type of a message is: a client's first message has none. */
  #typed: 0 | 1

  constructor(side: 'client' | 'server') {
    this.#typed = side === 'client' ? 0 : 1
  }

  read(chunk: Buffer): string {
    let types = ''
    let rest = Buffer.concat([this.#rest, chunk])
    while (rest.length >= this.#typed + 4) {
      const length = this.#typed + rest.readInt32BE(this.#typed)
      if (rest.length < length) break
      types += this.#typed === 0 ? '' : String.fromCharCode(rest[0] ?? 0)
      rest = rest.subarray(length)
      this.#typed = 1
    }
    this.#rest = rest
    return types
  }
}

/**
 * Passes everything on, but for the answers to the next COMMIT, if told so: then it ends the connection. Answers are held back until the
 * server has answered all that was asked, so that a round trip ends before the next one begins.
 */
async function startProxy(t: Test, port: number) {
  const sockets = new Set<Socket>()
  let loses = false
  let trips = 0
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    const [asked, answered] = [new Messages('client'), new Messages('server')]
    let isLost = false
    let listens = false
    // Of logging in.
    let unanswered = 1
    let held: Buffer[] = []
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => {}))
    client.on('data', (chunk: Buffer) => {
      if (loses && chunk.includes('COMMIT')) {
        loses = false
        isLost = true
      }
      // The connection of an instance, which looks after the others.
      listens ||= chunk.includes('LISTEN')
      const statements = asked.read(chunk).match(/[QS]/g)?.length ?? 0
      if (unanswered === 0 && statements > 0 && !listens) trips += 1
      unanswered += statements
      upstream.write(chunk)
    })
    upstream.on('data', (chunk: Buffer) => {
      if (isLost) return client.destroy()
      held.push(chunk)
      const types = answered.read(chunk)
      unanswered -= types.match(/Z/g)?.length ?? 0
      if (unanswered > 0 && !types.includes('R')) return
      client.write(Buffer.concat(held))
      held = []
    })
    client.on('close', () => upstream.end())
    upstream.on('close', () => client.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port')
  return {
    port: address.port,
    loseNextCommit() {
      loses = true
    },
    /** How often a client has waited for the server while `work` ran. */
    async roundTrips(work: () => Promise<unknown>): Promise<number> {
      const before = trips
      await work()
      return trips - before
    },
  }
}

t.test('statements share round trips, and look up what they need', async (t) => {
  const settings = {
    ...notDurable,
    shared_preload_libraries: 'auto_explain',
    'auto_explain.log_min_duration': '0',
  }
  const postgres = await startPostgres(t, { settings })
  const proxy = await startProxy(t, postgres.port)
  const url = postgres.createDatabase().replace(`:${postgres.port}/`, `:${proxy.port}/`)
  const store = await openPostgres({ url, role: 'service' })
  t.teardown(() => store.close())
  const now = START + 1_000
  const claim = () => store.claim(everything(now))
  const end = (number: number, outcome: Outcome = { kind: 'sent', reference: {} }) =>
    store.complete(
      {
        deliveryId: deliveryId(number, 1),
        number: 1,
        startedAt: now,
        durationMs: 1,
        notes: [],
        outcome,
      },
      { state: 'delivered', dueAt: null, reason: null },
      true,
    )
  // The first ones also connect, and make the destination.
  await store.append(entry(event(1), [planned()]))
  await claim()
  await end(1)

  const several = [2, 3, 4]
  t.equal(
    await proxy.roundTrips(() =>
      Promise.all(several.map((number) => store.append(entry(event(number), [planned()])))),
    ),
    2,
    'events that are appended together',
  )
  let leased = 0
  t.equal(
    await proxy.roundTrips(async () => {
      leased = (await claim()).leased.length
    }),
    3,
    'a claim',
  )
  t.equal(leased, several.length)
  t.equal(
    await proxy.roundTrips(() => Promise.all(several.map((number) => end(number)))),
    2,
    'attempts that end together',
  )
  t.equal(await proxy.roundTrips(claim), 1, 'a claim where nothing is due')
  const both = async () => Promise.all([store.append(entry(event(6), [planned()])), claim()])
  let together: Awaited<ReturnType<typeof both>> | undefined
  t.equal(
    await proxy.roundTrips(async () => {
      together = await both()
    }),
    2,
    'an event that is appended, and claimed at the same time',
  )
  t.match(together?.[1].leased, [{ delivery: { id: deliveryId(6, 1) } }])
  await end(6)
  await Promise.all([7, 8, 9].map((number) => store.append(entry(event(number), [planned()]))))
  const one = { ...everything(now), channels: limited({ slack: { perDestination: 1 } }) }
  t.equal((await store.claim(one)).leased.length, 1)
  await end(7)
  t.equal(await proxy.roundTrips(() => store.claim(one)), 2, 'a claim of what the one before has left')
  await end(8)
  await store.claim(one)
  await end(9)
  const stage = { lifecycle: 'analysis', key: 'an_1', first: 'created', last: 'completed' }
  const staged = (number: number, name: string) => {
    const deliveries = identified(number, [planned({ conversation: 'analysis an_1' })])
    return {
      ...entry(event(number)),
      plan: aPlan(now, deliveries, { stage: { ...stage, stage: name } }),
    }
  }
  await store.append(staged(10, 'created'))
  t.equal(await proxy.roundTrips(() => store.append(staged(11, 'completed'))), 2, 'a stage of a lifecycle')
  // Of a conversation; then one that was attempted.
  t.equal(await proxy.roundTrips(claim), 3, 'a claim of a message in a conversation')
  await end(10)
  await store.append(entry(event(5), [planned()]))
  await claim()
  const fails = { kind: 'retry', reason: 'http 503' } as const
  t.equal(await proxy.roundTrips(() => end(5, fails)), 3, 'one that changes the health of its destination')
  t.match(await store.destinations(), [{ state: { failures: 1 } }])

  // Plans are made while the tables are empty, and used when they are not.
  const readWhole = /(Seq Scan on|Hash Join|Merge Join|Hash Cond).*/g
  const small = / (rates|destinations|kinds|clock|instances|schema_version)\b/
  const plans = postgres
    .log()
    .split(/\n(?=\d{4}-)/)
    .filter((entry) => /Query Text: .*(INSERT INTO|UPDATE|SELECT|WITH)/.test(entry))
  t.ok(
    plans.some((plan) => plan.includes('INSERT INTO deliveries')) &&
      plans.some((plan) => plan.includes('FOR UPDATE')),
  )
  const wrong = plans.flatMap(
    (plan) =>
      plan
        .match(readWhole)
        ?.filter((line) => !small.test(line))
        .map((line) => `${line}\n${plan}`) ?? [],
  )
  t.same(wrong, [])
  const recording = plans.filter((plan) => plan.includes('INSERT INTO attempts') && plan.includes('leased'))
  t.ok(recording.length > 0)
  for (const plan of recording) {
    const used = new Set(plan.match(/(?<=using )deliveries_\w+/g))
    t.same(
      used,
      new Set(['deliveries_id_key', 'deliveries_pkey']),
      'attempts that end are found by their ids',
    )
    t.match(plan, /CTE locked\n(.*\n){1,4}.*using deliveries_id_key/)
  }
})

t.test('an answer to COMMIT that is lost', async (t) => {
  const postgres = await startPostgres(t)
  const proxy = await startProxy(t, postgres.port)
  const url = postgres.createDatabase().replace(`:${postgres.port}/`, `:${proxy.port}/`)
  const store = await openPostgres({ url, role: 'service' })
  t.teardown(() => store.close())
  const unavailable = { name: 'StoreUnavailable' }

  // Also makes the destination, in a transaction of its own.
  await store.append(entry(event(1), [planned()]))
  proxy.loseNextCommit()
  await t.rejects(store.append(entry(event(2), [planned()])), unavailable, 'is no acknowledgement')
  const again = entry(event(3, { messageId: 'msg_2' }), [planned()])
  t.same(await store.append(again), { kind: 'duplicate', id: eventId(2), quarantined: false }, 'and no loss')

  const now = START + 1_000
  proxy.loseNextCommit()
  await t.rejects(store.claim(everything(now)), unavailable)
  // The server may still be committing when the connection is gone.
  let leased: readonly Leased[] = []
  await until(async () => {
    const claimed = await store.claim(everything(now + 1))
    leased = claimed.leased
    const next = claimed.nextDueAt
    if (leased.length === 0) t.ok(next !== null && next <= now + 1 + 200, 'it is looked at again soon')
    return leased.length > 0
  }, 'the claim')
  t.match(
    leased.map(({ delivery, interruptedAt }) => [delivery.id, interruptedAt]),
    [
      [deliveryId(1, 1), null],
      [deliveryId(2, 1), null],
    ],
    'what was leased to nobody is claimed at once, and was not attempted',
  )

  await store.append({ ...entry(event(4)), plan: null })
  const enrich = (at: number) =>
    store.claimEnrichments({ holder: 'test', now: at, leaseUntil: at + 300_000, limit: 10 })
  proxy.loseNextCommit()
  await t.rejects(enrich(now), unavailable)
  await until(
    async () => (await enrich(now + 1)).leased.length > 0,
    'an enrichment that was leased to nobody, which is claimed again long before its lease ends',
  )

  const attempt = { deliveryId: deliveryId(1, 1), number: 1, startedAt: now, durationMs: 1, notes: [] }
  const done = { ...attempt, outcome: { kind: 'sent', reference: {} } } as const
  const completed = () => store.complete(done, { state: 'delivered', dueAt: null, reason: null }, true)
  proxy.loseNextCommit()
  await t.rejects(completed(), unavailable)
  // The server may still be committing when the connection is gone.
  await until(async () => (await store.delivery(deliveryId(1, 1)))?.attempts === 1, 'the record')
  t.match(await completed(), { state: 'delivered' }, 'what was recorded is reported')
  t.match(await store.delivery(attempt.deliveryId), { state: 'delivered', attempts: 1 })
  const another = { ...done, startedAt: now + 1 }
  t.equal(
    await store.complete(another, { state: 'delivered', dueAt: null, reason: null }, true),
    null,
    'but of another holder',
  )

  const lease = { eventId: eventId(4), holder: 'test' }
  const plan = aPlan(now, [])
  const ended = () => store.endEnrichment(lease, { enriched: {}, steps: [], current: null }, plan)
  proxy.loseNextCommit()
  await t.rejects(ended(), unavailable)
  await until(async () => (await store.event(eventId(4)))?.plans.length === 1, 'the plan')
  t.equal(await ended(), true, 'what was planned is reported')

  await store.append(entry(event(5), [planned()]))
  proxy.loseNextCommit()
  await t.rejects(store.claim(everything(now + 2)), unavailable)
  await until(async () => (await store.delivery(deliveryId(5, 1)))?.state === 'sending', 'the lease')
  const replay = aPlan(now, identified(5, [planned({ target: '#b' })], 2), { cause: 'replay' })
  await store.addPlan(eventId(5), replay, null)
  const claimed = (await store.claim(everything(now + 3))).leased
  t.same(
    claimed.map(({ delivery }) => delivery.id),
    [deliveryId(5, 2)],
    'what was replayed since is not given back',
  )

  const skipped = { id: deliveryId(5, 2), attempts: 0 }
  const skip = (delivery: typeof skipped) => store.skip(delivery, 'old news', now)
  proxy.loseNextCommit()
  await t.rejects(skip(skipped), unavailable)
  await until(async () => (await store.delivery(skipped.id))?.state === 'skipped', 'the end')
  t.equal(await skip(skipped), true, 'what was skipped is reported')
  t.equal(await skip({ ...skipped }), false, 'but of another holder')
})

t.test('an answer to the COMMIT of an event that is leased with it is lost', async (t) => {
  const postgres = await startPostgres(t)
  const proxy = await startProxy(t, postgres.port)
  const url = postgres.createDatabase().replace(`:${postgres.port}/`, `:${proxy.port}/`)
  const store = await openPostgres({ url, role: 'service' })
  t.teardown(() => store.close())
  const now = START + 10_000
  // Also makes the destination, in a transaction of its own.
  await store.append(entry(event(1), [planned()]))
  await store.claim(everything(now))
  await store.claim(everything(now))
  proxy.loseNextCommit()
  const asked = await Promise.allSettled([
    store.append(entry(event(2), [planned()])),
    store.claim(everything(now + 1)),
  ])
  const lost = { reason: { name: 'StoreUnavailable' } }
  t.match(asked, [lost, lost])
  let leased: readonly Leased[] = []
  await until(async () => {
    leased = (await store.claim(everything(now + 2))).leased
    return leased.length > 0
  }, 'the claim of what was leased to nobody')
  t.match(leased, [{ delivery: { id: deliveryId(2, 1), attempts: 0 }, interruptedAt: null }])
})

t.test(
  'a replay and the end of an enrichment of one event wait for each other, without a deadlock',
  async (t) => {
    const postgres = await startPostgres(t, { settings: notDurable })
    const url = postgres.createDatabase()
    const store = await openPostgres({ url, role: 'service' })
    t.teardown(() => store.close())
    const now = START + 1_000
    const conversation = 'analysis an_1 slack'
    await store.append({ ...entry(event(1)), plan: null })
    await store.claimEnrichments({ holder: 'test', now, leaseUntil: now + 60_000, limit: 1 })
    const over = Promise.withResolvers<void>()
    const database = openDatabase(t, url)
    t.teardown(over.resolve)
    const locked = Promise.withResolvers<void>()
    const other = database.write(async (session) => {
      lock(session, [conversationLock(conversation)])
      await session.query('SELECT 1 AS one')
      locked.resolve()
      await over.promise
    })
    await locked.promise
    const waiting = (count: number) => {
      const sql = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
      return until(() => postgres.query(sql, url).length === count, `${count} to wait`)
    }
    const plan = (number: number) => aPlan(now, identified(1, [planned({ conversation })], number))
    const progress = { enriched: {}, steps: [], current: null }
    const ended = store.endEnrichment({ eventId: eventId(1), holder: 'test' }, progress, plan(1))
    await waiting(1)
    const replayed = store.addPlan(eventId(1), { ...plan(2), cause: 'replay' }, null)
    await waiting(2)
    over.resolve()
    await other
    t.same(await Promise.all([ended, replayed]), [true, { number: 2, cancelled: [deliveryId(1, 1)] }])
    t.notMatch(postgres.log(), /deadlock/)
  },
)
