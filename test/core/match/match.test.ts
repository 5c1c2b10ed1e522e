import fc from 'fast-check'
import t from 'tap'
import type { Json } from '../../../src/core/json/json.ts'
import { compareNumbers, numberOf } from '../../../src/core/json/number.ts'
import { evaluate, matches } from '../../../src/core/match/evaluate.ts'
import { compileMatch, type Match } from '../../../src/core/match/match.ts'
import { wildcard } from '../../../src/core/match/wildcard.ts'
import { growth } from '../../support/cpu-time.ts'
import { aView } from '../../support/event.ts'

function compiled(raw: unknown): Match {
  const result = compileMatch(raw)
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  return result.match
}

/** Whether `wanted` holds for a field of this value; undefined leaves the field out. */
function holds(wanted: unknown, value?: Json): boolean {
  return matches(compiled({ 'data.field': wanted }), aView(value === undefined ? {} : { field: value }))
}

/** With the hint after the message. */
function problemsOf(raw: unknown): readonly { path: readonly (string | number)[]; message: string }[] {
  const result = compileMatch(raw)
  if (result.ok) return []
  return result.problems.map(({ path, message, hint }) => ({
    path,
    message: hint === '' ? message : `${message}; ${hint}`,
  }))
}

t.test('scalars are equal without coercion, and case matters', async (t) => {
  const values: Json[] = ['1', 1, true, 'true', false, 0, '', null, 'null', 'One', 'one']
  for (const wanted of values) {
    for (const value of values) {
      t.equal(
        holds(wanted, value),
        wanted === value,
        `${JSON.stringify(wanted)} for ${JSON.stringify(value)}`,
      )
    }
    t.notOk(holds(wanted), `${JSON.stringify(wanted)} for a missing field`)
    t.notOk(holds(wanted, [wanted]), `${JSON.stringify(wanted)} for a list`)
    t.notOk(holds(wanted, { field: wanted }), `${JSON.stringify(wanted)} for a mapping`)
  }
})

t.test('each operator', async (t) => {
  const cases: [wanted: unknown, value: Json | undefined, held: boolean][] = [
    [['a', 'b'], 'b', true],
    [['a', 'b'], 'c', false],
    [['a', 1, null], null, true],
    [['a.*', 'b'], 'a.b', true],
    [['x', { gt: 5 }], 6, true],
    [['x', { gt: 5 }], 'x', true],
    [['a'], undefined, false],
    [{ in: ['a', 'b*'] }, 'bc', true],
    [{ in: ['a', 'b*'] }, 'c', false],
    [{ not: 'a' }, 'b', true],
    [{ not: 'a' }, 'a', false],
    [{ not: 'a*' }, 'abc', false],
    [{ not: ['a', 'b'] }, 'b', false],
    [{ not: { gt: 5 } }, 5, true],
    [{ not: { gt: 5 } }, 6, false],
    [{ not: { gt: 5 } }, 'text', true],
    [{ not: { gt: 5, lt: 10 } }, 20, true],
    [{ not: { not: 'a' } }, 'a', true],
    [{ not: null }, null, false],
    [{ gt: 5 }, 5, false],
    [{ gt: 5 }, 5.1, true],
    [{ gte: 5 }, 5, true],
    [{ lt: 5 }, 5, false],
    [{ lt: 5 }, -5, true],
    [{ lte: 5 }, 5, true],
    [{ lte: 5 }, 5.1, false],
    [{ gte: 1, lt: 3 }, 2, true],
    [{ gte: 1, lt: 3 }, 3, false],
    [{ gt: 1 }, '2', false],
    [{ lt: 1 }, null, false],
    [{ gte: 0 }, true, false],
    [{ exists: true }, null, true],
    [{ exists: true }, '', true],
    [{ exists: false }, null, false],
    [{ prefix: 'ab' }, 'abc', true],
    [{ prefix: 'ab' }, 'Abc', false],
    [{ prefix: 'a*' }, 'abc', false],
    [{ prefix: '1' }, 12, false],
    [{ suffix: 'bc' }, 'abc', true],
    [{ suffix: 'bc' }, 'bcd', false],
    [{ contains: 'b' }, 'abc', true],
    [{ contains: 'x' }, 'abc', false],
    [{ contains: 'b' }, ['a', 'b'], true],
    [{ contains: 'b' }, ['abc'], false],
    [{ contains: 2 }, [1, 2], true],
    [{ contains: 2 }, ['2'], false],
    [{ contains: 2 }, '2', false],
    [{ contains: null }, [null], true],
    [{ contains: 'b' }, { b: 1 }, false],
    [{ regex: 'a+' }, 'aaa', true],
    [{ regex: 'a+' }, 'xaaa', false],
    [{ regex: 'a|b' }, 'bc', false],
    [{ regex: '(?i)A+' }, 'aaa', true],
    [{ regex: 'a.b' }, 'a\nb', false],
    [{ regex: 'a+' }, 1, false],
    [{ regex: 'a*' }, 'a'.repeat(65_536), true],
    [{ regex: 'a*' }, 'a'.repeat(65_537), false],
    [{ prefix: 'a', suffix: 'c', contains: 'b' }, 'abc', true],
    [{ prefix: 'a', suffix: 'c', contains: 'x' }, 'abc', false],
  ]
  for (const [wanted, value, held] of cases) {
    const name = `${JSON.stringify(wanted)} for ${JSON.stringify(value)?.slice(0, 40)}`
    t.equal(holds(wanted, value), held, name)
  }
})

