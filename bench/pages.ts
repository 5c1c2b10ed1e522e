/** What a page of a list costs beside a long history, read as an operator's command reads it. */
import { join } from 'node:path'
import { openStore } from '../src/store/open.ts'
import type { DeliveryFilter, EventFilter, Page, PageRequest, Store } from '../src/store/store.ts'
import { deliveryFilters, eventFilters } from '../test/support/history-filters.ts'
import { HISTORY_END, HISTORY_START, writeLongHistory } from '../test/support/long-history.ts'
import { median } from './load.ts'
import { migration } from './migration.ts'

const EVENTS = 1_000_000
const RUNS = 20
const LIMIT = 50
const LIMIT_MS = 10
const WIDTH = 62

/** Fills a store, and measures the first page, and the page in the middle, of every kind of list. */
export async function pages(folder: string): Promise<void> {
  const path = join(folder, 'pages.db')
  const began = performance.now()
  await writeLongHistory(path, EVENTS)
  console.log(`\nA history of ${EVENTS} events, written in ${seconds(began)} s`)
  await measurePages(path)
  const took = await migration(path)
  console.log(`\nBringing that history from schema 2 to the present one: ${took.toFixed(1)} s`)
}

async function measurePages(path: string): Promise<void> {
  const url = `sqlite:${path}`
  console.log(`Pages of ${LIMIT}, as an operator opens the store: the first time, then ${RUNS} times.`)
  console.log(`! marks a median above ${LIMIT_MS} ms.`)
  heading('events')
  for (const filter of eventFilters) {
    await measure(url, filter, (store, filter, page) => store.events(filter, page))
  }
  heading('deliveries')
  for (const filter of deliveryFilters) {
    await measure(url, filter, (store, filter, page) => store.deliveries(filter, page))
  }
  heading('others')
  await measureOne(url, 'destinations()', async (store) => (await store.destinations()).length)
  await measureOne(url, 'backlog()', async (store) => (await store.backlog()).length)
  for (const prefix of ['evt_', 'dlv_', 'msg_m', 'an_47', 'nothing']) {
    await measureOne(url, `find(${prefix})`, async (store) => (await store.find(prefix, 11)).length)
  }
}

type Filter = EventFilter | DeliveryFilter
type List<F extends Filter> = (store: Store, filter: F, page: PageRequest) => Promise<Page<unknown>>

/** The first page, and the one behind a cursor in the middle of the time. */
async function measure<F extends Filter>(url: string, filter: F, list: List<F>): Promise<void> {
  await measureOne(url, nameOf(filter), async (store) => {
    return (await list(store, filter, { limit: LIMIT })).items.length
  })
  const cursor = await middleOf(url, filter, list)
  if (cursor === null) return
  await measureOne(url, '  in the middle', async (store) => {
    return (await list(store, filter, { limit: LIMIT, cursor })).items.length
  })
}

async function middleOf<F extends Filter>(url: string, filter: F, list: List<F>): Promise<string | null> {
  const { since = HISTORY_START, until = HISTORY_END } = filter
  const store = await openStore(url, 'operator')
  try {
    return (await list(store, { ...filter, until: (since + until) / 2 }, { limit: 1 })).next
  } finally {
    await store.close()
  }
}

async function measureOne(url: string, name: string, read: (store: Store) => Promise<number>): Promise<void> {
  const store = await openStore(url, 'operator')
  try {
    const times: number[] = []
    let rows = 0
    for (let run = 0; run <= RUNS; run++) {
      const began = performance.now()
      rows = await read(store)
      times.push(performance.now() - began)
    }
    const [first = Number.NaN, ...others] = times
    const columns = [first, median(others), Math.max(...others)]
    const isOver = median(others) > LIMIT_MS
    console.log(
      [
        name.padEnd(WIDTH),
        String(rows).padStart(4),
        ...columns.map((ms) => ms.toFixed(2).padStart(8)),
        isOver ? '!' : '',
      ].join('  '),
    )
  } finally {
    await store.close()
  }
}

/** As flags of a command are written: `type=key.rotated since=2026-10-16`. */
function nameOf(filter: Filter): string {
  const parts = Object.entries(filter).map(([key, value]) =>
    typeof value === 'number' ? `${key}=${new Date(value).toISOString().slice(0, 10)}` : `${key}=${value}`,
  )
  return parts.join(' ') || 'no filter'
}

function heading(list: string): void {
  console.log(`\n${list.padEnd(WIDTH)}  rows  first ms    median     worst`)
}

function seconds(began: number): string {
  return ((performance.now() - began) / 1000).toFixed(1)
}
