/** How the queue's depth gets into the metrics, with a store that the test plays. */
import t from 'tap'
import { createMetrics, type MetricsDeps } from '../../../src/http/metrics/metrics.ts'
import { parseMetrics } from '../../support/metrics.ts'

const deps = (different: Partial<MetricsDeps>): MetricsDeps => ({
  version: '1.2.3',
  now: Date.now,
  clock: () => performance.now(),
  backlog: async () => [],
  observe: () => {},
  inFlight: () => 0,
  destinations: async () => [],
  waitingEnrichments: async () => 0,
  ...different,
})
const known = {
  sources: [],
  types: [],
  channels: ['slack'],
  destinations: [],
  fallbacks: [],
  steps: [],
}

t.test('the store is asked once a second at the most, and less often where that takes long', async (t) => {
  let now = 1_000_000
  let setBack = 0
  let asked = 0
  let takes = 0
  const metrics = createMetrics(
    deps({
      now: () => now - setBack,
      clock: () => now,
      backlog: async () => {
        asked++
        now += takes
        const counts = { pending: 1, held: 0, sending: 0, retrying: 0, ambiguous: 0, parked: 0, dead: 0 }
        return [{ channel: 'slack', counts, firstDueAt: 999_000 }]
      },
    }),
  )
  t.teardown(() => metrics.stop())
  metrics.configure(known)
  const age = async () => parseMetrics(await metrics.text()).value('hookbridge_queue_oldest_due_age_seconds')
  t.equal(await age(), 1)
  now += 999
  t.equal(await age(), 1.999, 'the age grows meanwhile')
  t.equal(asked, 1, 'once for both metrics, and for both scrapes')
  now += 1
  takes = 50
  await age()
  t.equal(asked, 2)
  now += 4_999
  await age()
  t.equal(asked, 2, 'a hundred times the 50 ms that it took')
  now += 1
  takes = 3_000
  await age()
  t.equal(asked, 3)
  now += 29_999
  await age()
  t.equal(asked, 3)
  now += 1
  await age()
  t.equal(asked, 4, 'however long it took: half a minute at the most')
  setBack = 3_600_000
  now += 30_000
  await age()
  t.equal(asked, 5, 'a clock that was set back stops nothing')
})

t.test('where the backlog cannot be read, it is missing, and all else is there', async (t) => {
  const observed: unknown[] = []
  const metrics = createMetrics(
    deps({
      backlog: async () => {
        throw new Error('the disk is gone')
      },
      observe: (fact) => {
        observed.push(fact)
        metrics.count(fact)
      },
    }),
  )
  t.teardown(() => metrics.stop())
  metrics.configure(known)
  const { value } = parseMetrics(await metrics.text())
  t.equal(value('hookbridge_queue_depth'), undefined)
  t.equal(value('hookbridge_queue_oldest_due_age_seconds'), undefined)
  t.equal(value('hookbridge_build_info', { version: '1.2.3' }), 1)
  t.same(observed, [{ kind: 'store_failed', during: 'backlog', message: 'the disk is gone' }])
  const again = parseMetrics(await metrics.text())
  t.equal(again.value('hookbridge_store_failures_total', { during: 'backlog' }), 1)
})
