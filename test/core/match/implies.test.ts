import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { View } from '../../../src/core/event.ts'
import { covers, type Facts, possible, termsOf } from '../../../src/core/match/implies.ts'
import { compileMatch, type Match, matches } from '../../../src/core/match/match.ts'
import { aView } from '../../support/event.ts'

const facts: Facts = {
  values: new Map([['source', ['cuuro', 'other']]]),
  isText: (path) => path === 'type' || path === 'source',
  isMissing: (path) => path.startsWith('enriched.'),
}

function match(raw: unknown): Match {
  const compiled = compileMatch(raw)
  if (!compiled.ok) throw new Error(compiled.problems[0]?.message)
  return compiled.match
}

function terms(raw: unknown) {
  const found = termsOf(raw === null ? null : match(raw))
  if (found === null) throw new Error('too many terms')
  return found
}

function covered(earlier: unknown, later: unknown): boolean {
  return covers(terms(earlier), possible(terms(later), facts), facts)
}

function canHold(raw: unknown): boolean {
  return possible(terms(raw), facts).length > 0
}

t.test('a match that holds wherever another does is found to do so', async (t) => {
  for (const [earlier, later] of [
    [null, { type: 'a' }],
    [{ type: 'analysis.*' }, { type: 'analysis.completed' }],
    [{ type: 'analysis.*' }, { type: ['analysis.created', 'analysis.completed'] }],
    [{ type: 'analysis.*' }, { type: { prefix: 'analysis.c' }, 'data.id': '1' }],
    [{ type: { prefix: 'analysis.' } }, { type: 'analysis.*.failed' }],
    [{ type: { contains: 'sis' } }, { type: 'analysis.*' }],
    [{ any: [{ type: 'a' }, { type: 'b' }] }, { type: ['b', 'a'] }],
    [{ 'data.score': { gte: 80 } }, { 'data.score': { gt: 80, lt: 90 } }],
    [{ 'data.score': { gte: 80 } }, { 'data.score': 80 }],
    [{ 'data.score': { exists: true } }, { 'data.score': { lt: 1 } }],
    [{ 'data.score': { not: { gt: 5 } } }, { 'data.score': { lt: 5 } }],
    [{ not: { type: 'a' } }, { type: 'b' }],
    [{ type: { exists: true } }, { 'data.id': 'x' }],
    [{ source: ['cuuro', 'other'] }, { type: 'a' }],
    [{ type: { regex: 'a+' } }, { type: 'aaa' }],
    [{ type: 'a\\*b*' }, { type: { prefix: 'a*bc' } }],
  ]) {
    t.ok(covered(earlier, later), `${JSON.stringify(earlier)} covers ${JSON.stringify(later)}`)
  }
  for (const [earlier, later] of [
    [{ type: 'a' }, null],
    [{ type: 'analysis.c*' }, { type: 'analysis.*' }],
    [{ type: 'a', 'data.id': '1' }, { type: 'a' }],
    [{ 'data.score': { gt: 80 } }, { 'data.score': { gte: 80 } }],
    [{ 'data.score': { exists: true } }, { type: 'a' }],
    [{ type: { contains: 'x' } }, { type: 'a*' }],
    [{ type: { regex: 'a.*' } }, { type: 'ab*' }],
    [{ source: 'cuuro' }, { type: 'a' }],
  ]) {
    t.notOk(covered(earlier, later), `${JSON.stringify(earlier)} does not cover ${JSON.stringify(later)}`)
  }
})

