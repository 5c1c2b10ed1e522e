import { runTests, storedIds } from '../config/checks/tests/tests.ts'
import type { CompiledConfig } from '../config/compiled.ts'
import type { Problem } from '../config/problem.ts'
import { type Event, eventOf } from '../core/event.ts'
import { eventOfFound, lookUp } from '../store/lookup.ts'
import type { Store } from '../store/store.ts'

/** Runs the tests of a configuration; `store` holds the events that they name by id. */
export async function testProblems(
  compiled: CompiledConfig,
  store: Pick<Store, 'find' | 'event' | 'delivery'>,
): Promise<readonly Problem[]> {
  const events = new Map<string, Event | string>()
  for (const id of storedIds(compiled)) {
    events.set(id, await storedEvent(store, id))
  }
  return runTests(compiled, (id) => events.get(id) ?? `${id} was not looked for`)
}

async function storedEvent(
  store: Pick<Store, 'find' | 'event' | 'delivery'>,
  id: string,
): Promise<Event | string> {
  const looked = await lookUp(store, id)
  if (looked.kind === 'several') {
    const ids = looked.candidates.map((candidate) => candidate.id)
    return `${id} may mean ${ids.join(', ')}${looked.more ? ' or others' : ''}`
  }
  const record = looked.kind === 'none' ? null : await eventOfFound(store, looked.found)
  if (record === null) return `${id} is not stored`
  return eventOf(record) ?? `${id} is quarantined: ${record.problem}`
}