t.test('a missing field satisfies only `exists: false` and `not`', async (t) => {
  for (const wanted of [
    ...[
      'a',
      '*',
      null,
      ['a', null],
      { in: ['a'] },
      { gt: 0 },
      { gte: 0 },
      { lt: 0 },
      { lte: 0 },
      { exists: true },
    ],
    ...[{ prefix: '' }, { suffix: '' }, { contains: '' }, { regex: '.*' }, { not: 'a', gt: 5 }],
  ]) {
    t.notOk(holds(wanted), JSON.stringify(wanted))
  }
  for (const wanted of [{ exists: false }, { not: 'a' }, { not: ['a', 'b'] }, { not: { gt: 0 } }]) {
    t.ok(holds(wanted), JSON.stringify(wanted))
  }
})

t.test('paths', async (t) => {
  const view = aView(
    { list: [{ id: 'a' }, 'b'], map: { 0: 'zero', length: 3 }, text: 'abc' },
    { payload: { top: 1 }, type: 'x.y' },
  )
  const cases: [raw: unknown, matched: boolean][] = [
    [{ type: 'x.*' }, true],
    [{ 'event.type': 'x.y' }, true],
    [{ source: 'cuuro' }, true],
    [{ 'event.sent_at': { prefix: '2026-11-23T12:00:00' } }, true],
    [{ 'payload.top': 1 }, true],
    [{ 'payload.data.text': 'abc' }, true],
    [{ 'enriched.analysis': { exists: false } }, true],
    [{ 'data.list.0.id': 'a' }, true],
    [{ 'data.list.1': 'b' }, true],
    [{ 'data.list.2': { exists: false } }, true],
    [{ 'data.list.01': { exists: false } }, true],
    [{ 'data.list.-1': { exists: false } }, true],
    [{ 'data.list.length': { exists: false } }, true],
    [{ 'data.text.length': { exists: false } }, true],
    [{ 'data.text.0': { exists: false } }, true],
    [{ 'data.map.0': 'zero' }, true],
    [{ 'data.map.length': 3 }, true],
    [{ data: { exists: true } }, true],
    [{ type: 'x.*', source: 'other' }, false],
  ]
  for (const [raw, matched] of cases) t.equal(matches(compiled(raw), view), matched, JSON.stringify(raw))

  const { data: _data, ...without } = aView().payload
  t.ok(
    matches(compiled({ data: { exists: false } }), { ...aView(), payload: without }),
    'a payload without data',
  )
})

