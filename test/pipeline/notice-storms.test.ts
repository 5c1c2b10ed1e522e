/** However much happens, notices stay few; and a restart neither repeats nor loses one. */
import t from 'tap'
import type { DestinationState } from '../../src/core/delivery/destination.ts'
import type { Notice } from '../../src/core/notice/notice.ts'
import type { RecordedNotice } from '../../src/core/notice/noticed.ts'
import { createDestinationNews } from '../../src/pipeline/notices/destination-news.ts'
import { createInboxNews } from '../../src/pipeline/notices/inbox-news.ts'
import type { DestinationRecord, Store } from '../../src/store/store.ts'
import { event, eventId } from '../store/contract/sample.ts'
import { seeded } from '../support/seeded-random.ts'

const MINUTE = 60_000
const PASS_MS = 10_000

/** Destinations of which a test says how they are, and the notices that came of it. */
function world(count: number, idOf = eventId) {
  let at = Date.parse('2026-11-24T09:00:00Z')
  const stored: RecordedNotice[] = []
  const broken = new Map<string, number>()
  const successes = new Map<string, number>()
  const names = Array.from({ length: count }, (_, index) => `#c${index}`)

  function stateOf(name: string): DestinationState {
    const failingSince = broken.get(name) ?? null
    return {
      tokens: 1,
      refilledAt: at,
      failures: failingSince === null ? 0 : 3,
      failingSince,
      reason: failingSince === null ? null : 'invalid_auth',
      retryAfter: null,
      backoff: null,
      lastSuccessAt: successes.get(name) ?? null,
      catchingUp: false,
      nothingLeft: false,
    }
  }

  const store = {
    destinations: async () =>
      names.map((target): DestinationRecord => {
        const destination = { channel: 'slack', target, rateKey: `slack:${target}` }
        const waiting = broken.has(target) ? 1 : 0
        return {
          destination,
          state: stateOf(target),
          waiting,
          sending: 0,
          parked: 0,
          dead: 0,
          firstDueAt: at,
        }
      }),
    events: async ({ type, subject }: Parameters<Store['events']>[0]) => ({
      items: stored
        .filter((one) => one.type === type && (subject === undefined || one.data.id === subject))
        .map(({ eventId: id }) => ({ id }))
        .reverse(),
      next: null,
    }),
    event: async (id: string) => {
      const found = stored.find(({ eventId: one }) => one === id)
      const payload = { type: found?.type ?? '', data: found?.data ?? {} }
      return {
        ...event(1),
        id,
        type: payload.type,
        receivedAt: found?.at ?? 0,
        body: Buffer.from(JSON.stringify(payload)),
        plans: [],
      }
    },
    deliveries: async () => ({ items: [], next: null }),
    types: async () => [],
  }

  let meanwhile = () => {}
  async function append({ type, data }: Notice): Promise<RecordedNotice> {
    meanwhile()
    const notice = { eventId: idOf(stored.length + 1), type, at, data }
    stored.push(notice)
    return notice
  }

  const deps = { store: store as never, now: () => at, clock: () => at, takesUnrouted: () => false }
  const start = () => ({
    destinations: createDestinationNews(deps, append),
    inbox: createInboxNews(deps, append),
  })
  let process = start()
  return {
    names,
    stored,
    fail(name: string) {
      if (!broken.has(name)) broken.set(name, at)
    },
    recover(name: string) {
      broken.delete(name)
      successes.set(name, at)
    },
    isBroken: (name: string) => broken.has(name),
    /** Also after kill -9: all that it had in memory is gone. */
    restart() {
      process = start()
    },
    inbox: () => process.inbox,
    /** While a notice is stored. */
    meanwhile(action: () => void) {
      meanwhile = action
    },
    async pass() {
      at += PASS_MS
      await process.destinations.pass(() => false)
      await process.inbox.pass()
    },
    async passes(ms: number) {
      for (let end = at + ms; at < end; ) await this.pass()
    },
    types: () => stored.map(({ type }) => type.split('.')[1]),
  }
}

t.test('a destination that fails and recovers a hundred times in an hour', async (t) => {
  const one = world(1)
  for (let time = 0; time < 100; time += 1) {
    one.fail('#c0')
    await one.passes(20_000)
    one.recover('#c0')
    await one.passes(10_000)
  }
  await one.passes(20 * MINUTE)
  t.ok(one.stored.length <= 12, `${one.stored.length} notices`)
  for (const [index, type] of one.types().entries()) t.equal(type, index % 2 === 0 ? 'failing' : 'recovered')
  t.equal(one.types().at(-1), 'recovered', 'and the last one says how it is')
})

t.test('the last notice is the latest one, whatever its id: each instance makes its own ids', async (t) => {
  const all = world(1, (number) => eventId(100 - number))
  all.fail('#c0')
  await all.pass()
  all.recover('#c0')
  await all.passes(2 * MINUTE)
  t.strictSame(all.types(), ['failing', 'recovered'])
  all.restart()
  await all.passes(30 * MINUTE)
  t.strictSame(all.types(), ['failing', 'recovered'], 'a restart repeats neither')
})

