import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { View } from '../../../src/core/event.ts'
import { matches } from '../../../src/core/match/evaluate.ts'
import { covers, type KnownFields, possible, termsOf } from '../../../src/core/match/implies.ts'
import { compileMatch, type Match } from '../../../src/core/match/match.ts'
import { aView } from '../../support/event.ts'

const facts: KnownFields = {
  values: new Map([['source', ['cuuro', 'other']]]),
  isText: (path) => path === 'type' || path === 'source',
  isMissing: (path) => path.startsWith('enriched.') || path === 'event.account',
}

function match(raw: unknown): Match {
  const compiled = compileMatch(raw)
  if (!compiled.ok) throw new Error(compiled.problems[0]?.message)
  return compiled.match
}

function terms(raw: unknown) {
  return termsOf(raw === null ? undefined : match(raw))
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
    [{ type: '*' }, { 'data.id': '1' }],
    [{ type: { suffix: '.completed' } }, { type: ['a.completed', '*.b.completed'] }],
    [{ type: 'a' }, { type: 'a', 'data.score': { gt: 1 }, not: { 'data.id': '2' } }],
    [{ any: [{ type: 'a' }, { type: 'b' }] }, { type: ['b', 'a'] }],
    [{ 'data.score': { exists: true } }, { 'data.score': { lt: 1 } }],
    [{ type: { exists: true } }, { 'data.id': 'x' }],
    [{ source: ['cuuro', 'other'] }, { type: 'a' }],
    [{ type: 'a\\*b*' }, { type: { prefix: 'a*bc' } }],
  ]) {
    t.ok(covered(earlier, later), `${JSON.stringify(earlier)} covers ${JSON.stringify(later)}`)
  }
  for (const [earlier, later] of [
    [{ type: 'a' }, null],
    [{ type: 'analysis.c*' }, { type: 'analysis.*' }],
    [{ type: 'a', 'data.id': '1' }, { type: 'a' }],
    [{ 'data.score': { gt: 80 } }, { 'data.score': 90 }],
    [{ not: { type: 'a' } }, { type: 'b' }],
    [{ 'data.id': '*' }, { type: 'a' }],
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
    { source: 'cuurro' },
    { 'enriched.score': { gt: 1 } },
    { 'event.account': 'x' },
    { 'data.id': { in: ['a', 'b'], prefix: 'c' } },
    { 'data.id': { prefix: 'ab', suffix: 'x', in: ['abc', 'bx'] } },
    { all: [{ type: 'a.*' }, { type: 'b.*' }] },
    { any: [{ type: 5 }, { source: 'nobody' }], type: 'a' },
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

t.test('nothing is claimed of a match with too many alternatives', async (t) => {
  const many = (path: string, length: number) => ({ [path]: Array.from({ length }, (_, at) => at) })
  for (const raw of [{ ...many('data.a', 20), ...many('data.b', 20) }, many('data.a', 300)]) {
    t.ok(covered({ 'data.a': { exists: true } }, many('data.a', 20)))
    t.notOk(covered(raw, { 'data.a': 0, 'data.b': 0 }))
    t.notOk(covered({ 'data.a': { exists: true } }, raw))
  }
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
  // What is understood, so that much is found to be covered.
  const simple = fc.oneof(
    pattern,
    fc.array(fc.oneof(scalar, pattern), { minLength: 1, maxLength: 4 }),
    fc.record({ prefix: text }),
    fc.constant({ exists: true }),
  )
  const simpleFields = fc.oneof(fc.record({ type: simple }), fc.record({ 'data.x': simple }))
  const field = fc.oneof(scalar, fc.array(scalar, { maxLength: 2 }), fc.constant(undefined))
  const view: fc.Arbitrary<View> = fc
    .tuple(field, field, text)
    .map(([x, y, type]) => aView(JSON.parse(JSON.stringify({ x, y })), { type, source: 'cuuro' }))
  let found = { covering: 0, impossible: 0 }
  fc.assert(
    fc.property(
      fc.oneof(simpleFields, raw),
      fc.oneof(simpleFields, raw),
      fc.array(view, { minLength: 20, maxLength: 40 }),
      (earlier, later, views) => {
        const [one, other] = [match(earlier), match(later)]
        const [covering, all] = [termsOf(one), termsOf(other)]
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
      },
    ),
    { numRuns: 5_000 },
  )
  t.ok(found.covering > 100 && found.impossible > 100, JSON.stringify(found))
})
