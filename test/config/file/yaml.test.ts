import t from 'tap'
import { parseYaml } from '../../../src/config/file/yaml.ts'
import type { YamlDocument } from '../../../src/config/file/yaml-document.ts'
import { cpuTime } from '../../support/cpu-time.ts'

function document(text: string, firstLine?: number): YamlDocument {
  const parsed = parseYaml('a.yaml', text, firstLine)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return parsed.document
}

t.test('values are those of YAML 1.2', async (t) => {
  const text =
    '%YAML 1.1\n---\nno: no\non: on\nold: 012\ntime: 12:30:45\ndate: 2026-11-20\nnull: ~\n"x": !!str 5\n'
  t.same(document(text).value, {
    no: 'no',
    on: 'on',
    old: 12,
    time: '12:30:45',
    date: '2026-11-20',
    null: null,
    x: '5',
  })
  t.same(document('a: <<\n<<: {b: 1}').value, { a: '<<', '<<': { b: 1 } }, 'merge keys are keys')
})

t.test('places', async (t) => {
  const text = 'a:\n  b: [1, "two", {c: 3}]\nd: |\n    first\n  # no comment\ne: &e {f: 1}\ng: *e\nh:\n'
  const found = document(text)
  t.same(found.at(['a', 'b', 1]), { line: 2, column: 10 }, 'a value')
  t.same(found.at(['a', 'b', 2, 'c']), { line: 2, column: 21 })
  t.same(found.keyAt(['a', 'b']), { line: 2, column: 3 }, 'a key')
  t.same(found.at(['a', 'x', 'y']), { line: 1, column: 1 }, 'the key of what should hold a missing one')
  t.same(found.at(['x']), { line: 1, column: 1 })
  t.same(found.at(['g', 'f']), { line: 6, column: 11 }, 'what an alias stands for')
  t.same(found.at(['h']), { line: 8, column: 1 }, 'the key of an empty value')
  t.same(found.textAt(['a', 'b', 1], 'wo'), { line: 2, column: 12 })
})

t.test('the place of a block scalar is its first line of text', async (t) => {
  t.same(document('a:\n  b: |\n    {{ x\n').at(['a', 'b']), { line: 3, column: 5 })
  t.same(document('a: >-\n\n   text\n').at(['a']), { line: 2, column: 1 }, 'also where that is empty')
  t.same(document('a: |\r\n  text\r\n').at(['a']), { line: 2, column: 3 })
  t.same(document('a: |').at(['a']), { line: 1, column: 1 }, 'a block without text')
})

t.test('a document that starts further down its file', async (t) => {
  t.same(document('subject: x\nother: y', 2).at(['other']), { line: 3, column: 8 })
  const broken = parseYaml('email.md', 'subject: "x', 2)
  t.match(broken, { ok: false, problems: [{ file: 'email.md', line: 2 }] })
})

t.test('only the first syntax error is reported, without quoting the file', async (t) => {
  const parsed = parseYaml('a.yaml', 'token: |xoxb-secret\n  y\nz: "\n[')
  t.equal(parsed.ok ? 0 : parsed.problems.length, 1)
  t.notMatch(JSON.stringify(parsed), 'xoxb')
})

t.test('aliases cannot make a small file large, or endless', async (t) => {
  const bomb = (levels: number) =>
    Array.from(
      { length: levels },
      (_, n) =>
        `k${n}: &a${n} [${
          n === 0
            ? '1'
            : Array(9)
                .fill(`*a${n - 1}`)
                .join(', ')
        }]`,
    ).join('\n')
  const cost = cpuTime()
  t.match(parseYaml('a.yaml', bomb(60)), { ok: false, problems: [{ code: 'syntax', line: 6 }] })
  t.match(parseYaml('a.yaml', 'a: &a [*a]'), {
    ok: false,
    problems: [{ message: /refers to a value that contains it/ }],
  })
  t.match(parseYaml('a.yaml', 'a: &a {b: {c: *a}}'), { ok: false, problems: [{ line: 1, column: 15 }] })
  const chain = Array.from(
    { length: 2_000 },
    (_, n) => `k${n}: &a${n} [${n === 0 ? '1' : `*a${n - 1}`}]`,
  ).join('\n')
  t.match(parseYaml('a.yaml', chain), { ok: false, problems: [{ message: /levels/ }] })
  t.ok(cost() < 3_000, 'and it is quick to say so')
  t.ok(parseYaml('a.yaml', bomb(4)).ok, 'an honest use of aliases')
})

t.test('a file that is too large, or nested too deeply', async (t) => {
  t.match(parseYaml('a.yaml', `a: "${'x'.repeat(300_000)}"`), {
    ok: false,
    problems: [{ message: /256 kB/ }],
  })
  t.match(parseYaml('a.yaml', '['.repeat(20_000)), { ok: false })
  t.match(parseYaml('a.yaml', `${'['.repeat(70)}${']'.repeat(70)}`), {
    ok: false,
    problems: [{ message: /levels/ }],
  })
  const many = Array.from({ length: 30_000 }, (_, n) => `k${n}:`).join('\n')
  const cost = cpuTime()
  t.match(parseYaml('a.yaml', many), { ok: false, problems: [{ message: /more than 20000 values/ }] })
  t.ok(cost() < 5_000)
})

t.test('a key that would reach a prototype', async (t) => {
  t.match(parseYaml('a.yaml', 'a: {__proto__: {b: 1}}'), {
    ok: false,
    problems: [{ code: 'unknown_key', column: 5 }],
  })
  const found = document('constructor: 1\ntoString: {}')
  t.same(Object.keys(Object(found.value)), ['constructor', 'toString'])
  t.notOk(found.has(['hasOwnProperty']))
})

t.test('an alias stands for the anchor before it, also where the name is used again', async (t) => {
  t.same(document('a: &x 1\nz: &z [*x]\nb: &x 2\nc: [*z, *x]').value, { a: 1, z: [1], b: 2, c: [[1], 2] })
  t.match(parseYaml('a.yaml', 'a: *x\nb: &x 1'), { ok: false, problems: [{ message: /no anchor above it/ }] })
})
