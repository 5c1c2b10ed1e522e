import { type FinalResults, Parser, type Result } from 'tap-parser'
import { stringify } from 'yaml'

export interface Counts {
  readonly passed: number
  readonly failed: number
}

interface Test {
  readonly children: Test[]
  results?: FinalResults
}

/** Lines of a failure's diagnostics that are shown: its differences and its place come first. */
const SHOWN_LINES = 40

/**
 * How many tests a suite ran, not how many assertions, from what it printed as TAP. A test that has tests in it only groups
 * them; it counts where it failed by itself. A suite that ended too early, or ran nothing, has failed.
 */
export function testCounts(tap: string): Counts {
  const parser = new Parser()
  const suite = watch(parser)
  parser.end(tap)
  const { passed, failed } = countsOf(suite)
  return { passed, failed: passed + failed === 0 ? 1 : failed }
}

/**
 * What failed in a suite, from what it printed as TAP: for each assertion the names of the tests around it, with the first lines
 * of its diagnostics, indented.
 */
export function testFailures(tap: string): string[] {
  const failed: Result[] = []
  const collect = (parser: Parser) => {
    parser.on('child', collect)
    parser.on('assert', (result: Result) => {
      if (!result.ok && result.todo === false && result.skip === false) failed.push(result)
    })
  }
  const parser = new Parser()
  collect(parser)
  parser.end(tap)
  // After each test the one around it repeats that it failed.
  const inside = ({ fullname }: Result) => failed.some((other) => other.fullname.startsWith(`${fullname} > `))
  return failed.filter((result) => !inside(result)).map(describeFailure)
}

function describeFailure({ fullname, diag }: Result): string {
  const lines = diag === null ? [] : stringify(diag).trimEnd().split('\n')
  return [fullname, ...lines.slice(0, SHOWN_LINES).map((line) => `    ${line}`)].join('\n')
}

function watch(parser: Parser): Test {
  const test: Test = { children: [] }
  parser.on('child', (child: Parser) => test.children.push(watch(child)))
  parser.on('complete', (results: FinalResults) => {
    test.results = results
  })
  return test
}

function countsOf({ children, results }: Test): Counts {
  // After each test there is a line of its own, in the one around it.
  const ok = results?.ok === true && results.count >= children.length
  if (children.length === 0) {
    if (results?.plan.skipAll === true) return { passed: 0, failed: 0 }
    return { passed: ok ? 1 : 0, failed: ok ? 0 : 1 }
  }
  const inside = children.map(countsOf)
  const passed = inside.reduce((sum, one) => sum + one.passed, 0)
  const failed = inside.reduce((sum, one) => sum + one.failed, 0)
  return { passed, failed: failed === 0 && !ok ? 1 : failed }
}
