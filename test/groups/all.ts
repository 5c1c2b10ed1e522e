/**
 * What `npm test` runs: each group of test files in a process of its own. Those are plain Node: the hooks that tap gives to its own
 * processes (for mocks, coverage and source maps, which no test here needs) take as much CPU as a third of the tests.
 */
import { join } from 'node:path'
import t from 'tap'
import { groupNames } from './groups.ts'

const GROUP_TIMEOUT_MS = 1_800_000

const { NODE_OPTIONS: _hooks, ...env } = process.env
// Some wait for timers and other processes most of the time.
t.jobs = 5
for (const name of groupNames) {
  t.spawn(process.execPath, [join(import.meta.dirname, 'run-group.ts'), name], {
    name,
    env,
    buffered: true,
    timeout: GROUP_TIMEOUT_MS,
  })
}
