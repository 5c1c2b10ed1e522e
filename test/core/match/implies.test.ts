import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { View } from '../../../src/core/event.ts'
import { covers, createCoverage } from '../../../src/core/match/coverage.ts'
import { matches } from '../../../src/core/match/evaluate.ts'
import {
  byKnownValues,
  follows,
  type KnownFields,
  possible,
  type Terms,
  termsOf,
} from '../../../src/core/match/implies.ts'
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

t.test('among many, the same are found as one by one, with as many looks as there are', async (t) => {
  const text = fc.constantFrom('', 'a', 'ab', 'abc', 'b', 'a*', '*')
  const value = fc.oneof(
    text,
    fc.integer({ min: 0, max: 2 }),
    fc.array(text, { minLength: 1, maxLength: 3 }),
    fc.record({ prefix: text }),
    fc.record({ suffix: text }),
    fc.constant({ exists: true }),
  )
  const source = fc.constantFrom('cuuro', 'other', 'cu*')
  const raw = fc.oneof(
    fc.record({ source }),
    fc.record({ 'data.x': value, source }),
    fc.record({ 'data.x': value, type: value }),
    fc.record({ 'data.x': value }),
    fc.record({ type: value }),
  )
  const found = { alone: 0, together: 0, none: 0 }
  fc.assert(
    fc.property(
      fc.array(raw, { minLength: 1, maxLength: 6 }),
      fc.option(raw, { freq: 20 }),
      (earlier, later) => {
        const candidates = earlier.map(terms)
        const all = possible(terms(later), facts)
        fc.pre(all.length > 0)
        const isCoveredBy = (some: readonly Terms[]) =>
          all
            .flatMap((term) => byKnownValues(term, facts))
            .every((term) => some.flat().some((other) => follows(other, term, facts)))
        const coverage = createCoverage<number>(facts)
        for (const [index, candidate] of candidates.entries()) coverage.add(index, candidate)
        const covering = coverage.covering(all)
        const alone = candidates.findIndex((candidate) => isCoveredBy([candidate]))
        if (alone >= 0) assert.deepEqual(covering, [alone])
        else assert.equal(covering !== null, isCoveredBy(candidates))
        found[alone >= 0 ? 'alone' : covering === null ? 'none' : 'together'] += 1
      },
    ),
    { numRuns: 2_000 },
  )
  t.ok(Math.min(...Object.values(found)) > 20, JSON.stringify(found))

  const matches: readonly ((number: number) => unknown)[] = [
    (number) => ({ type: 'a', 'data.id': `fund-${number}/` }),
    (number) => ({ type: 'a', 'data.id': { prefix: `fund-${number}/` } }),
    (number) => ({ 'data.id': [`fund-${number}`, `firm-${number}`], type: { prefix: 'a' } }),
  ]
  for (const matchOf of matches) {
    const looksAmong = (count: number) => {
      let looks = 0
      const isText = (path: string) => {
        looks++
        return facts.isText(path)
      }
      const coverage = createCoverage<number>({ ...facts, isText })
      for (let number = 0; number < count; number++) {
        const all = terms(matchOf(number))
        assert.equal(coverage.covering(all), null)
        coverage.add(number, all)
      }
      return looks
    }
    t.ok(looksAmong(1_000) <= 12 * looksAmong(100), `${JSON.stringify(matchOf(0))}`)
  }
})
