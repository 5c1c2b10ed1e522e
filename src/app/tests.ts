import { runTests, storedIds } from '../config/checks/tests.ts'
import type { CompiledConfig } from '../config/compiled.ts'
import type { Problem } from '../config/problem.ts'
import { type Event, eventOf } from '../core/event.ts'
import type { Store } from '../store/store.ts'

/** Runs the tests of a configuration; `store` holds the events that they name by id. */
export async function testProblems(
  compiled: CompiledConfig,
  store: Pick<Store, 'events'>,
): Promise<readonly Problem[]> {
  const events = new Map<string, Event | string>()
  for (const id of storedIds(compiled)) {
    const [record] = await store.events({ id, limit: 1 })
    if (record === undefined) events.set(id, `${id} is not stored`)
    else events.set(id, eventOf(record) ?? `${id} is quarantined: ${record.problem}`)
  }
  return runTests(compiled, (id) => events.get(id) ?? `${id} was not looked for`)
}
