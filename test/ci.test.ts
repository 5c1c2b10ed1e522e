/** What continuous integration says of its suites, with an npm in front that only prints how they ended. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { temporaryFolder } from './support/service.ts'

const script = fileURLToPath(new URL('../.ci/run', import.meta.url))

/** Runs it with suites that do as the shell's `case` says; any other npm script does nothing. */
function runWith(t: Test, cases: string) {
  const folder = temporaryFolder(t)
  const npm = `#!/bin/sh\necho "npm $*"\ncase "$2" in\n${cases}\nesac\n`
  writeFileSync(`${folder}/npm`, npm, { mode: 0o755 })
  const env = { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` }
  const { status, stdout, stderr } = spawnSync(script, { env, encoding: 'utf8' })
  return { status, stdout, stderr, last: stdout.trimEnd().split('\n').at(-1) }
}

t.test('the last line counts the tests of all suites', async (t) => {
  const { status, last, stdout } = runWith(
    t,
    'test) echo "# { total: 12, pass: 12 }"; echo "# time=1ms" ;;\ntest:*) echo "# { total: 3, pass: 2, skip: 1 }" ;;',
  )
  const others = stdout.match(/^npm run test:/gm)?.length ?? 0
  t.ok(others > 0, 'there is more than npm test')
  t.match(stdout, '# { total: 12, pass: 12 }', "tap's own summary is printed")
  t.equal(last, `${12 + 2 * others} passed, 0 failed`)
  t.equal(status, 0)
})

t.test('a suite that fails does not keep the others from running, and counts', async (t) => {
  const failing =
    'test) echo "# { total: 5, pass: 3, fail: 2 }"; exit 1 ;;\ntest:*) echo "# { total: 1, pass: 1 }" ;;'
  const { status, last, stdout } = runWith(t, failing)
  const others = stdout.match(/^npm run test:/gm)?.length ?? 0
  t.equal(last, `${3 + others} passed, 2 failed`)
  t.equal(status, 1)
})

t.test('a suite that dies is a failure, whatever it printed', async (t) => {
  const dying = 'test) exit 7 ;;\ntest:*) echo "# { total: 1, pass: 1 }"; exit 1 ;;'
  const { status, last, stdout, stderr } = runWith(t, dying)
  const others = stdout.match(/^npm run test:/gm)?.length ?? 0
  t.equal(last, `${others} passed, ${1 + others} failed`)
  t.match(stderr, 'npm run test ended with 7')
  t.equal(status, 1)
})

t.test('without types, lint and format in order no suite runs', async (t) => {
  const { status, stdout } = runWith(t, 'check) exit 3 ;;')
  t.equal(status, 3)
  t.notMatch(stdout, 'npm run test')
})
