import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import t from 'tap'
import { parseYaml } from '../../../src/config/file/yaml.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { jsonSchema } from '../../../src/config/schema/json-schema.ts'
import { isObject, type Json, type JsonObject } from '../../../src/core/json/json.ts'
import { addressEntryPattern, parseAddressEntry } from '../../../src/core/receiving/addresses.ts'
import { environment, fixtureNames, fixtures, problemsOf } from '../../support/config-fixtures.ts'
import { ajv } from '../../support/validator.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
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

t.test('the examples and the good configurations are valid', async (t) => {
  const files = [
    join(root, 'config.demo.yaml'),
    join(root, 'config.example.yaml'),
    ...fixtureNames('good').map((name) => join(fixtures, 'good', name)),
  ]
  for (const file of files)
    t.equal(verdict(file), true, `${basename(file)} ${JSON.stringify(validate.errors)}`)
})

/** What the loader refuses and the schema cannot: by reason, the fixtures that show it. */
const beyondSchema: Readonly<Record<string, readonly string[]>> = {
  'what a variable or a file holds is known when the configuration is loaded': [
    'missing-file',
    'unset-variable',
    'unset-variable-in-a-list',
    'unset-variable-within',
    'wrong-type-variable',
    'wrong-value-enum-variable',
    'wrong-value-admin-token',
    'wrong-value-secret',
    'wrong-value-heartbeat-http',
    'wrong-value-heartbeat-user',
    'wrong-variable',
    'oauth2-key-file-missing',
    'oauth2-not-a-service-account',
  ],
  'a name must be one that stands elsewhere in the file': [
    'unknown-receiver',
    'notices-unknown-receiver',
    'notices-routes-unknown-receiver',
    'unknown-receiver-unrouted',
    'fallback-unknown',
    'fallback-circle',
    'fallback-itself',
    'fallback-mute',
    'enrich-later-step',
    'enrich-same-name',
    'enrich-require',
    'unknown-field-enriched',
    'unknown-field-enriched-link',
    'unknown-field-enriched-test',
    'unknown-field-no-enrich',
    'unknown-time-interval',
    'time-interval-name',
  ],
  'whether a key is wanted depends on another part of the file': [
    'missing-email-settings',
    'missing-settings',
    'route-without-receivers',
    'oauth2-and-password',
    'fallback-alone',
    'notices-both',
    'notices-neither',
  ],
  'two values are compared': [
    'store-retain-below-dedupe',
    'store-retain-unresolved-below-retain',
    'time-interval-midnight',
    'time-interval-days',
    'time-interval-month',
    'time-interval-weekend',
  ],
  'the names of time zones change': ['time-interval-location', 'time-interval-location-local', 'time-zone'],
  'a bound on a duration is one on what it comes to, in whatever units': [
    'wrong-value-short-timeout',
    'enrich-timeout',
  ],
  'a text is in a language of its own: a regular expression, a template': [
    'link-host',
    'link-scheme',
    'link-template',
    'match-regex',
    'enrich-template',
    'enrich-header-template',
    'enrich-host-variable',
    'enrich-secret-in-url',
    'enrich-header-line-break',
  ],
  'a URL is read as browsers read one, which no pattern does': [
    'enrich-http',
    'enrich-user-in-url',
    'enrich-private-address',
    'enrich-link-local-address',
    'enrich-hidden-address',
    'wrong-value-public-url',
    'wrong-value-public-url-query',
    'store-postgres',
  ],
  'the length of a path is that of the whole one': ['wrong-value-admin-socket'],
  'a name is reserved': ['notices-source'],
  'a folder must be there': ['missing-templates-folder', 'unknown-template'],
}

t.test('the schema and the loader have the same verdict wherever the schema can have one', async (t) => {
  const exceptions = Object.values(beyondSchema).flat()
  const names = fixtureNames('bad').map((name) => basename(name, '.yaml'))
  for (const name of exceptions) t.ok(names.includes(name), `${name} is a fixture`)
  for (const name of names) {
    const file = join(fixtures, 'bad', `${name}.yaml`)
    const found = verdict(file)
    // What is not YAML no schema gets to see.
    if (found === undefined) continue
    const loaded = loadConfig(file, environment)
    const codes = problemsOf(loaded).map(({ code }) => code)
    const expected = exceptions.includes(name) ? !loaded.ok : loaded.ok
    t.equal(found, expected, `${name}: ${codes} ${JSON.stringify(validate.errors)}`)
  }
})

/** Every part of the schema that is one itself, with its path. */
function* parts(schema: Json, path = '#'): Generator<readonly [string, JsonObject]> {
  if (!isObject(schema)) return
  yield [path, schema]
  const { properties, patternProperties, $defs, additionalProperties, items, anyOf } = schema
  for (const children of [properties, patternProperties, $defs])
    for (const [name, child] of Object.entries(isObject(children) ? children : {}))
      yield* parts(child, `${path}/${name}`)
  for (const child of [additionalProperties, items, ...(Array.isArray(anyOf) ? anyOf : [])])
    yield* parts(child ?? null, `${path}/*`)
}

t.test('every key says what it is for, and shows its form', async (t) => {
  const { $defs = {} } = jsonSchema()
  let keys = 0
  for (const [path, { properties, patternProperties }] of parts(jsonSchema())) {
    for (const [name, key] of Object.entries({ ...toObject(properties), ...toObject(patternProperties) })) {
      const [, referred = ''] = /^#\/\$defs\/(\w+)$/.exec(String(toObject(key).$ref)) ?? []
      const known = { ...toObject(toObject($defs)[referred]), ...toObject(key) }
      keys += 1
      t.match(known.description, /\.$/, `${path}/${name} is described`)
      t.ok(showsForm(known), `${path}/${name} has an example, or needs none`)
    }
  }
  t.ok(keys > 60)
})

function showsForm(key: JsonObject): boolean {
  const shown = ['examples', 'default', 'properties', 'enum'].some((word) => key[word] !== undefined)
  const choices = Array.isArray(key.anyOf) ? key.anyOf.map(toObject) : []
  const listed = choices.some(({ enum: values, type }) => values !== undefined || type === 'boolean')
  const list = toObject(key.items).$ref !== undefined
  return shown || listed || list
}

function toObject(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {}
}

t.test('examples and defaults are valid where they stand', async (t) => {
  let shown = 0
  for (const [path, part] of parts(jsonSchema())) {
    const values = [...(Array.isArray(part.examples) ? part.examples : []), part.default].filter(
      (value) => value !== undefined,
    )
    if (values.length === 0) continue
    const takes = ajv.compile({ ...part, $defs: jsonSchema().$defs ?? {} })
    for (const value of values)
      t.ok(takes(value), `${path}: ${JSON.stringify(value)} ${JSON.stringify(takes.errors)}`)
    shown += values.length
  }
  t.ok(shown > 60)
})

t.test('the pattern of an address refuses none that the loader takes', async () => {
  const pattern = new RegExp(addressEntryPattern)
  const piece = fc.constantFrom(
    '0',
    '1',
    '25',
    '255',
    '256',
    '10',
    '.',
    '.',
    ':',
    '::',
    'ffff',
    'a',
    '/',
    '/8',
    '/32',
    'svix',
    'svix:eu',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join('')),
        fc.ipV4(),
        fc.ipV6(),
      ),
      (entry) => !parseAddressEntry(entry).ok || pattern.test(entry),
    ),
    { numRuns: 2_000 },
  )
})
