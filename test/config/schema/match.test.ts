/** The schema of a match is drawn from the compiler's words; here it is held against the compiler. */
import fc from 'fast-check'
import t from 'tap'
import { jsonSchema } from '../../../src/config/schema/json-schema.ts'
import { operatorNames } from '../../../src/core/match/condition.ts'
import { compileMatch } from '../../../src/core/match/match.ts'
import { ajv } from '../../support/validator.ts'

const takes = ajv.compile({ $ref: '#/$defs/match', $defs: jsonSchema().$defs })
const good = ['type', 'source', 'event.id', 'data', 'data.x', 'payload.a.0', 'enriched.a b.c']
const bad = ['data.', 'data..x', 'type.x', 'x', 'Data.x', '']
const field = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...good) }, fc.constantFrom(...bad))

t.test('the schema of a match takes what the compiler takes', async (t) => {
  const fine = [
    { type: 'a' },
    { type: ['a', 'b*'], 'data.x': null },
    { any: [{ type: 'a' }, { all: [{ source: 'b' }] }], not: { 'data.y': 1 } },
    { 'data.x': { in: ['a', 1, { gt: 3 }], not: { prefix: 'x' } } },
    {
      'data.x': {
        gt: 1,
        gte: 1,
        lt: 9.5,
        lte: 9,
        exists: true,
        prefix: 'a',
        suffix: 'b',
        contains: 1,
        regex: 'a+',
      },
    },
  ]
  const wrong = [
    null,
    'a',
    {},
    [],
    { any: [] },
    { all: { type: 'a' } },
    { not: 'a' },
    { type: [] },
    { type: {} },
    { type: [['a']] },
    { 'data.x': { gt: 'a' } },
    { 'data.x': { exists: 'yes' } },
    { 'data.x': { regex: 1 } },
    { 'data.x': { prefix: null } },
    { 'data.x': { in: 'a' } },
    { 'data.x': { contains: [] } },
    { 'data.x': { greater: 1 } },
  ]
  for (const match of fine) {
    t.ok(compileMatch(match).ok, `compiles ${JSON.stringify(match)}`)
    t.ok(takes(match), `is valid ${JSON.stringify(match)} ${JSON.stringify(takes.errors)}`)
  }
  for (const match of wrong) {
    t.notOk(compileMatch(match).ok, `does not compile ${JSON.stringify(match)}`)
    t.notOk(takes(match), `is not valid ${JSON.stringify(match)}`)
  }
})

t.test('of random matches the schema takes those that the compiler takes', async (t) => {
  const scalar = fc.constantFrom<unknown>('a', 'a.*', '', 1, 0.5, true, null)
  const { value, match } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      { weight: 3, arbitrary: scalar },
      { weight: 1, arbitrary: fc.array(tie('value'), { maxLength: 2 }) },
      { weight: 2, arbitrary: tie('operators') },
    ),
    operators: fc.dictionary(fc.constantFrom(...operatorNames, 'near'), tie('value'), { maxKeys: 2 }),
    matches: fc.array(tie('match'), { maxLength: 2 }),
    match: fc
      .tuple(
        fc.dictionary(field, tie('value'), { maxKeys: 2 }),
        fc.dictionary(
          fc.constantFrom('any', 'all', 'not'),
          fc.oneof({ maxDepth: 2 }, scalar, tie('matches'), tie('match')),
          { maxKeys: 1 },
        ),
      )
      .map(([fields, groups]) => ({ ...fields, ...groups })),
  }))
  const verdicts = { taken: 0, refused: 0 }
  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: match }, value), (written) => {
      verdicts[takes(written) ? 'taken' : 'refused'] += 1
      return takes(written) === compileMatch(written).ok
    }),
    { numRuns: 2_000 },
  )
  t.ok(Math.min(verdicts.taken, verdicts.refused) > 100, JSON.stringify(verdicts))
})
