/** Checks a configuration without running it: mistakes, warnings, and its tests. */

import { runTests, storedIds } from '../config/checks/tests.ts'
import type { CompiledConfig } from '../config/compiled.ts'
import type { Env } from '../config/file/interpolate.ts'
import { loadConfig } from '../config/load.ts'
import { inOrder, type Problem } from '../config/problem.ts'
import { openStore } from '../store/open.ts'
import { StoreRefused, StoreUnavailable } from '../store/store.ts'
import { proxyProblems } from './proxy-problems.ts'
import { testProblems } from './tests.ts'

export interface Checked {
  /** Errors and warnings, in the order of the file. */
  readonly problems: readonly Problem[]
  /** How many tests the configuration has; 0 if it has mistakes, since none is run then. */
  readonly tests: number
}

/** Reads the configuration, its templates and its tests. Never throws, whatever they contain. */
export async function checkConfig(file: string, env: Env): Promise<Checked> {
  const loaded = loadConfig(file, env)
  const surroundings = proxyProblems(file, env)
  if (!loaded.ok) return { problems: inOrder(file, [...surroundings, ...loaded.problems]), tests: 0 }
  const problems = inOrder(file, [
    ...surroundings,
    ...loaded.warnings,
    ...(await problemsOfTests(loaded.compiled)),
  ])
  return { problems, tests: (loaded.compiled.config.tests ?? []).length }
}

/** The store is opened only if a test names a stored event; if it cannot be opened, only that test fails. */
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
