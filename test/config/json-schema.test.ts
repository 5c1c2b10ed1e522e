import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { jsonSchema } from '../../src/config/json-schema.ts'
import { loadConfig } from '../../src/config/load.ts'
import { parseYaml } from '../../src/config/yaml.ts'
import { compileMatch } from '../../src/core/match.ts'
import { environment, fixtureNames, fixtures, problemsOf } from '../support/config-fixtures.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const ajv = new Ajv2020({
  formats: { 'date-time': true },
  strict: true,
  allowUnionTypes: true,
  strictRequired: false,
})
const validate = ajv.compile(jsonSchema())

/** Whether the schema takes the file; undefined where it is not YAML. */
function verdict(file: string): boolean | undefined {
  const parsed = parseYaml(file, readFileSync(file, 'utf8'))
  return parsed.ok ? validate(parsed.document.value) : undefined
}

t.test('config.schema.json is what the schema says; UPDATE_GOLDEN=1 writes it anew', async (t) => {
  const file = join(root, 'config.schema.json')
  const text = `${JSON.stringify(jsonSchema(), null, 2)}\n`
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text)
  t.equal(readFileSync(file, 'utf8'), text)
})

t.test('the example and the good configurations are valid', async (t) => {
  const files = [
    join(root, 'config.example.yaml'),
    ...fixtureNames('good').map((name) => join(fixtures, 'good', name)),
  ]
  for (const file of files)
    t.equal(verdict(file), true, `${basename(file)} ${JSON.stringify(validate.errors)}`)
})

// What the schema cannot say: what a variable or a file holds, and what the parts of a value mean together.
const beyondSchema = [
  'wrong-type-variable',
  'wrong-value-allow-ips',
  'wrong-value-enum-variable',
  'wrong-value-public-url',
  'wrong-value-public-url-query',
  'wrong-value-secret',
  'wrong-value-secret-plain',
  'wrong-value-short-timeout',
  'wrong-value-trust-proxy-item',
  'store-path',
  'store-postgres',
  'store-retain-below-dedupe',
  'receiver-twice',
]
const codesOfSchema = ['unknown_key', 'missing_key', 'wrong_type', 'wrong_value', 'unsupported']

t.test('the schema and the loader find the same configurations wrong', async (t) => {
  for (const name of fixtureNames('bad')) {
    const file = join(fixtures, 'bad', name)
    const found = verdict(file)
    if (found === undefined) continue
    const codes = problemsOf(loadConfig(file, environment)).map(({ code }) => code)
    const sayable =
      codes.some((code) => codesOfSchema.includes(code)) && !beyondSchema.includes(basename(name, '.yaml'))
    const shape = ['match-empty', 'match-list', 'match-unknown-operator', 'match-wrong-operand'].includes(
      basename(name, '.yaml'),
    )
    t.equal(found, !(sayable || shape), `${name} ${codes} ${JSON.stringify(validate.errors)}`)
  }
})

t.test('the schema of a match takes what the compiler takes', async (t) => {
  const takes = ajv.compile({ $ref: '#/$defs/match', $defs: jsonSchema().$defs })
  const good = [
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
  const bad = [
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
  for (const match of good) {
    t.ok(compileMatch(match).ok, `compiles ${JSON.stringify(match)}`)
    t.ok(takes(match), `is valid ${JSON.stringify(match)} ${JSON.stringify(takes.errors)}`)
  }
  for (const match of bad) {
    t.notOk(compileMatch(match).ok, `does not compile ${JSON.stringify(match)}`)
    t.notOk(takes(match), `is not valid ${JSON.stringify(match)}`)
  }
})

t.test('every key says what it is for', async (t) => {
  const visit = (schema: unknown, path: string): void => {
    if (typeof schema !== 'object' || schema === null) return
    for (const [key, value] of Object.entries(schema)) {
      if (
        key === 'properties' &&
        !path.includes('match') &&
        !path.includes('operators') &&
        !path.includes('$defs.file')
      ) {
        for (const [name, property] of Object.entries(value)) {
          const described =
            typeof property === 'object' &&
            property !== null &&
            ('description' in property || '$ref' in property)
          t.ok(
            described || path.startsWith('.properties.channels') || path.startsWith('.properties.receivers'),
            `${path}.${name}`,
          )
        }
      }
      visit(value, `${path}.${key}`)
    }
  }
  visit(jsonSchema(), '')
})
