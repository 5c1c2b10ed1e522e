import t from 'tap'
import { describeFact } from '../../src/pipeline/describe-fact.ts'
import type { Fact } from '../../src/pipeline/fact.ts'
import { startPurge } from '../../src/pipeline/purge.ts'
import type { PurgeRequest } from '../../src/store/store.ts'
import { until } from '../support/until.ts'

t.test('each step reads the current retention, and continues where the one before ended', async (t) => {
  const retention = { retain: 1_000, retainUnresolved: 9_000 }
  const asked: PurgeRequest[] = []
  const stop = startPurge({
    store: {
      purge: async (request) => {
        asked.push(request)
        return { events: 0, unresolved: 0, next: `after ${asked.length}` }
      },
    },
    retention: () => retention,
    now: () => 1_000_000,
    observe: () => t.fail('nothing was purged'),
    onBug: (error) => t.fail(String(error)),
  })
  t.teardown(stop)
  await until(() => asked.length > 1, 'two steps')
  t.match(asked[0], { before: 999_000, unresolvedBefore: 991_000, after: null })
  t.match(asked[1], { before: 999_000, after: 'after 1' })
  retention.retain = 5_000
  await until(() => asked.at(-1)?.before === 995_000, 'a step with the new retention')
})

t.test('removing what still needed a person is a warning', async (t) => {
  const facts: Fact[] = []
  let purged = { events: 3, unresolved: 2, next: null }
  const stop = startPurge({
    store: {
      purge: async () => {
        const result = purged
        purged = { events: 0, unresolved: 0, next: null }
        return result
      },
    },
    retention: () => ({ retain: 1, retainUnresolved: 1 }),
    now: () => 1_000,
    observe: (fact) => facts.push(fact),
    onBug: (error) => t.fail(String(error)),
  })
  t.teardown(stop)
  await until(() => facts.length > 0, 'the purge')
  t.same(facts, [{ kind: 'purged', events: 3, unresolved: 2 }])
  t.match(facts.map(describeFact), [
    { level: 'warn', message: /2 of them/, fields: { events: 3, unresolved: 2 } },
  ])
  t.match(describeFact({ kind: 'purged', events: 3, unresolved: 0 }), { level: 'debug' })
})
