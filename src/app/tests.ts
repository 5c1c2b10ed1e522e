import type { Setup } from '../config/load.ts'
import type { Problem } from '../config/problem.ts'
import { runTests, storedIds } from '../config/tests.ts'
import { type Event, eventOf } from '../core/event.ts'
import type { Store } from '../store/store.ts'

/** Runs the tests of a configuration; `store` holds the events that they name by id. */
export async function testProblems(setup: Setup, store: Pick<Store, 'events'>): Promise<readonly Problem[]> {
  const events = new Map<string, Event>()
  for (const id of storedIds(setup)) {
    const [record] = await store.events({ id, limit: 1 })
    const event = record === undefined ? null : eventOf(record)
    if (event !== null) events.set(id, event)
  }
  return runTests(setup, (id) => events.get(id))
}
