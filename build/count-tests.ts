/**
 * Counts the tests of suites: `count-tests.ts FOLDER SUITE…`. For each there is in the folder SUITE.tap, which is what it printed,
 * and SUITE.ended with its exit code and the second in which it ended. What failed is printed again, since it came thousands of lines
 * before. Exits 1 if a test failed, or a suite by itself.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Counts, testCounts, testFailures } from './test-counts.ts'

/** Lines of the output of a suite that failed though no test in it did. */
const LAST_LINES = 20

const [folder = '', ...suites] = process.argv.slice(2)

const counts = suites.map(countsOf)
const passed = counts.reduce((sum, one) => sum + one.passed, 0)
const failed = counts.reduce((sum, one) => sum + one.failed, 0)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

function countsOf(suite: string): Counts {
  const ended = join(folder, `${suite}.ended`)
  if (!existsSync(ended)) {
    console.error(`npm run ${suite} was not run to its end`)
    return { passed: 0, failed: 1 }
  }
  const [code, second] = readFileSync(ended, 'utf8').trim().split(' ')
  const tap = readFileSync(join(folder, `${suite}.tap`), 'utf8')
  const { passed, failed } = testCounts(tap)
  console.log(`${suite}: ${passed} passed, ${failed} failed, ended after ${second} s`)
  const failures = testFailures(tap)
  for (const failure of failures) console.log(`  not ok: ${failure.replaceAll('\n', '\n  ')}`)
  const wrong = code !== '0' || failed > 0
  if (wrong && failures.length === 0) console.log(lastLines(tap))
  if (code === '0' || failed > 0) return { passed, failed }
  // What no test has caught, as a runner that was killed, is a failure too.
  console.error(`npm run ${suite} ended with ${code}, and no test in it failed`)
  return { passed, failed: 1 }
}

function lastLines(output: string): string {
  const lines = output.trimEnd().split('\n').slice(-LAST_LINES)
  return lines.map((line) => `  ${line}`).join('\n')
}
