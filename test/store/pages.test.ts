/** How pages are read from a long history: what they find, and through which indexes. */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Database, type Row, type Statement } from '../../src/store/sqlite/database.ts'
import { deliveryPage } from '../../src/store/sqlite/history/deliveries.ts'
import { eventPage } from '../../src/store/sqlite/history/events.ts'
import { find } from '../../src/store/sqlite/history/find.ts'
import { backlog, destinations } from '../../src/store/sqlite/history/places.ts'
import type {
  DeliveryFilter,
  DeliverySummary,
  EventFilter,
  EventSummary,
  Page,
  PageRequest,
} from '../../src/store/store.ts'
import { deliveryFilters, eventFilters } from '../support/history-filters.ts'
import { writeLongHistory } from '../support/long-history.ts'

/** Remembers the text of every statement. */
class RecordingDatabase extends Database {
  readonly statements = new Set<string>()

  override prepare<R extends Row = Row>(sql: string): Statement<R> {
    this.statements.add(sql)
    return super.prepare(sql)
  }
}

async function filled(t: Test, events: number): Promise<RecordingDatabase> {
  const path = join(t.testdir(), 'store.db')
  await writeLongHistory(path, events)
  const database = new RecordingDatabase(path, 0)
  t.teardown(() => database.close())
  return database
}

/** How each statement that `read` runs is answered. */
function plansOf(database: RecordingDatabase, read: () => unknown): string[] {
  database.statements.clear()
  read()
  return [...database.statements].map((sql) =>
    database
      .prepare<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => detail)
      .join('; '),
  )
}

// Tables with a row a destination, or for each source with each of its types.
const OF_SMALL_TABLE = /^SCAN (destinations|rates|kinds)\b/
// An event has few deliveries, and a message few events.
const OF_ONE = /^SEARCH (deliveries USING INDEX deliveries_event \(event=|events USING INDEX events_message)/

function isExpensive(plan: string): boolean {
  if (OF_SMALL_TABLE.test(plan) || OF_ONE.test(plan)) return false
  return /SCAN|TEMP B-TREE/.test(plan)
}

t.test('no list reads a table, or sorts', async (t) => {
  const database = await filled(t, 2_000)
  const page = { limit: 50, cursor: '1792108800000-1500' }
  for (const filter of eventFilters) {
    const plans = plansOf(database, () => eventPage(database, filter, page))
    t.same(plans.filter(isExpensive), [], `events ${JSON.stringify(filter)}`)
  }
  for (const filter of deliveryFilters) {
    const of = filter.subject === undefined ? page : { limit: 50, cursor: `${page.cursor}-9000` }
    const plans = plansOf(database, () => deliveryPage(database, filter, of))
    t.same(plans.filter(isExpensive), [], `deliveries ${JSON.stringify(filter)}`)
  }
  for (const read of [
    () => backlog(database),
    () => destinations(database),
    () => find(database, 'an_', 9),
  ]) {
    t.same(plansOf(database, read).filter(isExpensive), [], String(read))
  }
})

t.test('each filter has its index, which a cursor goes into', async (t) => {
  const database = await filled(t, 1_000)
  database.execute("UPDATE events SET type = NULL, unrouted = NULL, problem = 'not JSON' WHERE seq = 1")
  const after = (column: string) => `${column}>? AND ${column}<?)`
  const ofEventKind = `events_kind (source=? AND type=? AND unrouted=? AND ${after('received_at')}`
  const events: readonly [EventFilter, string][] = [
    [{}, ofEventKind],
    [{ kind: 'unrouted' }, ofEventKind],
    [{ kind: 'quarantined' }, ofEventKind],
    [{ type: 'report.ready' }, ofEventKind],
    [{ subject: 'an_1' }, `events_subject (subject=? AND ${after('received_at')}`],
  ]
  for (const [filter, index] of events) {
    const plans = plansOf(database, () => eventPage(database, filter, { limit: 9 }))
    t.ok(plans.includes(`SEARCH events USING INDEX ${index}`), `${index}: ${plans.join('; ')}`)
  }
  const ofPlace = `deliveries_place (destination=? AND receiver=? AND state=? AND ${after('created_at')}`
  const ofKind = `deliveries_kind (kind=? AND ${after('created_at')}`
  const deliveries: readonly [DeliveryFilter, readonly string[]][] = [
    [{}, [ofKind]],
    [{ source: 'crm' }, [ofKind]],
    [{ receiver: 'receiver-01' }, [ofPlace]],
    [{ states: ['parked'] }, [ofPlace]],
    [{ states: ['parked'], type: 'report.ready' }, [ofPlace, ofKind]],
  ]
  for (const [filter, indexes] of deliveries) {
    const plans = plansOf(database, () => deliveryPage(database, filter, { limit: 9 }))
    const found = plans.filter((plan) => plan.includes('created_at'))
    t.same(
      found,
      indexes.map((index) => `SEARCH deliveries USING INDEX ${index}`),
    )
  }
})

/** A list read to its end. */
function all<Item>(read: (page: PageRequest) => Page<Item>): Item[] {
  const items: Item[] = []
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: Page<Item> = read({ limit: 170, ...(cursor !== undefined && { cursor }) })
    items.push(...page.items)
    cursor = page.next
  }
  return items
}

t.test('the pages of a filter have what fits it among all there is, once and in order', async (t) => {
  const database = await filled(t, 4_000)
  const everyEvent = all((page) => eventPage(database, {}, page))
  t.equal(everyEvent.length, 4_000)
  for (const filter of eventFilters) {
    const found = all((page) => eventPage(database, filter, page))
    t.equal(ids(found), ids(everyEvent.filter((event) => isOf(event, filter))), JSON.stringify(filter))
  }
  const everyDelivery = all((page) => deliveryPage(database, {}, page))
  t.ok(everyDelivery.length > 7_500)
  for (const filter of deliveryFilters) {
    const found = all((page) => deliveryPage(database, filter, page))
    t.equal(ids(found), ids(everyDelivery.filter((one) => isOfDelivery(one, filter))), JSON.stringify(filter))
  }
})

// One text: tap takes seconds to compare long lists.
function ids(items: readonly { readonly id: string }[]): string {
  return items.map(({ id }) => id).join('\n')
}

function isOf(event: EventSummary, filter: EventFilter): boolean {
  const { type, source, subject, kind, since = 0, until = Number.POSITIVE_INFINITY } = filter
  const itsKind = event.type === null ? 'quarantined' : event.unrouted ? 'unrouted' : 'routed'
  return (
    (type === undefined || type === event.type) &&
    (source === undefined || source === event.source) &&
    (subject === undefined || subject === event.subject) &&
    (kind === undefined || kind === itsKind) &&
    event.receivedAt >= since &&
    event.receivedAt < until
  )
}

function isOfDelivery(delivery: DeliverySummary, filter: DeliveryFilter): boolean {
  const { states, receiver, channel, target, since = 0, until = Number.POSITIVE_INFINITY } = filter
  const { type, source, subject } = filter
  return (
    (type === undefined || type === delivery.type) &&
    (source === undefined || source === delivery.source) &&
    (subject === undefined || subject === delivery.subject) &&
    (states === undefined || states.includes(delivery.state)) &&
    (receiver === undefined || receiver === delivery.receiver) &&
    (channel === undefined || channel === delivery.destination.channel) &&
    (target === undefined || target === delivery.destination.target) &&
    delivery.createdAt >= since &&
    delivery.createdAt < until
  )
}
