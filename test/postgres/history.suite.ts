/** The history of PostgreSQL answers what that of SQLite does, for the same data, and reads no table for a page of it. */
import { join } from 'node:path'
import t from 'tap'
import { parseUrl } from '../../src/postgres-url/url.ts'
import { Database } from '../../src/store/postgres/connection/database.ts'
import type { Row, Session, Value } from '../../src/store/postgres/connection/session.ts'
import { deliveryPage } from '../../src/store/postgres/history/deliveries.ts'
import { eventPage } from '../../src/store/postgres/history/events.ts'
import { find } from '../../src/store/postgres/history/find.ts'
import { typesOf } from '../../src/store/postgres/history/kinds.ts'
import { backlog, destinations } from '../../src/store/postgres/history/places.ts'
import { conversationFor, deliveryRecord, eventRecord } from '../../src/store/postgres/history/records.ts'
import { migrate } from '../../src/store/postgres/migrations/migrations.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { Page, PageRequest, Store } from '../../src/store/store.ts'
import { deliveryFilters, eventFilters } from '../support/history-filters.ts'
import { writeLongHistory } from '../support/long-history.ts'
import { notDurable, startPostgres } from '../support/postgres.ts'
import { copyHistory } from '../support/postgres-history.ts'

const path = join(t.testdir(), 'store.db')
await writeLongHistory(path, 4_000)
const sqlite: Store = await openSqlite({ path, role: 'operator' })
const postgres = await startPostgres(t, { settings: notDurable })
const url = postgres.createDatabase()
const parsed = parseUrl(url)
if (!parsed.ok) throw new Error(parsed.problem)
const database = new Database(parsed.target, { name: 'postgres://test', connections: 2 })
t.teardown(async () => {
  await database.close()
  await sqlite.close()
})
await migrate(database)
await copyHistory(path, postgres, url)

/** A list read to its end. */
async function all<Item>(read: (page: PageRequest) => Promise<Page<Item>>): Promise<Page<Item>[]> {
  const pages: Page<Item>[] = []
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: Page<Item> = await read({ limit: 170, ...(cursor !== undefined && { cursor }) })
    pages.push(page)
    cursor = page.next
  }
  return pages
}

// One text: tap takes seconds to compare long lists.
function text(pages: readonly Page<unknown>[]): string {
  return pages.map((page) => JSON.stringify(page, sorted)).join('\n')
}

/** The counts of an event come in no order. */
function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
}

t.test('the pages of each filter are those of SQLite', async (t) => {
  for (const filter of eventFilters) {
    const ours = await all((page) => database.read((session) => eventPage(session, filter, page)))
    const theirs = await all((page) => sqlite.events(filter, page))
    t.equal(text(ours), text(theirs), `events ${JSON.stringify(filter)}`)
  }
  for (const filter of deliveryFilters) {
    const ours = await all((page) => database.read((session) => deliveryPage(session, filter, page)))
    const theirs = await all((page) => sqlite.deliveries(filter, page))
    t.equal(text(ours), text(theirs), `deliveries ${JSON.stringify(filter)}`)
  }
})

t.test('single records, ids, types and destinations are those of SQLite', async (t) => {
  const { items } = await sqlite.deliveries({ states: ['parked', 'retrying', 'delivered'] }, { limit: 40 })
  t.ok(items.length > 30)
  for (const { id, eventId } of items) {
    const event = await database.read((session) => eventRecord(session, eventId))
    const theirs = await sqlite.event(eventId)
    t.same(
      event && { ...event, body: String(event.body) },
      theirs && { ...theirs, body: String(Buffer.from(theirs.body)) },
    )
    t.same(await database.read((session) => deliveryRecord(session, id)), await sqlite.delivery(id))
    for (const typed of [id, eventId, eventId.slice(0, 20), id.slice(0, 12)]) {
      t.same(await database.read((session) => find(session, typed, 9)), await sqlite.find(typed, 9), typed)
    }
  }
  for (const typed of ['an_1', 'an_', 'msg_', 'nothing', '']) {
    t.same(await database.read((session) => find(session, typed, 9)), await sqlite.find(typed, 9), typed)
  }
  const inOrder = (types: readonly unknown[]) => types.map((type) => JSON.stringify(type)).sort()
  t.same(inOrder(await database.read(typesOf)), inOrder(await sqlite.types()))
  t.same(await database.read(destinations), await sqlite.destinations())
  const byChannel = (one: { channel: string }, other: { channel: string }) =>
    one.channel < other.channel ? -1 : 1
  t.same([...(await database.read(backlog))].sort(byChannel), [...(await sqlite.backlog())].sort(byChannel))
  const stage = { lifecycle: 'l', key: 'k', stage: 's', first: 's', last: 's', number: 1 }
  t.same(
    await database.read((session) => conversationFor(session, 'evt_none', stage, 'l/k/slack/#a')),
    await sqlite.conversation('evt_none', stage, 'l/k/slack/#a'),
  )
})

/** How each statement that `read` runs is answered. */
async function plansOf(read: (session: Session) => Promise<unknown>): Promise<string[]> {
  const plans: string[] = []
  await database.read(async (session) => {
    const recording: Session = {
      ...session,
      async query<R extends Row>(sql: string, values: readonly Value[] = []) {
        const lines = await session.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`, values)
        plans.push(lines.map((line) => line['QUERY PLAN']).join('\n'))
        return session.query<R>(sql, values)
      },
    }
    await read(recording)
  })
  return plans
}

// Tables with a row a destination, or for each source with each of its types; and functions and parts of the statement.
const SMALL = /Seq Scan on (destinations|rates|kinds|enrichments|stages)\b/

t.test('no page reads a table, or is compiled, which takes longer than any page', async (t) => {
  const page = { limit: 50, cursor: '1792108800000-1500' }
  const isExpensive = (line: string) =>
    (line.includes('Seq Scan on') && !SMALL.test(line)) || line.includes('JIT:')
  const expensive = (plans: readonly string[]) => plans.filter((plan) => plan.split('\n').some(isExpensive))
  for (const filter of eventFilters) {
    const plans = await plansOf((session) => eventPage(session, filter, page))
    t.same(expensive(plans), [], `events ${JSON.stringify(filter)}`)
  }
  for (const filter of deliveryFilters) {
    const of = filter.subject === undefined ? page : { limit: 50, cursor: `${page.cursor}-9000` }
    const plans = await plansOf((session) => deliveryPage(session, filter, of))
    t.same(expensive(plans), [], `deliveries ${JSON.stringify(filter)}`)
  }
  for (const read of [backlog, destinations, (session: Session) => find(session, 'an_', 9)]) {
    t.same(expensive(await plansOf(read)), [], String(read))
  }
})
