/** Everything that can be said of a configuration without running it: its mistakes, its warnings, its tests. */

import { runTests, storedIds } from '../config/checks/tests.ts'
import type { CompiledConfig } from '../config/compiled.ts'
import type { Env } from '../config/file/interpolate.ts'
import { loadConfig } from '../config/load.ts'
import { inOrder, type Problem } from '../config/problem.ts'
import { openStore } from '../store/open.ts'
import { StoreRefused, StoreUnavailable } from '../store/store.ts'
import { testProblems } from './tests.ts'

export interface Checked {
  /** Errors and warnings, in the order of the file. */
  readonly problems: readonly Problem[]
  /** How many tests the configuration holds; 0 where it has mistakes, for then none was run. */
  readonly tests: number
}

/** Reads the configuration, its templates and its tests. Whatever they hold, it answers and does not throw. */
export async function checkConfig(file: string, env: Env): Promise<Checked> {
  const loaded = loadConfig(file, env)
  if (!loaded.ok) return { problems: loaded.problems, tests: 0 }
  const problems = inOrder(file, [...loaded.warnings, ...(await problemsOfTests(loaded.compiled))])
  return { problems, tests: (loaded.compiled.config.tests ?? []).length }
}

/** The store is opened only where a test names a stored event. Without it that test fails, and no other. */
async function problemsOfTests(compiled: CompiledConfig): Promise<readonly Problem[]> {
  if (storedIds(compiled).length === 0) return runTests(compiled, () => '')
  try {
    const store = await openStore(compiled.config.store.url, 'operator')
    try {
      return await testProblems(compiled, store)
    } finally {
      await store.close()
    }
  } catch (error) {
    if (!(error instanceof StoreRefused) && !(error instanceof StoreUnavailable)) throw error
    return runTests(compiled, () => error.message)
  }
}
