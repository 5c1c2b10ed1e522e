import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { testCounts } from '../../build/test-counts.ts'
import manifest from '../../package.json' with { type: 'json' }
import { temporaryFolder } from '../support/service.ts'
import { allTestFiles, filesOf, groupNames } from './groups.ts'

const here = fileURLToPath(new URL('.', import.meta.url))

t.test('npm test runs every test file once', async (t) => {
  t.strictSame(manifest.tap.include, ['test/groups/all.ts'])
  for (const name of groupNames) t.not(filesOf(name).length, 0, name)
  t.strictSame(groupNames.flatMap(filesOf).toSorted(), allTestFiles())
  t.ok(allTestFiles().includes('groups/groups.test.ts'))
})

t.test('a file that fails is named, fails the group, and does not keep others from running', async (t) => {
  const files = {
    'passes.test.ts': `t.test('one', async (t) => t.ok(true)); await null; t.test('two', async (t) => t.ok(true))`,
    'throws.test.ts': `t.test('before', async (t) => t.ok(true)); throw new Error('thrown at once')`,
    'no-syntax.test.ts': `t.test(`,
    'asserts.test.ts': `t.test('right', async (t) => t.ok(true)); t.test('wrong', async (t) => t.ok(false, 'asserted'))`,
    'throws-later.test.ts': `t.test('late', async () => { setImmediate(() => { throw new Error('thrown later') }); await new Promise(() => {}) })`,
    'without-tests.test.ts': `t.equal(1, 1, 'an assertion of the file')`,
    'passes-too.test.ts': `t.test('three', async (t) => t.ok(true))`,
  }
  const folder = temporaryFolder(t)
  for (const [file, text] of Object.entries(files))
    writeFileSync(join(folder, file), `import t from 'tap'\n${text}\n`)
  const script = `
    import { runFiles } from ${JSON.stringify(join(here, 'run-files.ts'))}
    await runFiles(${JSON.stringify(folder)}, ${JSON.stringify(Object.keys(files))})`
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  const results = [...stdout.matchAll(/^(not ok|ok) \d+ - test\/(\S+)/gm)].map(([, result, name]) => [
    name,
    result,
  ])
  t.strictSame(Object.fromEntries(results), {
    'passes.test.ts': 'ok',
    'throws.test.ts': 'not ok',
    'no-syntax.test.ts': 'not ok',
    'asserts.test.ts': 'not ok',
    'throws-later.test.ts': 'not ok',
    'without-tests.test.ts': 'ok',
    'passes-too.test.ts': 'ok',
  })
  t.match(stdout, /^ {4}not ok 2 - thrown at once/m)
  t.match(stdout, /^ {4}# Subtest: wrong\n {8}not ok 1 - asserted/m)
  t.match(stdout, /^ {8}not ok 1 - thrown later/m)
  t.equal(status, 1)
  t.strictSame(testCounts(stdout), { passed: 6, failed: 4 })
})
