/** Checks a configuration without running it: mistakes, warnings, and its tests. */

import { checkNotices } from '../config/checks/notices.ts'
import { checkShortSecrets } from '../config/checks/secrets/short-secrets.ts'
import { checkSenders } from '../config/checks/senders/senders.ts'
import { runTests, storedIds } from '../config/checks/tests/tests.ts'
import { caught } from '../config/checks/unexpected.ts'
import type { CompiledConfig } from '../config/compiled.ts'
import type { Env } from '../config/file/interpolate.ts'
import { loadConfig } from '../config/load.ts'
import { inOrder, type Problem, START } from '../config/problem.ts'
import { openStore } from '../store/open.ts'
import { type Store, StoreRefused, StoreUnavailable } from '../store/store.ts'
import { proxyProblems } from './proxy-problems.ts'
import { testProblems } from './tests.ts'

export interface Checked {
  /** Errors and warnings, in the order of the file. */
  readonly problems: readonly Problem[]
  /** How many tests the configuration has; 0 if it has mistakes, since none is run then. */
  readonly tests: number
}

/** Reads the configuration, its templates and its tests, and the store if there is one. Never throws, whatever they contain. */
export async function checkConfig(file: string, env: Env): Promise<Checked> {
  const loaded = loadConfig(file, env)
  const surroundings = proxyProblems(file, env)
  if (!loaded.ok) return { problems: inOrder(file, [...surroundings, ...loaded.problems]), tests: 0 }
  const { compiled, warnings } = loaded
  const store = await openHistory(compiled.config.store.url)
  try {
    const problems = [
      ...surroundings,
      ...checkNotices(compiled),
      ...checkShortSecrets(compiled),
      ...(await comparedWithHistory(compiled, warnings, store)),
      ...(await problemsOfTests(compiled, store)),
    ]
    return { problems: inOrder(file, problems), tests: (compiled.config.tests ?? []).length }
  } finally {
    if (!(store instanceof Error)) await store.close()
  }
}

/** An error if it cannot be opened, or does not exist yet. */
async function openHistory(url: string): Promise<Store | Error> {
  try {
    return await openStore(url, 'operator')
  } catch (error) {
    if (!(error instanceof StoreRefused) && !(error instanceof StoreUnavailable)) throw error
    return error
  }
}

/** Types that were received are known, even if they are not documented. */
async function comparedWithHistory(
  compiled: CompiledConfig,
  warnings: readonly Problem[],
  store: Store | Error,
): Promise<readonly Problem[]> {
  const types = store instanceof Error ? [] : await store.types()
  if (types.length === 0) return warnings
  const bySource = Map.groupBy(types, ({ source }) => source)
  const received = new Map([...bySource].map(([source, list]) => [source, list.map(({ type }) => type)]))
  const isOther = ({ code }: Problem) => code !== 'unknown_type'
  const place = { severity: 'warning', file: compiled.file, ...START } as const
  const doubts = caught(place, 'the types that were received were compared with the configuration', () =>
    checkSenders(compiled, received).filter((problem) => !isOther(problem)),
  )
  return [...warnings.filter(isOther), ...doubts]
}

/** If the store cannot be opened, only a test that names a stored event fails. */
async function problemsOfTests(compiled: CompiledConfig, store: Store | Error): Promise<readonly Problem[]> {
  if (storedIds(compiled).length === 0) return runTests(compiled, () => '')
  return store instanceof Error ? runTests(compiled, () => store.message) : testProblems(compiled, store)
}