t.test('a match that can never hold is found to be one', async (t) => {
  for (const raw of [
    { type: 5 },
    { type: { gt: 5 } },
    { type: { exists: false } },
    { source: 'cuurro' },
    { 'enriched.score': { gt: 1 } },
    { 'data.id': { exists: false, prefix: 'a' } },
    { 'data.score': { gt: 5, lt: 5 } },
    { 'data.score': { gte: 5, lt: 5 } },
    { 'data.score': { gt: 5, prefix: 'x' } },
    { 'data.score': { gt: 5, contains: 'x' } },
    { 'data.id': { in: ['a', 'b'], not: ['b', 'a'] } },
    { 'data.id': { prefix: 'a', not: { prefix: 'a' } } },
    { 'data.id': { prefix: 'ab', suffix: 'x', contains: 'q', not: 'a*' } },
    { all: [{ type: 'a.*' }, { type: 'b.*' }] },
    { type: 'a', not: { type: { prefix: 'a' } } },
  ]) {
    t.notOk(canHold(raw), JSON.stringify(raw))
  }
  for (const raw of [
    { 'data.score': { gte: 5, lte: 5 } },
    { 'data.id': { prefix: 'ab', suffix: 'ba' } },
    { 'data.score': { not: 5 }, type: { not: 'x' } },
    { 'enriched.score': { exists: false } },
    { 'data.tags': { contains: 5 } },
  ]) {
    t.ok(canHold(raw), JSON.stringify(raw))
  }
})

t.test('too many alternatives are not looked at', async (t) => {
  const many = (path: string) => ({ [path]: Array.from({ length: 20 }, (_, at) => at) })
  t.equal(termsOf(match({ ...many('data.a'), ...many('data.b') })), null)
})

t.test('what is said holds for every event', async (t) => {
  const text = fc.constantFrom('', 'a', 'ab', 'b', 'aa', 'a*', '\\', 'a\\', '*')
  const number = fc.integer({ min: 0, max: 3 })
  const pattern = fc.constantFrom('a*', '*b', '*', 'a\\*', 'a\\\\*', '*a*', 'ab', '\\*')
  const scalar = fc.oneof(text, number, fc.constant(null))
  const operators = fc.record(
    {
      in: fc.array(fc.oneof(scalar, pattern), { minLength: 1, maxLength: 2 }),
      not: fc.oneof(scalar, pattern, fc.record({ gt: number })),
      gt: number,
      gte: number,
      lt: number,
      lte: number,
      exists: fc.boolean(),
      prefix: text,
      suffix: text,
      contains: scalar,
      regex: fc.constantFrom('a*', 'a|b', '.*'),
    },
    { requiredKeys: [] },
  )
  const value = fc.oneof(
    scalar,
    pattern,
    operators.filter((found) => Object.keys(found).length > 0),
  )
  const fields = fc
    .record({ 'data.x': value, 'data.y': value, type: value }, { requiredKeys: [] })
    .filter((found) => Object.keys(found).length > 0)
  const raw = fc.oneof(
    fields,
    fc.record({ not: fields }),
    fc.record({ any: fc.array(fields, { minLength: 1, maxLength: 2 }) }),
    fc.tuple(fields, fields).map(([all, not]) => ({ all: [all, { not }] })),
  )
  const field = fc.oneof(scalar, fc.array(scalar, { maxLength: 2 }), fc.constant(undefined))
  const view: fc.Arbitrary<View> = fc
    .tuple(field, field, text)
    .map(([x, y, type]) => aView(JSON.parse(JSON.stringify({ x, y })), { type, source: 'cuuro' }))
  let found = { covering: 0, impossible: 0 }
  fc.assert(
    fc.property(raw, raw, fc.array(view, { minLength: 20, maxLength: 40 }), (earlier, later, views) => {
      const [one, other] = [match(earlier), match(later)]
      const [covering, all] = [termsOf(one), termsOf(other)]
      if (covering === null || all === null) return
      const held = views.filter((event) => matches(other, event))
      const able = possible(all, facts)
      if (able.length === 0) {
        found = { ...found, impossible: found.impossible + 1 }
        assert.equal(held.length, 0, 'it was said that it can never hold')
      } else if (covers(covering, able, facts)) {
        found = { ...found, covering: found.covering + 1 }
        assert.ok(
          held.every((event) => matches(one, event)),
          'it was said that the first holds wherever the second does',
        )
      }
    }),
    { numRuns: 5_000 },
  )
  t.ok(found.covering > 100 && found.impossible > 100, JSON.stringify(found))
})