t.test('names on the prototype are missing unless they are own', async (t) => {
  for (const name of [
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '__proto__.x',
    'constructor.name',
  ]) {
    t.ok(matches(compiled({ [`data.${name}`]: { exists: false } }), aView({})), name)
  }
  const own: Json = JSON.parse('{"__proto__": {"constructor": "own"}}')
  t.ok(matches(compiled({ 'data.__proto__.constructor': 'own' }), aView(own)))
})

t.test('any, all and not combine', async (t) => {
  const view = aView({ a: 1, b: 2 })
  const yes = { 'data.a': 1 }
  const no = { 'data.a': 2 }
  const cases: [raw: unknown, matched: boolean][] = [
    [{ any: [no, yes] }, true],
    [{ any: [no, no] }, false],
    [{ all: [yes, yes] }, true],
    [{ all: [yes, no] }, false],
    [{ not: no }, true],
    [{ not: yes }, false],
    [{ not: { ...yes, 'data.b': 3 } }, true],
    [{ 'data.b': 2, any: [no, yes], all: [yes], not: no }, true],
    [{ 'data.b': 3, any: [no, yes] }, false],
    [{ any: [{ all: [yes, { not: no }] }] }, true],
  ]
  for (const [raw, matched] of cases) t.equal(matches(compiled(raw), view), matched, JSON.stringify(raw))
})

t.test('an evaluation records every condition, also after the answer is clear', async (t) => {
  const match = compiled({ type: 'x', 'data.gone': 'y', any: [{ 'data.a': { gt: 0 } }, { 'data.a': 1 }] })
  t.same(evaluate(match, aView({ a: 1 })), {
    matched: false,
    conditions: [
      { kind: 'field', path: 'type', wanted: 'x', actual: 'analysis.completed', held: false },
      { kind: 'field', path: 'data.gone', wanted: 'y', actual: undefined, held: false },
      {
        kind: 'any',
        held: true,
        conditions: [
          { kind: 'field', path: 'data.a', wanted: { gt: 0 }, actual: 1, held: true },
          { kind: 'field', path: 'data.a', wanted: 1, actual: 1, held: true },
        ],
      },
    ],
  })
  t.same(evaluate(compiled({ not: { type: 'x' } }), aView()).conditions, [
    {
      kind: 'not',
      held: true,
      conditions: [{ kind: 'field', path: 'type', wanted: 'x', actual: 'analysis.completed', held: false }],
    },
  ])
})

