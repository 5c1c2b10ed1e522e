/** Store files of earlier versions, which those versions made: test/fixtures/store. */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { Database } from '../../src/store/sqlite/database.ts'
import { schemaVersion } from '../../src/store/sqlite/migrations/migrations.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { deliveryId, entry, event, eventId, everything, planned, START } from './contract/sample.ts'

const MADE = Date.UTC(2026, 9, 1, 8)
const HOUR = 3_600_000
const id = (number: number) => `evt_01M6JYKG00${String(number).padStart(16, '0')}`

function copied(t: Test, schema = 2): string {
  const path = join(t.testdir(), 'store.db')
  copyFileSync(fileURLToPath(new URL(`../fixtures/store/schema-${schema}.sqlite`, import.meta.url)), path)
  return path
}

async function migrated(t: Test, schema?: number) {
  const store = await openSqlite({ path: copied(t, schema), role: 'service' })
  t.teardown(() => store.close())
  return store
}

t.test('an operator gets an error that says to restart the service first', async (t) => {
  await t.rejects(openSqlite({ path: copied(t), role: 'operator' }), {
    reason: 'older_schema',
    message: 'restart the service',
  })
})

t.test('events keep what they were, and get subjects and plans', async (t) => {
  const store = await migrated(t)
  const { items } = await store.events({}, { limit: 100 })
  t.match(items, [
    { id: id(8), type: null, subject: null, problem: /^invalid_utf8/, counts: {} },
    { id: id(7), type: null, subject: null, problem: /^no_event_type/, releasedAs: null },
    { id: id(6), type: 'startup.created', subject: null, unrouted: true },
    { id: id(5), type: 'startup.created', subject: '12345', unrouted: true },
    { id: id(4), subject: '0191e29a-1644-7972-9466-18ada4a36304', counts: { pending: 2 } },
    { id: id(3), type: 'analysis.created', counts: { retrying: 1, skipped: 1 } },
    { id: id(2), counts: { parked: 1, dead: 1 } },
    {
      id: id(1),
      messageId: 'msg_old_1',
      unrouted: false,
      counts: { delivered: 2, ambiguous: 1, sending: 1 },
    },
  ])
  const record = await store.event(id(1))
  t.equal(
    Buffer.from(record?.body ?? []).toString(),
    '{"data":{"id":"0191e29a-1644-7972-9466-18ada4a36301"},"event":"analysis.completed"}',
  )
  t.match(record?.plans, [
    {
      number: 1,
      at: MADE + 1000,
      cause: 'received',
      fingerprint: null,
      routes: [{ route: 'completed analyses' }],
    },
    {
      number: 2,
      at: MADE + 2 * HOUR - 1,
      cause: 'replay',
      fingerprint: null,
      routes: [{ route: 'completed analyses' }],
    },
  ])
  t.equal(record?.plans.length, 2)
})

t.test('deliveries keep their ids, their states and their attempts, and belong to a plan', async (t) => {
  const store = await migrated(t)
  const plans = (await store.event(id(1)))?.plans
  t.match(plans?.[0]?.deliveries, [
    {
      id: `${id(1)}-1`,
      plan: 1,
      state: 'delivered',
      history: [{ number: 1, durationMs: 42, outcome: { kind: 'sent' } }],
    },
    {
      id: `${id(1)}-2`,
      state: 'ambiguous',
      ambiguousAttempts: 1,
      destination: {
        channel: 'email',
        target: 'Partners@example.com',
        rateKey: 'email:partners@example.com',
      },
    },
  ])
  t.match(plans?.[1]?.deliveries, [
    { id: `${id(1)}-3`, plan: 2, state: 'delivered' },
    { id: `${id(1)}-4`, plan: 2, receiver: 'ops', state: 'sending' },
  ])
  t.match(await store.delivery(`${id(3)}-1`), {
    state: 'retrying',
    attempts: 2,
    dueAt: MADE + 3 * HOUR,
    retryingSince: MADE + 3000,
    history: [{ outcome: { after: 30_000 }, notes: [/unknown variable/] }, { number: 2 }],
  })
  t.match(await store.delivery(`${id(3)}-2`), { state: 'skipped', reason: 'already owed by route routes[1]' })
  t.match(await store.destinations(), [
    { destination: { target: 'Partners@example.com' }, waiting: 2, dead: 1 },
    { destination: { target: 'ops@example.com' }, sending: 1 },
    { destination: { target: '#deal-flow' }, waiting: 2, parked: 1, state: null },
  ])
})

t.test('what was waiting goes on, and an attempt that was cut off is interrupted', async (t) => {
  const store = await migrated(t)
  const { leased } = await store.claim(everything(MADE + 24 * HOUR))
  t.same(leased.map(({ delivery, interruptedAt }) => [delivery.id, interruptedAt]).sort(), [
    [`${id(1)}-2`, null],
    [`${id(1)}-4`, MADE + 2 * HOUR - 1],
    [`${id(3)}-1`, null],
    [`${id(4)}-1`, null],
    [`${id(4)}-2`, null],
  ])
  t.match(leased.find(({ delivery }) => delivery.eventId === id(4))?.event, {
    subject: '0191e29a-1644-7972-9466-18ada4a36304',
    payload: { event: 'analysis.completed' },
  })
  t.same(
    (await store.quarantined('', 9)).map((request) => request.id),
    [id(7), id(8)],
  )
})

t.test('a store of schema 4 goes on, and its events have fetched nothing', async (t) => {
  const store = await migrated(t, 4)
  const record = await store.event(eventId(1))
  t.match(record, { subject: 'an_1', enriched: {}, plans: [{ number: 1 }] })
  const { leased } = await store.claim(everything(START + 24 * HOUR))
  t.match(
    leased.map(({ delivery, event }) => [delivery.id, event.enriched]),
    [
      [deliveryId(5, 1), {}],
      [deliveryId(1, 2), {}],
    ],
  )
  // A stage of a lifecycle, which that schema had no place for.
  const [type, conversation] = ['analysis.created', 'analysis/an_9/slack/#new']
  const stage = { lifecycle: 'analysis', key: 'an_9', stage: type, first: type, last: 'analysis.completed' }
  await store.append(entry(event(9, { type }), [planned({ conversation, target: '#new' })], { stage }))
  t.match((await store.claim(everything(START + 24 * HOUR))).leased, [
    { conversation: { lifecycle: 'analysis', key: 'an_9', round: 1, sent: [] } },
  ])
})

for (const schema of [2, 4]) {
  t.test(`the file of schema ${schema} is sound after its migration`, async (t) => {
    const path = copied(t, schema)
    await (await openSqlite({ path, role: 'service' })).close()
    const database = new Database(path, 0)
    t.teardown(() => database.close())
    t.equal(database.pragma('integrity_check'), 'ok')
    t.equal(database.pragma('foreign_key_check'), null)
    t.equal(database.pragma('user_version'), schemaVersion)
  })
}
