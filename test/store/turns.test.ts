/** Of the destinations that fail, few may be tried at once: in SQLite each comes when all others have been tried. */
import { join } from 'node:path'
import t from 'tap'
import { openSqlite } from '../../src/store/sqlite.ts'
import { entry, event, everything, limited, planned, START } from './contract/sample.ts'

const COUNT = 30
const NOW = START + 3_600_000
const SECOND = 1_000
const outcome = { kind: 'park', reason: 'channel_not_found' } as const

t.test('each of them is tried in turn, also while messages to one of them come', async (t) => {
  const store = await openSqlite({ path: join(t.testdir(), 'store.db'), role: 'service' })
  t.teardown(() => store.close())
  const all = Array.from({ length: COUNT }, (_, n) => planned({ target: `#f${n}` }))
  let events = 0
  const append = (deliveries: typeof all) => store.append(entry(event(++events), deliveries))
  const tryThem = async (now: number, channels = limited()) => {
    const { leased } = await store.claim(everything(now, { channels }))
    for (const { delivery } of leased) {
      const done = { deliveryId: delivery.id, number: 1, startedAt: now, durationMs: 0, outcome, notes: [] }
      await store.complete(done, { state: 'parked', dueAt: null, reason: outcome.reason }, true)
    }
    return leased.map(({ delivery }) => delivery.destination.target)
  }
  await append(all)
  t.equal((await tryThem(NOW)).length, COUNT)
  for (let backlog = 0; backlog < 10; backlog++) await append(all)
  const channels = limited({ slack: { perDestination: 1, freeForFailing: 1 } })
  const tried: string[] = []
  for (let turn = 0; turn < 5 * COUNT; turn++) {
    await append(all.slice(0, 1))
    tried.push(...(await tryThem(NOW + (turn + 1) * SECOND, channels)))
  }
  t.equal(tried.length, 5 * COUNT)
  for (let round = 0; round < 5; round++)
    t.equal(new Set(tried.slice(round * COUNT, (round + 1) * COUNT)).size, COUNT, `round ${round + 1}`)
})
