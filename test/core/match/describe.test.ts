import fc from 'fast-check'
import t from 'tap'
import { describe } from '../../../src/core/match/describe.ts'
import { evaluate } from '../../../src/core/match/evaluate.ts'
import { compileMatch } from '../../../src/core/match/match.ts'
import { anyText } from '../../support/any-text.ts'
import { aView } from '../../support/event.ts'

function words(raw: unknown): string {
  const compiled = compileMatch(raw)
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
  return describe(compiled.match)
}

t.test('values and operators', async (t) => {
  for (const [raw, expected] of [
    [{ type: 'analysis.*' }, 'type = analysis.*'],
    [{ type: 'analysis.*', 'data.score': { gte: 80 } }, 'type = analysis.* and data.score >= 80'],
    [{ type: ['startup.created', 'analysis.*'] }, 'type in [startup.created, analysis.*]'],
    [{ type: ['startup.created'] }, 'type = startup.created'],
    [{ type: { in: ['a', 'b'] } }, 'type in [a, b]'],
    [{ 'data.score': { gt: 1, lt: 9 } }, 'data.score > 1 and data.score < 9'],
    [{ 'data.score': { lte: 9.5 } }, 'data.score <= 9.5'],
    [{ 'data.score': [80, { gt: 90 }] }, 'data.score = 80 or data.score > 90'],
    [{ 'data.x': { exists: true } }, 'data.x exists'],
    [{ 'data.x': { exists: false } }, 'data.x is missing'],
    [{ 'data.x': { not: 'demo' } }, 'data.x != demo'],
    [{ 'data.x': { not: ['a', 'b'] } }, 'not (data.x in [a, b])'],
    [
      { 'data.x': { not: { prefix: 'a', suffix: 'b' } } },
      'not (data.x starts with a and data.x ends with b)',
    ],
    [{ 'data.tags': { contains: 'hot' } }, 'data.tags contains hot'],
    [{ 'data.x': { regex: 'a+ b' } }, 'data.x matches "a+ b"'],
    [{ 'data.x': null }, 'data.x = null'],
  ] as const) {
    t.equal(words(raw), expected)
  }
})

t.test('text is quoted where it could be read as something else', async (t) => {
  for (const [value, expected] of [
    ['80', '"80"'],
    ['true', '"true"'],
    ['', '""'],
    ['two words', '"two words"'],
    ['a, b', '"a, b"'],
    ['say "x"', '"say \\"x\\""'],
    ['line\nbreak', '"line\\nbreak"'],
    ['\u009b2J', '"\\u{9b}2J"'],
    ['abc\u202edef', '"abc\\u{202e}def"'],
    ['größe', 'größe'],
  ] as const) {
    t.equal(words({ 'data.x': value }), `data.x = ${expected}`)
  }
  t.equal(words({ 'data.two words': 1 }), '"data.two words" = 1')
})

t.test('brackets show what belongs together', async (t) => {
  for (const [raw, expected] of [
    [{ any: [{ type: 'a' }, { type: 'b' }] }, 'type = a or type = b'],
    [{ source: 'cuuro', any: [{ type: 'a' }, { type: 'b' }] }, 'source = cuuro and (type = a or type = b)'],
    [{ any: [{ type: 'a', source: 's' }, { type: 'b' }] }, '(type = a and source = s) or type = b'],
    [
      { all: [{ type: 'a' }, { all: [{ source: 's' }, { 'data.x': 1 }] }] },
      'type = a and source = s and data.x = 1',
    ],
    [{ source: 's', 'data.x': [1, { gt: 5 }] }, 'source = s and (data.x = 1 or data.x > 5)'],
    [{ not: { type: 'a' } }, 'not (type = a)'],
    [
      { not: { any: [{ type: 'a' }, { type: 'b' }] }, source: 's' },
      'not (type = a or type = b) and source = s',
    ],
    [{ any: [{ type: 'a' }] }, 'type = a'],
  ] as const) {
    t.equal(words(raw), expected)
  }
})

t.test('an evaluated condition has the words of its match', async (t) => {
  for (const raw of [
    { any: [{ type: 'a' }, { not: { 'data.x': { gt: 5 } } }] },
    { not: { type: 'a', source: 'b' } },
    { 'data.x': [1, 2] },
  ]) {
    const compiled = compileMatch(raw)
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
    const [condition, ...others] = evaluate(compiled.match, aView()).conditions
    t.strictSame(others, [])
    t.equal(condition && describe(condition), describe(compiled.match))
  }
})

t.test('whatever a value is, it stays one line that shows everything', async () => {
  fc.assert(
    fc.property(anyText(), (value) => {
      const text = words({ 'data.x': { not: value } })
      return !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text) && text.startsWith('data.x != ')
    }),
  )
})
