import t from 'tap'
import { startPurge } from '../../src/pipeline/purge.ts'
import { until } from '../support/until.ts'

t.test('each step asks how long events are kept', async (t) => {
  let retain = 1_000
  const asked: number[] = []
  const stop = startPurge({
    store: {
      purge: async (before, limit) => {
        asked.push(before)
        // As many as were wanted: there are more.
        return limit
      },
    },
    retain: () => retain,
    now: () => 1_000_000,
    observe: () => {},
  })
  t.teardown(stop)
  await until(() => asked.length > 0, 'the first step')
  t.equal(asked.at(-1), 999_000)
  retain = 5_000
  await until(() => asked.at(-1) === 995_000, 'a step with the new retention')
})