t.test('mistakes have a path and helpful words', async (t) => {
  const cases: [raw: unknown, path: (string | number)[], message: RegExp][] = [
    [null, [], /a match must be a mapping/],
    ['analysis.*', [], /a match must be a mapping/],
    [[{ type: 'a' }], [], /a match must be a mapping/],
    [{}, [], /empty match; remove it/],
    [{ not: {} }, ['not'], /empty match/],
    [{ not: 'a' }, ['not'], /a match must be a mapping/],
    [{ any: [] }, ['any'], /"any" takes a list of at least one match/],
    [{ all: { type: 'a' } }, ['all'], /"all" takes a list/],
    [{ any: [{ type: 'a' }, { type: [] }] }, ['any', 1, 'type'], /empty list/],
    [
      { score: 1 },
      ['score'],
      /unknown field "score"; .*"data.score".* starts with one of type, source, event, data, /,
    ],
    [{ __proto_: 1 }, ['__proto_'], /unknown field/],
    [JSON.parse('{"__proto__": 1}'), ['__proto__'], /unknown field/],
    [{ constructor: 1 }, ['constructor'], /unknown field/],
    [{ 'type.x': 1 }, ['type.x'], /"type" is text/],
    [{ 'data..x': 1 }, ['data..x'], /empty name/],
    [{ 'data.': 1 }, ['data.'], /empty name/],
    [{ '': 1 }, [''], /unknown field ""/],
    [{ type: {} }, ['type'], /no operator; known: in, not, gt,/],
    [
      { data: { status: 'x' } },
      ['data', 'status'],
      /unknown operator "status"; known: .*write "data.status"/,
    ],
    [{ type: { constructor: 1 } }, ['type', 'constructor'], /unknown operator/],
    [
      { type: { not: { resembles: 1 } } },
      ['type', 'not', 'resembles'],
      /unknown operator "resembles"; known: in.*regex$/,
    ],
    [{ type: ['a', ['b']] }, ['type', 1], /a list within a list/],
    [{ type: [{ gt: 'x' }] }, ['type', 0, 'gt'], /"gt" takes a number$/],
    [{ type: Number.NaN }, ['type'], /must be text/],
    [{ type: { in: 'a' } }, ['type', 'in'], /"in" takes a list/],
    [{ type: { in: [] } }, ['type', 'in'], /empty list/],
    [{ 'data.x': { gt: '5' } }, ['data.x', 'gt'], /"gt" takes a number; remove the quotes/],
    [{ 'data.x': { lte: null } }, ['data.x', 'lte'], /"lte" takes a number/],
    [{ 'data.x': { lt: Number.POSITIVE_INFINITY } }, ['data.x', 'lt'], /"lt" takes a number/],
    [{ 'data.x': { exists: 'yes' } }, ['data.x', 'exists'], /"exists" takes true or false/],
    [{ 'data.x': { prefix: 1 } }, ['data.x', 'prefix'], /"prefix" takes text/],
    [{ 'data.x': { contains: ['a'] } }, ['data.x', 'contains'], /"contains" takes text, or one element/],
    [{ 'data.x': { regex: 5 } }, ['data.x', 'regex'], /"regex" takes a regular expression/],
    [
      { 'data.x': { regex: '(a' } },
      ['data.x', 'regex'],
      /valid RE2 regular expression: missing closing \): `\(a`/,
    ],
    [{ 'data.x': { regex: 'a(?=b)' } }, ['data.x', 'regex'], /valid RE2 regular expression: .*`\(\?=`/],
    [{ 'data.x': { regex: '(a)\\1' } }, ['data.x', 'regex'], /not a valid RE2/],
    [{ 'data.x': { regex: '(?:a{30}b){30}' } }, ['data.x', 'regex'], /too large/],
  ]
  for (const [raw, path, message] of cases) {
    const [problem, ...others] = problemsOf(raw)
    t.same(problem?.path, path, JSON.stringify(raw))
    t.match(problem?.message, message)
    t.same(others, [])
  }
  t.same(
    problemsOf({ type: [], 'data.x': { gt: 'a', zz: 1 }, any: [{ nope: 1 }] }).map((problem) => problem.path),
    [['type'], ['data.x', 'gt'], ['data.x', 'zz'], ['any', 0, 'nope']],
    'all mistakes are reported at once',
  )
})

t.test('a match that contains itself, as a YAML alias can make it, is a mistake', async (t) => {
  const circular: Record<string, unknown> = {}
  circular.any = [circular, circular]
  t.match(problemsOf(circular), [{ path: [], message: /nested more than/ }])
})

t.test('wildcards', async (t) => {
  const cases: [pattern: string, text: string, held: boolean][] = [
    ['*', '', true],
    ['*', 'any\ntext', true],
    ['a*', 'a', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['*ab*ab*', 'ab', false],
    ['*ab*ab*', 'abab', true],
    ['a**b', 'ab', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'axb', false],
    ['a\\*', 'a*', true],
    ['\\\\*', '\\anything', true],
    ['\\\\*', 'anything', false],
    ['\\\\\\**', '\\*x', true],
    ['a.b*', 'axb', false],
    ['a\\b*', 'a\\bc', true],
    ['abc', 'abc', true],
    ['abc', 'abcd', false],
  ]
  for (const [pattern, text, held] of cases) t.equal(wildcard(pattern)(text), held, `${pattern} for ${text}`)
  t.ok(holds('a\\*', 'a*'))
  t.notOk(holds('a\\*', 'ab'))
  t.ok(holds('a\\b', 'a\\b'), 'without a star a backslash is itself')
})

t.test('a wildcard agrees with a regular expression', async () => {
  const character = fc.constantFrom('a', 'b', '.', '\\', '\n')
  const part = fc.oneof(character, fc.constant('*'))
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), fc.array(character, { maxLength: 14 }), (parts, text) => {
      // The oracle has no escapes: the examples above cover a backslash right before a star.
      const pattern = parts.join('').replace(/\\+\*/g, '*')
      const source = pattern.split(/\*+/).map(escaped).join('[^]*')
      return wildcard(pattern)(text.join('')) === new RegExp(`^${source}$`).test(text.join(''))
    }),
    { numRuns: 2_000 },
  )
})

