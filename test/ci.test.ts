/** What continuous integration says of its suites, with an npm in front that only prints what they would. */
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join, matchesGlob } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { temporaryFolder } from './support/service.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const script = join(root, '.ci/run')

/** What a suite of one file with two tests prints. */
const passing = `TAP version 14
# Subtest: a.test.ts
    # Subtest: first
        ok 1 - one assertion
        ok 2 - another
        1..2
    ok 1 - first # time=1ms
    # Subtest: second
        ok 1 - third
        1..1
    ok 2 - second # time=1ms
    1..2
ok 1 - a.test.ts # time=3ms
1..1
`

/** Runs it with suites that do as the shell's `case` says; any other npm script does nothing. */
function runWith(t: Test, cases: string) {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'passing'), passing)
  writeFileSync(
    join(folder, 'failing'),
    passing.replace(/^( *)ok (1 - third|2 - second|1 - a)/gm, '$1not ok $2'),
  )
  const npm = `#!/bin/sh\ncd ${folder}\necho "npm $*"\ncase "$2" in\n${cases}\nesac\n`
  writeFileSync(join(folder, 'npm'), npm, { mode: 0o755 })
  const env = { ...process.env, NODE_OPTIONS: '', PATH: `${folder}${delimiter}${process.env.PATH}` }
  const { status, stdout, stderr } = spawnSync(script, { env, encoding: 'utf8' })
  const others = stdout.match(/^npm run test:/gm)?.length ?? 0
  return { status, stdout, stderr, others, last: stdout.trimEnd().split('\n').at(-1) }
}

t.test('the last line counts the tests of all suites', async (t) => {
  const { status, last, stdout, others } = runWith(t, 'test*) cat passing ;;')
  t.ok(others > 0, 'there is more than npm test')
  t.match(stdout, '# Subtest: second', 'what the suites print is printed')
  t.equal(last, `${2 * (1 + others)} passed, 0 failed`)
  t.equal(status, 0)

  const { scripts }: { scripts: Record<string, string> } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  )
  const names = Object.keys(scripts).filter((name) => name.startsWith('test'))
  const ran = [...stdout.matchAll(/^npm run (test\S*)/gm)].map(([, name]) => name)
  t.strictSame(ran.toSorted(), names.toSorted(), 'every script that tests is run')
  const written = [...stdout.matchAll(/_TAPJS_PROCESSINFO_CWD_=(\S+)/g)].map(([, folder]) => folder)
  t.equal(new Set(written).size, names.length, 'no suite writes where another one may be cleaning up')
  const patterns = names.flatMap((name) => scripts[name]?.split(' ') ?? [])
  const files = globSync('test/**/*.{suite,browser}.ts', { cwd: root })
  t.not(files.length, 0)
  for (const file of files) {
    t.ok(
      patterns.some((pattern) => matchesGlob(file, pattern)),
      `a script runs ${file}`,
    )
  }
})

t.test('suites that fail or die count, and do not keep the others from running', async (t) => {
  const cases =
    'test) cat failing; exit 1 ;;\ntest:fault) exit 7 ;;\ntest:browser) cat passing; exit 7 ;;\ntest:*) cat passing ;;'
  const { status, last, others, stdout, stderr } = runWith(t, cases)
  t.equal(last, `${1 + 2 * (others - 1)} passed, 3 failed`)
  const summary = stdout.slice(stdout.indexOf('test: 1 passed, 1 failed'))
  t.match(summary, '  not ok: a.test.ts > second > third\n', 'what failed is listed at the end')
  t.match(summary, /^test:browser: .*\n( {2}.*\n)* {2}ok 1 - a\.test\.ts/m, 'or what was printed last')
  t.match(stderr, 'npm run test:browser ended with 7')
  t.equal(status, 1)
})

t.test(
  'one suite that waits runs beside another, and neither prints among the lines of the other',
  async (t) => {
    // Each of the two waits until the other one is there.
    const meet = (mine: string, other: string) =>
      `echo >${mine} & cat ${other} >/dev/null; for line in 1 2 3; do echo "${mine} $line"; done; cat passing`
    const cases = `check) mkfifo here there ;;\ntest:postgres) ${meet('here', 'there')} ;;\ntest:browser) ${meet('there', 'here')} ;;\ntest*) cat passing ;;`
    const { status, stdout, last, others } = runWith(t, cases)
    for (const suite of ['here', 'there'])
      t.match(stdout, `${suite} 1\n${suite} 2\n${suite} 3\nTAP version 14\n`)
    t.equal(last, `${2 * (1 + others)} passed, 0 failed`)
    t.equal(status, 0)
  },
)

t.test('without types, lint and format in order no suite runs', async (t) => {
  const { status, stdout } = runWith(t, 'check) exit 3 ;;')
  t.equal(status, 3)
  t.notMatch(stdout, 'npm run test')
})