t.test('two hundred destinations that fail at once are one notice, and so is their recovery', async (t) => {
  const many = world(200)
  for (const name of many.names) many.fail(name)
  await many.passes(12 * MINUTE)
  t.same(many.types(), ['failing'])
  t.match(many.stored[0]?.data, {
    title: '200 destinations of slack do not take messages',
    reason: 'invalid_auth',
    waits: '200 messages wait',
  })
  many.restart()
  await many.passes(12 * MINUTE)
  t.equal(many.stored.length, 1, 'it is not repeated after a restart')
  for (const name of many.names) many.recover(name)
  await many.passes(MINUTE)
  t.same(many.types(), ['failing', 'recovered'])
  t.match(many.stored[1]?.data, { title: '200 destinations of slack take messages again' })
  many.restart()
  await many.passes(12 * MINUTE)
  t.equal(many.stored.length, 2)
})

t.test('a token that fails at one more destination each minute makes a few notices an hour', async (t) => {
  const many = world(60)
  for (const name of many.names) {
    many.fail(name)
    await many.passes(MINUTE)
  }
  await many.passes(20 * MINUTE)
  t.ok(many.stored.length <= 4 + 6 * 2, `${many.stored.length} notices in eighty minutes`)
  const named = many.stored.flatMap(({ data }) =>
    Array.isArray(data.destinations) ? data.destinations.length : 1,
  )
  t.equal(
    named.reduce((sum, one) => sum + one, 0),
    60,
    'each destination is in one of them',
  )
})

t.test('whatever fails, recovers and restarts, each destination ends as it was reported', async (t) => {
  for (const seed of [1, 2]) {
    const random = seeded(seed)
    const few = world(12)
    const pick = () => few.names[Math.floor(random() * few.names.length)] ?? ''
    for (let step = 0; step < 300; step += 1) {
      const chance = random()
      if (chance < 0.1) few.fail(pick())
      else if (chance < 0.2) few.recover(pick())
      else if (chance < 0.3) few.restart()
      await few.pass()
    }
    await few.passes(40 * MINUTE)
    for (const name of few.names) {
      const about = few.stored.filter(({ data }) =>
        Array.isArray(data.destinations)
          ? data.destinations.some((one) => Object(one).rate_key === `slack:${name}`)
          : data.id === `slack ${name}`,
      )
      for (const [index, { type }] of about.entries())
        t.equal(type, index % 2 === 0 ? 'destination.failing' : 'destination.recovered', `${seed} ${name}`)
      t.equal(about.length % 2 === 1, few.isBroken(name), `${seed} ${name}: ${about.length} notices`)
    }
  }
})

t.test('ten thousand events without a route, of one type and of as many', async (t) => {
  const one = world(0)
  const received = (type: string) =>
    ({ kind: 'received', source: 'cuuro', type, result: 'stored', unrouted: true, deliveries: 0 }) as never
  for (let count = 0; count < 10_000; count += 1) one.inbox().observe(received('analysis.deleted'))
  await one.passes(MINUTE)
  t.equal(one.stored.length, 1)
  for (let count = 0; count < 10_000; count += 1) one.inbox().observe(received(`made.up.${count}`))
  await one.passes(60 * MINUTE)
  t.ok(one.stored.length <= 3, `${one.stored.length} notices in an hour`)
  t.match(one.stored[1]?.data.title, /^No route takes the event types made\.up\.0, .* and 9996 more$/)
  t.ok(JSON.stringify(one.stored[1]).length < 20_000)
})

t.test('ten thousand requests that cannot be read', async (t) => {
  const one = world(0)
  const received = {
    kind: 'received',
    source: 'cuuro',
    type: null,
    result: 'quarantined',
    problem: 'no type',
  }
  for (let minute = 0; minute < 60; minute += 1) {
    for (let count = 0; count < 170; count += 1) one.inbox().observe(received as never)
    await one.passes(MINUTE)
  }
  t.ok(one.stored.length <= 7, `${one.stored.length} notices in an hour`)
})

t.test('requests that come while their notice is stored are in the next one', async (t) => {
  const one = world(0)
  const received = { kind: 'received', source: 'cuuro', type: null, result: 'quarantined', problem: 'x' }
  await one.pass()
  one.inbox().observe(received as never)
  one.meanwhile(() => {
    one.meanwhile(() => {})
    for (const _ of [1, 2]) one.inbox().observe(received as never)
  })
  await one.passes(15 * MINUTE)
  t.match(
    one.stored.map(({ data }) => data.title),
    [/^A request of cuuro/, /^2 requests of cuuro/],
  )
})

t.test('an event that no route takes after its enrichment', async (t) => {
  const one = world(0)
  const enriched = {
    kind: 'enriched',
    source: 'cuuro',
    type: 'analysis.deleted',
    unrouted: true,
    deliveries: 0,
  }
  one.inbox().observe(enriched as never)
  await one.pass()
  t.match(one.stored, [{ type: 'event.unrouted' }])
})
