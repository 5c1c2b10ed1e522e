import t from 'tap'
import { testCounts, testFailures } from '../../build/test-counts.ts'

const lines = (ok: boolean) => {
  const not = ok ? '' : 'not '
  return `TAP version 14
# Subtest: a.test.ts
    # Subtest: first
        ok 1 - one assertion
        ok 2 - another
        1..2
    ok 1 - first # time=1ms
    # Subtest: group
        ok 1 - before
        # Subtest: inside
            ${not}ok 1 - third
            1..1
        ${not}ok 2 - inside # time=1ms
        1..2
    ${not}ok 2 - group # time=1ms
    # Subtest: left out
        1..0 # SKIP not here
    ok 3 - left out # SKIP not here
    1..3
${not}ok 1 - a.test.ts # time=3ms
1..1
`
}

t.test('tests are counted, not assertions, groups or what was skipped', async (t) => {
  t.same(testCounts(lines(true)), { passed: 2, failed: 0 })
  t.same(
    testCounts(`> hookbridge test\n${lines(true)}# time=1ms\n`),
    { passed: 2, failed: 0 },
    'npm prints too',
  )
  t.same(testCounts(lines(false)), { passed: 1, failed: 1 })
})

t.test('a group that fails by itself counts', async (t) => {
  const alone = lines(true)
    .replace('        ok 1 - before', '        not ok 1 - before')
    .replace(/^( {4})?ok (2 - group|1 - a)/gm, '$1not ok $2')
  t.same(testCounts(alone), { passed: 2, failed: 1 })
})

t.test('a file without groups is a test', async (t) => {
  t.same(
    testCounts('TAP version 14\n# Subtest: a.test.ts\n    ok 1 - x\n    1..1\nok 1 - a.test.ts\n1..1\n'),
    {
      passed: 1,
      failed: 0,
    },
  )
})

t.test('a suite that ends early has failed, wherever it does', async (t) => {
  const all = lines(true).trimEnd().split('\n')
  for (let kept = 0; kept < all.length; kept++) {
    const { failed } = testCounts(`${all.slice(0, kept).join('\n')}\n`)
    t.ok(failed > 0, `after ${kept} lines`)
  }
  t.match(testCounts('1..0 # no tests found\n'), { failed: 1 })
})

t.test('what failed is named once, with what is around it and its diagnostics', async (t) => {
  const diagnostics = `not ok 1 - third
              ---
              diff: |
                --- expected
                +++ actual
              at:
                fileName: a.test.ts
              ...`
  t.strictSame(testFailures(lines(false).replace('not ok 1 - third', diagnostics)), [
    `a.test.ts > group > inside > third
    diff: |
      --- expected
      +++ actual
    at:
      fileName: a.test.ts`,
  ])
  t.strictSame(testFailures(lines(true)), [])
})
