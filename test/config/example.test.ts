/** config.example.yaml has every key there is, some of them commented out. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parseYaml } from '../../src/config/file/yaml.ts'
import { jsonSchema } from '../../src/config/schema/json-schema.ts'
import { isObject, type Json, type JsonObject } from '../../src/core/json/json.ts'
import { operatorNames } from '../../src/core/match/condition.ts'
import { ajv } from '../support/validator.ts'

const file = join(fileURLToPath(new URL('../..', import.meta.url)), 'config.example.yaml')
const schema = jsonSchema()

/** The example with what is commented out: lines that begin with a key or a list's item, and those indented below. */
function uncommented(): unknown {
  const text = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.replace(/^( *)# ( *)((?:- )?["\w.]+:( |$))/, '$1$2$3'))
    .join('\n')
  const parsed = parseYaml(file, text)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return parsed.document.value
}

// These may stand for nearly any value, and are explained at the top.
const anywhere = ['#/$defs/variable', '#/$defs/file']

/** The keys of a schema as paths: a dot before a key, `*` for any name and for the items of a list. */
function keysOf(part: Json | undefined, path: string, within: readonly string[] = []): string[] {
  if (!isObject(part)) return []
  const { properties, additionalProperties, items, $ref, anyOf } = part
  const referred =
    typeof $ref === 'string' && !anywhere.includes($ref) && !within.includes($ref) ? [$ref] : []
  const own = isObject(properties) ? Object.entries(properties) : []
  return [
    ...own.flatMap(([key, child]) => [`${path}.${key}`, ...keysOf(child, `${path}.${key}`, within)]),
    ...[additionalProperties, items].flatMap((child) => keysOf(child, `${path}.*`, within)),
    ...referred.flatMap((name) => keysOf(definition(name), path, [...within, name])),
    ...(Array.isArray(anyOf) ? anyOf.flatMap((child: Json) => keysOf(child, path, within)) : []),
  ]
}

function definition(reference: string): Json | undefined {
  const definitions: JsonObject = isObject(schema.$defs) ? schema.$defs : {}
  return definitions[reference.replace('#/$defs/', '')]
}

function written(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => written(item, `${path}.*`))
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([key, item]) => [
    `${path}.${key}`,
    ...written(item, `${path}.${key}`),
  ])
}

/** Whether one of the paths is this one, `*` being any step. */
function has(paths: readonly string[], wanted: string): boolean {
  const steps = wanted.split('.')
  return paths.some((path) => {
    const own = path.split('.')
    return own.length === steps.length && steps.every((step, index) => step === '*' || step === own[index])
  })
}

t.test('every key of the schema is in the example', async (t) => {
  const paths = written(uncommented(), '')
  // A match's own words are looked for below.
  const keys = [...new Set(keysOf(schema, ''))].filter((key) => !key.includes('.match.'))
  t.ok(keys.length > 60)
  for (const key of keys) t.ok(has(paths, key), key)
  t.ok(readFileSync(file, 'utf8').includes('{file: PATH}'))
})

t.test('what is commented out is right as well', async (t) => {
  const validate = ajv.compile(schema)
  t.ok(validate(uncommented()), JSON.stringify(validate.errors))
})

t.test('every word of a match is in the example', async (t) => {
  const matches = JSON.stringify(uncommented())
  for (const name of [...operatorNames, 'any', 'all', 'type', 'source'])
    t.ok(matches.includes(`"${name}":`), name)
})