function escaped(text: string): string {
  return text.replace(/[.\\]/g, '\\$&')
}

t.test('hostile texts cost no more than their length', async (t) => {
  const hostile: [name: string, wanted: unknown, text: (length: number) => string][] = [
    ['many wildcards', '*a*a*a*a*a*a*a*a*b*', (length) => 'a'.repeat(length)],
    ['wildcards between longer parts', '*aab*aab*aab*c*', (length) => 'aab'.repeat(length / 3)],
    ['nested repeats', { regex: '(a+)+$' }, (length) => `${'a'.repeat(length - 1)}b`],
    ['overlapping repeats', { regex: '(x+x+)+y' }, (length) => 'x'.repeat(length)],
    ['many states', { regex: '.*a.{20}c' }, (length) => 'ab'.repeat(length / 2)],
  ]
  for (const [name, wanted, text] of hostile) {
    const match = compiled({ 'data.field': wanted })
    const [short, long] = [3_000, 60_000].map((length) => aView({ field: text(length) }))
    if (short === undefined || long === undefined) throw new Error('two lengths make two views')
    t.notOk(matches(match, long), name)
    const thrice = (view: typeof long) => () => void [view, view, view].map((one) => matches(match, one))
    // Twenty times the text: linear work grows twentyfold, quadratic four hundredfold.
    const times = growth([thrice(short), thrice(long)], 150, 0.02)
    t.ok(times < 150, `${name}: ${times.toFixed(1)} times as long`)
  }
})

t.test('numbers are compared as they were written, however long', async (t) => {
  const n = (text: string) => numberOf(text)
  for (const [wanted, value, held] of [
    [n('9007199254740993'), n('9007199254740993'), true],
    [n('9007199254740993'), n('9007199254740992'), false],
    [n('9007199254740992'), n('9007199254740993'), false],
    [1, n('1.0'), true],
    [n('1e2'), 100, true],
    [100, n('1E+2'), true],
    [0, n('-0'), true],
    [n('0.1'), n('0.1000000000000000055'), false],
    [[1, n('9007199254740993')], n('9007199254740993'), true],
    ['9007199254740993', n('9007199254740993'), false],
    [{ gt: n('9007199254740992') }, n('9007199254740993'), true],
    [{ gt: n('9007199254740993') }, n('9007199254740993'), false],
    [{ gte: n('9007199254740993') }, n('9007199254740993'), true],
    [{ lt: 80 }, n('-1e400'), true],
    [{ gt: n('1e399') }, n('1e400'), true],
    [{ gt: n('1e400') }, n('1e399'), false],
    [{ lte: n('0.1') }, n('0.1000000000000000055'), false],
    [{ contains: n('9007199254740993') }, [n('9007199254740993')], true],
    [{ not: 1 }, n('1.0'), false],
    [{ gt: 1 }, '9007199254740993', false],
  ] as const) {
    t.equal(holds(wanted, value), held, `${JSON.stringify(wanted)} for ${JSON.stringify(value)}`)
  }
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
      fc.bigInt({ min: -3n, max: 3n }),
      (one, more) => {
        const other = one + more
        const sign = one < other ? -1 : one > other ? 1 : 0
        return (
          Math.sign(compareNumbers(n(`${one}`), n(`${other}.0`))) === sign &&
          Math.sign(compareNumbers(n(`${one}e-3`), n(`${other}00e-5`))) === sign
        )
      },
    ),
  )
})
